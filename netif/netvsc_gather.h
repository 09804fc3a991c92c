/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames sent from where they are: the first bytes, all headers among them, are copied, the rest is
 * read by the host in config.memory, named by guest-physical page. It must not change, nor be
 * freed, until config.tx_done says so. Where info.tx_gpa is false there is no such memory: -EFAULT.
 */
#ifndef NETVSC_GATHER_H
#define NETVSC_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netvsc.h"

#define NETVSC_PIECES_MAX 32u         /* what hosts are sure to take; none crosses a page */
#define NETVSC_GATHER_HEAD_BYTES 60u  /* to be copied of each frame, at least */
#define NETVSC_VECTOR_HEAD_BYTES 128u /* what netvsc_queue_tx_vector() copies: all headers */
#define NETVSC_TX_COPIED 1

struct netvsc_piece {
    const uint8_t *data;
    uint32_t len_bytes;
};

/* Can the host read these bytes where they are? */
bool netvsc_gather_reaches(const struct netvsc *nic, const void *data, size_t len_bytes);

/* The longest frame that can be copied: what a send section holds. While up. */
uint32_t netvsc_tx_copied_max(const struct netvsc *nic);

/* ---- a frame at once ------------------------------------------------------------------------- */

struct netvsc_vector {
    const struct netvsc_piece *piece;
    unsigned count;                    /* any number, of any length and at any address */
    bool copy;                         /* they may change afterwards: copy them */
    const struct netvsc_tx_meta *meta; /* NULL: nothing */
    void *owner;                       /* told to config.tx_done; may be NULL */
};

/*
 * Send the pieces of (v) as one frame. 0: the memory is the host's until tx_done(owner).
 * NETVSC_TX_COPIED: it was no longer than config.tx_copy_bytes, or (copy), and is the caller's
 * again. -E2BIG more than NETVSC_PIECES_MAX pages, -EFAULT not in config.memory (each only behind
 * the first NETVSC_VECTOR_HEAD_BYTES), -EMSGSIZE to be copied, but longer than a send section: put
 * it into one piece of config.memory then. Else as netvsc_queue_tx_begin_meta().
 */
int netvsc_queue_tx_vector(struct netvsc *nic, unsigned queue, const struct netvsc_vector *v);

/* ---- a frame that grows ---------------------------------------------------------------------- */

struct netvsc_gather {
    struct netvsc_slot slot; /* write the frame's first bytes to slot.data */
    uint32_t head_bytes;     /* so many: all headers, NETVSC_GATHER_HEAD_BYTES at least */
    void *owner;             /* for config.tx_done, or NULL */
    uint32_t bytes;          /* of the pieces */
    unsigned count;
    struct netvsc_piece piece[NETVSC_PIECES_MAX];
};

/* As netvsc_queue_tx_begin_meta(), for a frame that will have (len_bytes) or more. */
int netvsc_gather_begin(struct netvsc *nic, unsigned queue, size_t len_bytes,
                        const struct netvsc_tx_meta *meta, struct netvsc_gather *g);
/* Follows all that was added before. 0, -EFAULT or -E2BIG; then nothing was added. */
int netvsc_gather_add(const struct netvsc *nic, struct netvsc_gather *g, const void *data,
                      uint32_t len_bytes);
/*
 * Send it, as netvsc_queue_tx_commit_meta(). False: it was cancelled, and the owner will not be
 * told. To give up instead: netvsc_queue_tx_cancel(&g->slot).
 */
bool netvsc_gather_commit(struct netvsc *nic, unsigned queue, struct netvsc_gather *g,
                          const struct netvsc_tx_meta *meta);

#endif
