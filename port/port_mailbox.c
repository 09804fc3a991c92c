/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Mails lie one behind the other, each with a head and padded to whole heads, none across the end
 * of the ring: where the rest of the ring is too short a head without mail says so. Indices count
 * bytes and wrap at 2^32, of which the ring's size is a divisor.
 *
 * The putter writes a mail and then (put), the taker reads it and then writes (take). Both stores
 * are seq_cst, for who goes to sleep looks at the ring after having said so, and who puts looks
 * whether the other sleeps after having put: one of them must see the other (port_workers.c).
 *
 * Both ends are ours, but one may have died: heads are checked, so that even a ring written to by
 * mistake costs its mails and no more.
 */
#include "port_mailbox.h"

#include <string.h>

#define SKIP UINT32_MAX /* as a mail's length: go on at the start of the ring */

struct head {
    uint32_t bytes, tag;
};

/* A mail of (bytes) with its head and padding. */
static uint32_t room_of(uint32_t bytes)
{
    const uint32_t unit = (uint32_t)sizeof(struct head);

    return unit + (bytes + unit - 1) / unit * unit;
}

static struct head *head_at(struct port_mailbox *box, uint32_t index)
{
    return (struct head *)(void *)(box->bytes + index % PORT_MAILBOX_BYTES);
}

void port_mailbox_reset(struct port_mailbox *box)
{
    box->put = 0;
    box->take = 0;
}

/* ---- putting -------------------------------------------------------------------------------- */

uint8_t *port_mailbox_begin(struct port_mailbox *box, uint32_t bytes)
{
    uint32_t put = atomic_load_explicit(&box->put, memory_order_relaxed);
    /* Acquire: pairs with the store in port_mailbox_take(): the mail there was read. */
    uint32_t room =
        PORT_MAILBOX_BYTES - (put - atomic_load_explicit(&box->take, memory_order_acquire));
    uint32_t tail = PORT_MAILBOX_BYTES - put % PORT_MAILBOX_BYTES;
    uint32_t need = room_of(bytes);

    if (bytes > PORT_MAILBOX_MAIL_BYTES_MAX || room > PORT_MAILBOX_BYTES || room < need)
        return NULL;
    if (tail >= need)
        return box->bytes + put % PORT_MAILBOX_BYTES + sizeof(struct head);
    if (room < tail + need)
        return NULL;
    head_at(box, put)->bytes = SKIP;
    /* Release: pairs with the acquire in port_mailbox_peek(). */
    atomic_store_explicit(&box->put, put + tail, memory_order_release);
    return box->bytes + sizeof(struct head);
}

void port_mailbox_post(struct port_mailbox *box, uint32_t bytes, uint32_t tag)
{
    uint32_t put = atomic_load_explicit(&box->put, memory_order_relaxed);

    *head_at(box, put) = (struct head){bytes, tag};
    atomic_store_explicit(&box->put, put + room_of(bytes), memory_order_seq_cst);
}

/* ---- taking --------------------------------------------------------------------------------- */

const uint8_t *port_mailbox_peek(struct port_mailbox *box, uint32_t *bytes, uint32_t *tag)
{
    uint32_t take = atomic_load_explicit(&box->take, memory_order_relaxed);
    /* Acquire: pairs with the stores of (put): index, then bytes. */
    uint32_t used = atomic_load_explicit(&box->put, memory_order_acquire) - take;
    uint32_t tail = PORT_MAILBOX_BYTES - take % PORT_MAILBOX_BYTES;

    if (used >= tail && head_at(box, take)->bytes == SKIP) {
        take += tail;
        used -= tail;
        atomic_store_explicit(&box->take, take, memory_order_release);
        tail = PORT_MAILBOX_BYTES;
    }
    if (used == 0)
        return NULL;
    *bytes = head_at(box, take)->bytes;
    *tag = head_at(box, take)->tag;
    if (*bytes <= PORT_MAILBOX_MAIL_BYTES_MAX && room_of(*bytes) <= used && room_of(*bytes) <= tail)
        return box->bytes + take % PORT_MAILBOX_BYTES + sizeof(struct head);
    atomic_store_explicit(&box->take, take + used, memory_order_release);
    return NULL;
}

void port_mailbox_take(struct port_mailbox *box)
{
    uint32_t take = atomic_load_explicit(&box->take, memory_order_relaxed);

    /* Release: pairs with the acquire in port_mailbox_begin(): read, then given back. */
    atomic_store_explicit(&box->take, take + room_of(head_at(box, take)->bytes),
                          memory_order_release);
}

bool port_mailbox_empty(const struct port_mailbox *box)
{
    return atomic_load_explicit(&box->put, memory_order_seq_cst) ==
           atomic_load_explicit(&box->take, memory_order_seq_cst);
}
