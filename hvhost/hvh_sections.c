/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive section books: two free lists and chains through one array, all operations O(1) or
 * O(chain). */
#include "hvh_sections.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ROW_BYTES_MIN (2u << 20)
#define ROW_BYTES_MAX (16u << 20)
#define LONG_BYTES (32u << 10) /* a packet with as much in sections is long */
#define FULL_BYTES 1024u       /* and one with as much in its first */

enum { SECTION_FREE, SECTION_TAKEN, SECTION_LENT_HEAD, SECTION_LENT_FULL };

uint32_t hvh_sections_row_bytes(void)
{
    long bytes = 0;

#ifdef _SC_LEVEL2_CACHE_SIZE
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    bytes += bytes / 4;
#endif
    if (bytes < (long)ROW_BYTES_MIN)
        return ROW_BYTES_MIN;
    return bytes < (long)ROW_BYTES_MAX ? (uint32_t)bytes : ROW_BYTES_MAX;
}

int hvh_sections_create(struct hvh_sections *s, uint32_t max)
{
    *s = (struct hvh_sections){.max = max};
    s->next = calloc(max, sizeof(*s->next));
    s->state = calloc(max, sizeof(*s->state));
    if (s->next && s->state)
        return 0;
    hvh_sections_destroy(s);
    return -ENOMEM;
}

void hvh_sections_destroy(struct hvh_sections *s)
{
    free(s->next);
    free(s->state);
    *s = (struct hvh_sections){0};
}

static enum hvh_section_use use_of(uint32_t id)
{
    return id < HVH_SECTIONS_CONTROL ? HVH_USE_CONTROL : HVH_USE_DATA;
}

static struct hvh_section_list *list_of(struct hvh_sections *s, uint32_t id)
{
    if (id < HVH_SECTIONS_CONTROL)
        return &s->control;
    return id < s->beyond ? &s->row : &s->rest;
}

/* The chain from (first) to (last), all of one list, is free again: to be taken next, or (behind)
 * all others. */
static void put_free(struct hvh_sections *s, uint32_t first, uint32_t last, bool behind)
{
    struct hvh_section_list *list = list_of(s, first);
    const bool empty = list->first == HVH_SECTION_NONE;

    s->next[last] = behind ? HVH_SECTION_NONE : list->first;
    if (behind && !empty)
        s->next[list->last] = first;
    else
        list->first = first;
    if (behind || empty)
        list->last = last;
}

void hvh_sections_init(struct hvh_sections *s, uint32_t bytes, uint32_t count, uint32_t row_bytes)
{
    const struct hvh_section_list none = {HVH_SECTION_NONE, HVH_SECTION_NONE};

    s->bytes = bytes;
    s->count = count < s->max ? count : s->max;
    s->packets = 0;
    s->turns = row_bytes != 0;
    s->beyond = HVH_SECTIONS_CONTROL + (bytes ? row_bytes / bytes : 0);
    s->control = s->row = s->rest = none;
    for (unsigned use = 0; use < HVH_USE_COUNT; use++)
        s->free[use] = 0;
    for (uint32_t id = 0; id < s->count; id++) {
        s->state[id] = SECTION_FREE;
        s->free[use_of(id)]++;
        put_free(s, id, id, true);
    }
}

uint32_t hvh_sections_reset(struct hvh_sections *s)
{
    uint32_t packets = s->packets;

    hvh_sections_init(s, 0, 0, 0);
    return packets;
}

uint32_t hvh_sections_next(const struct hvh_sections *s)
{
    return s->row.first != HVH_SECTION_NONE ? s->row.first : s->rest.first;
}

uint32_t hvh_sections_take(struct hvh_sections *s, enum hvh_section_use use, uint32_t tail)
{
    struct hvh_section_list *list = &s->control;
    uint32_t id;

    if (use == HVH_USE_DATA)
        list = s->row.first != HVH_SECTION_NONE ? &s->row : &s->rest;
    id = list->first;
    if (id == HVH_SECTION_NONE)
        return HVH_SECTION_NONE;
    list->first = s->next[id];
    s->free[use]--;
    s->state[id] = SECTION_TAKEN;
    s->next[id] = HVH_SECTION_NONE;
    if (tail != HVH_SECTION_NONE)
        s->next[tail] = id;
    return id;
}

void hvh_sections_lend(struct hvh_sections *s, uint32_t head, uint32_t bytes)
{
    s->state[head] = bytes < FULL_BYTES ? SECTION_LENT_HEAD : SECTION_LENT_FULL;
    s->packets++;
}

/* Is there much in the chain from (head)? */
static bool is_long(const struct hvh_sections *s, uint32_t head)
{
    uint64_t bytes = 0;

    for (; head != HVH_SECTION_NONE && bytes < LONG_BYTES; head = s->next[head])
        bytes += s->bytes;
    return bytes >= LONG_BYTES;
}

/* Those from (head) on that are of one list are free: the last of them. */
static uint32_t free_run(struct hvh_sections *s, uint32_t head)
{
    const struct hvh_section_list *list = list_of(s, head);
    uint32_t last = head, count = 1;

    s->state[head] = SECTION_FREE;
    for (uint32_t id = s->next[head]; id != HVH_SECTION_NONE && list_of(s, id) == list; count++) {
        s->state[id] = SECTION_FREE;
        last = id;
        id = s->next[id];
    }
    s->free[use_of(head)] += count;
    return last;
}

static bool is_lent(uint8_t state)
{
    return state == SECTION_LENT_HEAD || state == SECTION_LENT_FULL;
}

void hvh_sections_drop(struct hvh_sections *s, uint32_t head)
{
    const bool behind = s->turns && (s->state[head] == SECTION_LENT_FULL || is_long(s, head));

    while (head != HVH_SECTION_NONE) {
        const uint32_t last = free_run(s, head), next = s->next[last];

        put_free(s, head, last, behind);
        head = next;
    }
}

bool hvh_sections_return(struct hvh_sections *s, uint64_t xid)
{
    if (xid >= s->count || !is_lent(s->state[xid]))
        return false;
    s->packets--;
    hvh_sections_drop(s, (uint32_t)xid);
    return true;
}

bool hvh_sections_sound(const struct hvh_sections *s)
{
    uint32_t free[HVH_USE_COUNT] = {0};
    uint32_t lent = 0;

    for (uint32_t id = 0; id < s->count; id++) {
        if (s->state[id] == SECTION_FREE)
            free[use_of(id)]++;
        lent += is_lent(s->state[id]);
    }
    return lent == s->packets && free[HVH_USE_CONTROL] == s->free[HVH_USE_CONTROL] &&
           free[HVH_USE_DATA] == s->free[HVH_USE_DATA];
}
