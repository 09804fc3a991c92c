/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the lwIP face: what netvsc_netif*.c share. */
#ifndef NETVSC_NETIF_VAR_H
#define NETVSC_NETIF_VAR_H

#include "netvsc_netif.h"
#include "netvsc_queue.h"

/* netvsc_netif_rx.c: config.rx of the NIC; (ctx) is the struct netvsc_netif. */
void netvsc_netif_rx(void *ctx, const struct netvsc_frame *frames, unsigned count);

/* A chain being made of many: pbuf_cat() would walk it for each. */
struct netvsc_netif_join {
    struct pbuf *head, *tail;
    uint32_t bytes; /* no more than a chain can say */
};
void netvsc_netif_join_add(struct netvsc_netif_join *join, struct pbuf *p);
/* Add the bytes of (frame) from (off) on, where the host wrote them if that may be, else copied to
 * pool pbufs. False: there is no pbuf. All frames of a chain are of one batch. */
bool netvsc_netif_join_piece(struct netvsc_netif *nif, struct netvsc_netif_join *join,
                             const struct netvsc_frame *frame, uint32_t off);
/* Make the lengths right. */
struct pbuf *netvsc_netif_join_end(struct netvsc_netif_join *join);

/* netvsc_netif_gro.c */

/*
 * Append to (head), the chain of frames[0], the payload of those of the (count) frames that come
 * next in its connection. Returns how many frames are in the chain then.
 */
unsigned netvsc_netif_gro(struct netvsc_netif *nif, struct pbuf *head,
                          const struct netvsc_frame *frames, unsigned count);

/* netvsc_netif_csum.c */

/* NETIF_CHECKSUM_CHECK_* that lwIP need not do for (frame) with the verdict (csum). */
uint16_t netvsc_netif_spared(const struct netvsc_frame *frame, uint8_t csum);
/* NETVSC_CSUM_* computed in software; 0 where there is no sum to judge. */
uint8_t netvsc_netif_truth(const uint8_t *frame, uint32_t len_bytes);
uint8_t netvsc_netif_rx_truth(const struct netvsc_frame *frame);
/* Is (frame) what it looks like when put together: TCP, as long as its header says? */
bool netvsc_netif_joined_right(const struct netvsc_frame *frame);

/* netvsc_netif_loan.c */

struct netvsc_netif_loans *netvsc_netif_loans_create(void);
/* Free it now, or with the last pbuf that is out. NULL is allowed. */
void netvsc_netif_loans_abandon(struct netvsc_netif_loans *pool);
/*
 * A chain over the memory of (frame), with (tag) put in unless that is NULL. NULL: copy it, for it
 * is all header, or too much is lent already.
 */
struct pbuf *netvsc_netif_lend(struct netvsc_netif *nif, const struct netvsc_frame *frame,
                               const uint8_t *tag);
/* One pbuf over its bytes from (off) on, all payload, to stand behind (before) in a chain. NULL as
 * above. */
struct pbuf *netvsc_netif_lend_rest(struct netvsc_netif *nif, const struct pbuf *before,
                                    const struct netvsc_frame *frame, uint32_t off);

/*
 * The same of the first of (count) frames, all of the packet that the last one in (join) is of: as
 * many as can be lent. Returns how many.
 */
unsigned netvsc_netif_lend_run(struct netvsc_netif *nif, struct netvsc_netif_join *join,
                               const struct netvsc_frame *frames, unsigned count);

/* netvsc_netif_tx.c */
err_t netvsc_netif_output(struct netif *netif, struct pbuf *p);
/* Send what waits, as far as the NIC takes it. Returns how many chains left the backlog. */
unsigned netvsc_netif_drain(struct netvsc_netif *nif);
void netvsc_netif_drop_backlog(struct netvsc_netif *nif);

/* netvsc_netif_place.c */
int netvsc_netif_holds_create(struct netvsc_netif *nif);
/* An empty one, or NULL. */
struct netvsc_netif_held *netvsc_netif_hold(struct netvsc_netif *nif);
/* A reference of ours to (p). There is room for NETVSC_NETIF_HELD_CHAINS. */
void netvsc_netif_hold_add(struct netvsc_netif_held *held, struct pbuf *p);
void netvsc_netif_let_go(struct netvsc_netif *nif, struct netvsc_netif_held *held);
/* config.tx_done of the NIC */
void netvsc_netif_tx_done(void *ctx, void *const *owners, unsigned count);
/* Add what follows the first (skip) bytes of the chain. False: not possible, nothing was added. */
bool netvsc_netif_place(struct netvsc_netif *nif, const struct pbuf *p, uint32_t skip,
                        struct netvsc_gather *g);
/*
 * Send a chain without copying it, but for (skip) bytes behind the addresses, if that is better.
 * NETVSC_NETIF_ALONE: copy it. -ENOMEM it is too long for that, and no room to linearise it.
 */
int netvsc_netif_in_place(struct netvsc_netif *nif, struct pbuf *p, uint32_t skip,
                          const struct netvsc_tx_meta *meta);

/* netvsc_netif_groups.c: from now on lwIP's groups say which multicast is received. */
void netvsc_netif_groups_begin(struct netvsc_netif *nif);
/* netvsc_netif_offload.c */
/* What the host shall do with (p). Returns how many bytes of a tag to leave out of the frame. */
uint32_t netvsc_netif_look(const struct netvsc_netif *nif, const struct pbuf *p,
                           struct netvsc_tx_meta *meta);
/* Can the sum (meta) asks for be made here? Not behind options of IP's. */
bool netvsc_netif_may_sum(const struct netvsc_tx_meta *meta);
/* Then make it, in the (bytes) of (frame), which has 0 there. */
void netvsc_netif_sum(const struct netvsc_tx_meta *meta, uint8_t *frame, uint32_t bytes);
/* netvsc_netif_burst.c */
#define NETVSC_NETIF_ALONE 1
/* Send (p) as part of a burst: 0, NETVSC_NETIF_ALONE it is none of one, or as begin. */
int netvsc_netif_burst(struct netvsc_netif *nif, struct pbuf *p, const struct netvsc_tx_meta *meta);
void netvsc_netif_burst_end(struct netvsc_netif *nif);
void netvsc_netif_burst_drop(struct netvsc_netif *nif);

/* netvsc_netif_offload.c: the NIC is up: who computes sums from now on. */
void netvsc_netif_offload(struct netvsc_netif *nif);

#endif
