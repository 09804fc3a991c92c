/* SPDX-License-Identifier: BSD-3-Clause */
/* One NIC as lwIP's netif, whose input is the test; its card on the emulated host; a far end. */
#ifndef LWIP_BENCH_H
#define LWIP_BENCH_H

#include "check.h"
#include "hvhost.h"
#include "netvsc_netif.h"

#define STACK_MS 1000000ull
#define STACK_FRAMES_MAX 4096u

extern const uint8_t stack_card_mac[6], stack_far_mac[6];

struct far_frame {
    uint32_t bytes;
    uint32_t sum;
    uint32_t order; /* bytes 14..17 */
};

struct lwip_bench {
    struct hvhost *host;
    struct hvhost_nic *card;
    struct hvhost_port *port;
    struct netvsc_netif nif;
    uint64_t now_ns;
    unsigned far_count;
    struct far_frame far[STACK_FRAMES_MAX];
    unsigned in_count;
    unsigned in_pieces; /* of the last chain */
    uint32_t in_bytes;
    uint8_t in_frame[2048];
    u16_t in_checks; /* the netif's checksum switches as input saw them */
    err_t in_result;
};

/* What stack_setup() asks for, beside what it needs; zeroed by stack_teardown(). */
extern struct netvsc_config stack_config;
extern struct hvhost_nic_config stack_card_config;

/* The only one: lwIP's input function has no context of ours. */
extern struct lwip_bench stack;

/* Host, card with (sections) for sending, netif; attached and up. */
void stack_setup(unsigned sections);
/* Check the books of both sides and lwIP's pools, and undo stack_setup(). */
void stack_teardown(void);
/* Open the card and turn until the NIC is up. */
void stack_attach(void);
/* (count) turns of poll, step, one millisecond. */
void stack_turn(unsigned count);

/*
 * A chain of (pieces) with (bytes) in all, also in (copy). (order) makes it different from others
 * and is found again in stack.far[].
 */
struct pbuf *stack_chain(uint32_t bytes, unsigned pieces, uint32_t order, uint8_t *copy);
/* Through linkoutput. */
err_t stack_output(struct pbuf *p);
/* Such a chain through linkoutput, and freed. */
err_t stack_send(uint32_t bytes, unsigned pieces, uint32_t order);
/* A frame from the far end, until it has arrived. */
void stack_far_send(uint32_t bytes, uint16_t tci, bool has_tci);
uint32_t stack_sum(const uint8_t *data, uint32_t bytes);

/* For cmocka_run_group_tests(): lwIP without its loop interface. */
int stack_start(void **state);
/* The same, its heap in memory that hosts can be told of (port_heap_memory()). */
int stack_start_in_heap(void **state);

#endif
