/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest kernel for hvh_vmbus.h: its memory is a memfd, its processors record what they are sent.
 */
#ifndef VMBUS_BENCH_H
#define VMBUS_BENCH_H

#include "check.h"
#include "hvh_vmbus_var.h"

#define BENCH_RAM_BYTES (8u << 20)
#define BENCH_RAM_PAGES (BENCH_RAM_BYTES / VMBUS_PAGE_BYTES)
#define BENCH_SENT_MAX 64u
#define BENCH_RING_PAGES 8u
#define BENCH_RING_HANDLE 0xE1E10u
#define BENCH_MONITOR_GPA 0x3000u

struct bench_sent {
    uint32_t vp, type, bytes;
    uint8_t payload[HVH_MSG_BYTES_MAX];
};

struct bench {
    struct hvhost *host;
    struct hvhost_nic *nic;
    struct hvh_vmbus *bus;
    int fd;
    uint8_t *ram;
    struct bench_sent sent[BENCH_SENT_MAX];
    unsigned sents, events;
    uint32_t event_vp, event_relid;
    bool occupied; /* the message slot */
    uint64_t now_ns;
};

/* One card as (card) says, a bus of up to (version_max), two processors. */
void bench_open(struct bench *b, const struct hvhost_nic_config *card, uint32_t version_max);
/* The host's books must balance. */
void bench_close(struct bench *b);

/* A message of the guest, and one turn of the bus. */
void bench_tell(struct bench *b, const void *msg, uint32_t bytes);
void bench_tell_words(struct bench *b, uint32_t type, uint32_t first, uint32_t second,
                      uint32_t bytes);

/* The last message to the guest: it must be of (type). */
const struct bench_sent *bench_last(const struct bench *b, uint32_t type);
uint32_t bench_last_status(const struct bench *b, uint32_t type);
uint64_t bench_bad_messages(const struct bench *b);

void bench_contact(struct bench *b, uint32_t version, uint32_t vp);
/* What the last VERSION_RESPONSE said. */
uint8_t bench_accepted(const struct bench *b);
void bench_offers(struct bench *b);

/*
 * Share (pages) pages from (first) on, each (stride) after the other, in as many messages, under
 * (handle) for channel (index) of the card.
 */
void bench_share(struct bench *b, unsigned index, uint32_t handle, uint64_t first, uint32_t pages,
                 uint64_t stride);
void bench_open_channel(struct bench *b, unsigned index, uint32_t handle, uint32_t second_page,
                        uint32_t vp);
/* Up to the open primary channel, on processor 1. */
void bench_bring_open(struct bench *b);

#endif
