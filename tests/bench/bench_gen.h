/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of bench_gen share: its clients, how they speak, what they are there for. */
#ifndef BENCH_GEN_H
#define BENCH_GEN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_card.h"
#include "bench_times.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

#define GEN_BATCH_MAX 64u /* requests without answer, or connections on their way, at a time */
#define GEN_MSS 1460u
#define GEN_DATA_BYTES_MAX (44u * GEN_MSS)
#define GEN_STALL_NS UINT64_C(4000000000) /* on a busy machine nobody may run for long */

struct gen_client {
    uint32_t seq, ack;   /* what it sent so far, and has got */
    uint32_t left_bytes; /* of what it waits for */
    uint32_t asked_ns;   /* wraps, but not before GEN_STALL_NS */
};

/* What clients do. Functions may be NULL where there is nothing to do. */
struct gen_work {
    const char *name;
    uint16_t port;       /* of the server */
    bool large;          /* frames to be cut stay whole, and bytes are what is counted as done */
    bool (*begin)(void); /* the server, on lwIP; before anybody connects */
    void (*turn)(void);  /* what leaves now */
    void (*on_segment)(uint32_t i, const struct tcp_hdr *tcp, uint32_t data_bytes);
    bool (*over)(void); /* asked when time is up, until it says so */
};

struct gen {
    const struct gen_work *work;
    struct bench_card card;
    struct gen_client *client; /* those that stay */
    uint32_t count, open;
    uint64_t turn_ns;      /* when this turn's answers were there, and its requests left */
    uint64_t done, served; /* of a window, of all */
    uint64_t sent;         /* by clients, all but the router's answers */
    uint64_t wrong;
    uint64_t again; /* segments the server sent again: one was lost, or it was kept from running */
    struct bench_times times;
};
extern struct gen gen;

extern const struct gen_work gen_rr, gen_ack, gen_http, gen_cps, gen_cps_fin, gen_cps_wait, gen_in,
    gen_out;

uint32_t gen_rnd(uint32_t below);

/* So many are done; one that was asked for at (asked_ns) is. */
void gen_done(uint64_t units);
void gen_done_one(uint32_t asked_ns);

/* ---- bench_gen_wire.c: segments of clients ---- */

/* Before the first of these. */
void gen_wire_begin(void);
/*
 * As in hvhost_port_add(): segments go to gen.work, those that open a client that stays excepted.
 */
void gen_wire_deliver(void *ctx, const struct hvhost_frame *frame);
/* Client number (i) sends the first (data_bytes) of gen_data(); more than GEN_MSS leave as a frame
 * to be cut. */
void gen_send(uint32_t i, struct gen_client *c, u8_t flags, uint32_t data_bytes);
uint8_t *gen_data(void);

/* ---- the server's side: tcp_accept() of (accept) on (port), which gets what it makes ---- */
bool gen_listen(uint16_t port, tcp_accept_fn accept);
err_t gen_echo_accept(void *arg, struct tcp_pcb *pcb, err_t err);

/* bench_gen_ask.c: where http finds DIR, and PATH. */
bool gen_http_site(const char *dir, const char *path);

#endif
