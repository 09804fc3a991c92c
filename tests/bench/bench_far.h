/* SPDX-License-Identifier: BSD-3-Clause */
/* The host of a card in a process and on a processor of its own, and in it a frame generator. */
#ifndef BENCH_FAR_H
#define BENCH_FAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench_card.h"

/* How many frames per second the host puts on the switch; or: */
#define BENCH_FAR_SILENT UINT64_C(0)
#define BENCH_FAR_ROOM UINT64_MAX /* as many as the card has room for, none is lost */

struct bench_far_count {
    uint64_t offered;      /* frames the generator put on the switch */
    uint64_t drop_section; /* of them, no receive section free */
    uint64_t drop_ring;    /* of them, no room in the ring */
    uint64_t sent;         /* frames of the driver the host has copied out */
};

struct bench_far_shared;

struct bench_far {
    struct bench_far_shared *shared;
    pid_t pid;
};

/* For bench_card_config.deliver, with the card as ctx: copies what the driver sends out of its send
 * buffer, and counts. What was in pieces the host has copied out already, to put it together. */
void bench_far_deliver(void *ctx, const struct hvhost_frame *frame);

struct bench_far_config {
    struct bench_card *card;   /* settled */
    struct hvhost_frame frame; /* to offer; its bytes stay where they are */
    uint32_t minimal; /* not 0: not the emulated host but the least (bench_min_host.h), with so many
                         frames per packet */
};

/*
 * Fork: from here on the child is the host of the card, and this process has the driver only.
 * -errno, and a line on stderr.
 */
int bench_far_start(struct bench_far *f, const struct bench_far_config *config);

/* From now on so many frames per second; returns when the host has heard of it. What it has counted
 * until then is in (out), which may be NULL. */
void bench_far_rate(struct bench_far *f, uint64_t per_s, struct bench_far_count *out);

/* The host's processor for something else, when the card is quiet; and back. */
void bench_far_pause(struct bench_far *f, bool on);

/* End the host. NULL, or what its books do not say right. */
const char *bench_far_stop(struct bench_far *f);

#endif
