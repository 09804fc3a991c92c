/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection over which bulk leaves, through a NIC that cuts long segments: what was sent, and
 * a far end that gets it in the pieces, loses what a test says and acknowledges as Linux does.
 */
#ifndef TCP_STREAM_H
#define TCP_STREAM_H

#include "check.h"
#include "tcp_peer.h"

#include <stdbool.h>

#include "lwip/err.h"
#include "lwip/priv/tcp_priv.h"

#define STREAM_MSS 1460u
#define STREAM_LARGE (42 * STREAM_MSS) /* the longest segment */
#define STREAM_BYTES (4u << 20)
#define STREAM_SENT_MAX 4096u

struct stream {
    struct netif *card;
    struct tcp_pcb *pcb; /* ours; NULL once gone */
    /* What left, before it was cut. */
    struct {
        u32_t off; /* in the stream */
        u16_t bytes, cut_to;
    } left[STREAM_SENT_MAX];
    unsigned left_count;
    u32_t reported;                 /* to the program, by lwIP */
    bool (*lost)(u32_t off);        /* on the wire; NULL = nothing */
    err_t (*takes)(struct pbuf *p); /* the card, what lwIP sends; NULL = everything */
    u8_t *lendable;                 /* its bytes once more, in memory beside the heap */
    struct {
        u32_t first_seq, next; /* offset in the stream that it has up to here */
        u8_t has[STREAM_BYTES], data[STREAM_BYTES];
        unsigned acks_due;   /* one for each piece out of order, and for every second else */
        unsigned acks_total; /* that ever were due */
        u32_t acks_upto[STREAM_SENT_MAX]; /* the last ones, as they became due */
        unsigned uneven;
        u32_t window;
    } far;
};

extern struct stream stream;

/*
 * For cmocka: lwIP with its clock, once; and a connection with windows of 1 MiB around each test.
 */
int stream_start(void **state);
int stream_open(void **state);
int stream_close(void **state);
#define stream_test(name) cmocka_unit_test_setup_teardown(name, stream_open, stream_close)

/* Whether the NIC cuts segments from now on. */
void stream_cuts(bool does);

/* tcp_write() of what follows (off), (bytes) of it, in one go. */
err_t stream_say(u32_t off, u32_t bytes);
/* The same bytes in a pbuf as lwIP makes them. */
struct pbuf *stream_buffer(u32_t off, u16_t bytes);
/* The same without a copy, from (lendable); counted in (*loans) until it is returned. */
err_t stream_lend(u32_t off, u16_t bytes, u8_t flags, u32_t *loans);
/* The same without a copy as lwIP's programs have it: from memory the NIC cannot send from. */
err_t stream_refer(u32_t off, u16_t bytes, u8_t flags);
/* The far end has exactly the first (bytes), and they are right. */
void stream_check(u32_t bytes);

void stream_acknowledge(u32_t upto);
/* All acknowledgements that are due, and what they lead to. */
void stream_exchange(void);
/* The same, but each acknowledges what was there when it became due. */
void stream_exchange_in_time(void);
/* A millisecond with lwIP's timers; and (ms) of them, with exchanges. */
void stream_tick(void);
void stream_pass_ms(unsigned ms);

#endif
