/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC and the emulated host in one thread under a virtual clock: poll, step, a millisecond
 * passes. The far end of the switch is the test.
 */
#ifndef NETIF_FIXTURE_H
#define NETIF_FIXTURE_H

#include <stdbool.h>

#include "check.h"
#include "hvhost.h"
#include "netif_books.h"
#include "netvsc.h"
#include "vmbus.h"

#define NETIF_FIXTURE_FRAME_MAX 65600u

struct netif_fixture {
    struct hvhost_nic_config card_config; /* set before bench_start() */
    uint32_t channels_max;                /* of the transport */
    struct netvsc_config config;          /* rx, event and ctx are the fixture's */
    struct hvhost *host;
    struct hvhost_nic *card;
    struct hvhost_port *port;
    struct netvsc *nic;
    uint64_t now_ns;
    uint64_t begins;
    unsigned rx_calls, rx_count;                /* what the NIC handed up */
    unsigned far_count;                         /* what came out at the far end */
    uint32_t far_bytes;                         /* length of the last */
    uint8_t far_frame[NETIF_FIXTURE_FRAME_MAX]; /* the last */
    unsigned event_count[NETVSC_EVENT_STATE + 1];
    uint32_t rx_bytes;                         /* length of the last */
    uint8_t rx_frame[NETIF_FIXTURE_FRAME_MAX]; /* the last */
};

/* Defaults; no system call, nothing to undo. */
void bench_init(struct netif_fixture *f);
/* Host, card, far end and NIC. */
void bench_start(struct netif_fixture *f);
/* Open the card and start attaching to it. */
void bench_attach(struct netif_fixture *f);
/* Both, and turn until NETVSC_UP. */
void bench_come_up(struct netif_fixture *f);
/* The same, with the defaults. */
void bench_up(struct netif_fixture *f);
void bench_until(struct netif_fixture *f, enum netvsc_state state);
/* (count) turns of poll, step, one millisecond. */
void bench_turn(struct netif_fixture *f, unsigned count);
/* Check both sides' books and undo bench_start(). */
void bench_stop(struct netif_fixture *f);

/* A frame of (len_bytes) from the far end to the card's address; byte i of its body is seed + i. */
void bench_far_send(struct netif_fixture *f, uint32_t len_bytes, uint8_t seed);
/* The same in the other direction, to a fixed unicast address. What netvsc_tx_begin() says. */
int bench_send(struct netif_fixture *f, uint32_t len_bytes, uint8_t seed);
/* (frame) is what the two above make. */
void bench_check_frame(const uint8_t *frame, uint32_t got_bytes, uint32_t len_bytes, uint8_t seed);

struct netvsc_stats bench_stats(const struct netif_fixture *f);
struct hvhost_nic_stats bench_host_stats(const struct netif_fixture *f);
/* The host found nothing to blame. */
void bench_check_strict(const struct netif_fixture *f);

#endif
