/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive section books: two free lists and chains through one array, all operations O(1) or
 * O(chain). */
#include "hvh_sections.h"

#include <errno.h>
#include <stdlib.h>

enum { SECTION_FREE, SECTION_TAKEN, SECTION_LENT_HEAD };

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

static void put_free(struct hvh_sections *s, uint32_t id)
{
    enum hvh_section_use use = use_of(id);

    s->state[id] = SECTION_FREE;
    s->next[id] = s->head[use];
    s->head[use] = id;
    s->free[use]++;
}

void hvh_sections_init(struct hvh_sections *s, uint32_t bytes, uint32_t count)
{
    s->bytes = bytes;
    s->count = count < s->max ? count : s->max;
    s->packets = 0;
    for (unsigned use = 0; use < HVH_USE_COUNT; use++) {
        s->head[use] = HVH_SECTION_NONE;
        s->free[use] = 0;
    }
    for (uint32_t id = s->count; id-- > 0;)
        put_free(s, id);
}

uint32_t hvh_sections_reset(struct hvh_sections *s)
{
    uint32_t packets = s->packets;

    hvh_sections_init(s, 0, 0);
    return packets;
}

uint32_t hvh_sections_take(struct hvh_sections *s, enum hvh_section_use use, uint32_t tail)
{
    uint32_t id;

    if (s->free[use] == 0)
        return HVH_SECTION_NONE;
    id = s->head[use];
    s->head[use] = s->next[id];
    s->free[use]--;
    s->state[id] = SECTION_TAKEN;
    s->next[id] = HVH_SECTION_NONE;
    if (tail != HVH_SECTION_NONE)
        s->next[tail] = id;
    return id;
}

void hvh_sections_lend(struct hvh_sections *s, uint32_t head)
{
    s->state[head] = SECTION_LENT_HEAD;
    s->packets++;
}

void hvh_sections_drop(struct hvh_sections *s, uint32_t head)
{
    while (head != HVH_SECTION_NONE) {
        uint32_t next = s->next[head];

        put_free(s, head);
        head = next;
    }
}

bool hvh_sections_return(struct hvh_sections *s, uint64_t xid)
{
    if (xid >= s->count || s->state[xid] != SECTION_LENT_HEAD)
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
        if (s->state[id] == SECTION_LENT_HEAD)
            lent++;
    }
    return lent == s->packets && free[HVH_USE_CONTROL] == s->free[HVH_USE_CONTROL] &&
           free[HVH_USE_DATA] == s->free[HVH_USE_DATA];
}
