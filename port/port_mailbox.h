/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames from one process to another: a ring in memory they share, one that puts and one that
 * takes. Never blocks; what does not fit is refused. A process that dies while putting leaves no
 * trace of what it was at, and one that dies while taking may leave what it had, for its successor.
 */
#ifndef PORT_MAILBOX_H
#define PORT_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_MAILBOX_BYTES (1u << 20)      /* a power of two */
#define PORT_MAILBOX_MAIL_BYTES_MAX 65600u /* longer ones are refused */

struct port_mailbox {
    _Alignas(64) _Atomic uint32_t put;  /* bytes ever put, the putter's */
    _Alignas(64) _Atomic uint32_t take; /* bytes ever taken, the taker's */
    _Alignas(64) uint8_t bytes[PORT_MAILBOX_BYTES];
};

/* Empty it. Nobody else may be at either end. */
void port_mailbox_reset(struct port_mailbox *box);

/*
 * Room for a mail of (bytes), in one piece; written, then posted with the same (bytes). NULL: full,
 * or longer than a mail may be.
 */
uint8_t *port_mailbox_begin(struct port_mailbox *box, uint32_t bytes);
void port_mailbox_post(struct port_mailbox *box, uint32_t bytes, uint32_t tag);

/* The oldest mail, as long as it is not taken; NULL: there is none. */
const uint8_t *port_mailbox_peek(struct port_mailbox *box, uint32_t *bytes, uint32_t *tag);
void port_mailbox_take(struct port_mailbox *box);

bool port_mailbox_empty(const struct port_mailbox *box);

#endif
