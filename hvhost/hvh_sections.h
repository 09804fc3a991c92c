/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receive buffer cut into sections. The first few are for control messages, so that data can
 * never keep a reply from the guest. Sections lent in one packet are chained; the first one's
 * number is the packet's transaction id and the guest's completion gives the chain back.
 *
 * What came back last is lent first: few lines, which are in this processor's caches. But sections
 * with full frames, and with the guest on another processor, are taken in turns: to write to what
 * it has just read is to take each line away from there, and those read a while ago have left its
 * caches by themselves, for the row is a little longer than a second level cache. Sections beyond
 * it are used when it is empty.
 */
#ifndef HVH_SECTIONS_H
#define HVH_SECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define HVH_SECTION_NONE UINT32_MAX
#define HVH_SECTIONS_CONTROL 16u

enum hvh_section_use { HVH_USE_CONTROL, HVH_USE_DATA, HVH_USE_COUNT };

/* Free sections, chained. */
struct hvh_section_list {
    uint32_t first, last; /* first = HVH_SECTION_NONE: none */
};

struct hvh_sections {
    uint32_t bytes; /* of one section; 0 = no receive buffer */
    uint32_t count;
    uint32_t max;    /* entries of next[] */
    uint32_t *next;  /* free list, or chain of a packet */
    uint8_t *state;  /* HVH_SECTION_* of hvh_sections.c */
    bool turns;      /* the guest is on another processor */
    uint32_t beyond; /* the first that is not in the row */
    struct hvh_section_list control, row, rest;
    uint32_t free[HVH_USE_COUNT];
    uint32_t packets; /* chains lent */
};

/* Room for books of (max) sections. -ENOMEM. */
int hvh_sections_create(struct hvh_sections *s, uint32_t max);
void hvh_sections_destroy(struct hvh_sections *s);

/* Start with (count) free sections of (bytes); more than max are left unused. Full frames' are
 * taken in turns, from the first (row_bytes); 0: as all others. */
void hvh_sections_init(struct hvh_sections *s, uint32_t bytes, uint32_t count, uint32_t row_bytes);
/* How long the row should be on this machine. */
uint32_t hvh_sections_row_bytes(void);
/* Forget all, lent ones too. Returns how many packets were outstanding. */
uint32_t hvh_sections_reset(struct hvh_sections *s);

/* The one that is taken next for data, or HVH_SECTION_NONE. */
uint32_t hvh_sections_next(const struct hvh_sections *s);
/* Take a free section, chained after (tail) unless that is HVH_SECTION_NONE. NONE when there is
 * none. */
uint32_t hvh_sections_take(struct hvh_sections *s, enum hvh_section_use use, uint32_t tail);
/* The chain from (head) goes to the guest, with (bytes) in the first. */
void hvh_sections_lend(struct hvh_sections *s, uint32_t head, uint32_t bytes);
/* The guest completed (xid). False: nothing was lent under that id. */
bool hvh_sections_return(struct hvh_sections *s, uint64_t xid);
/* The chain from (head), not yet lent, is not sent after all. */
void hvh_sections_drop(struct hvh_sections *s, uint32_t head);

/* Do free and lent sections add up? Walks everything: for audits. */
bool hvh_sections_sound(const struct hvh_sections *s);

#endif
