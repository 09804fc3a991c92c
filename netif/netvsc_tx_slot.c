/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The send sections of a queue.
 *
 * Theory of operation
 *
 * Each queue has a share of the sections of its own, so queues have nothing in common to lock.
 *
 * Free sections are in a row, in the order in which they were freed. The pile of small frames takes
 * its section from the end: it needs few lines, and these are still in our caches. A frame alone in
 * its section takes the one free for longest: the host, on another processor, has read it, so the
 * lines of one freed just now are in that processor's caches, and writing to them fetches each from
 * there; those of one freed long ago are not. So the sections used in turns should hold as much as
 * a second level cache, and not much more, or their lines are in no cache at all
 * (docs/bench-device.md, tx1514, has the times).
 *
 * A host in our own thread has the same caches as we: then every frame takes the one freed last.
 */
#include "netvsc_pile_var.h"
#include "netvsc_slot_var.h"

#include <unistd.h>

#define ROW_MIN 256u
#define ROW_UNKNOWN 768u /* for a processor that does not tell */
#define ROW_FRAME_BYTES 1536u

uint32_t netvsc_tx_row(void)
{
    long bytes = 0;

#ifdef _SC_LEVEL2_CACHE_SIZE
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    if (bytes <= 0)
        return ROW_UNKNOWN;
    if (bytes < (long)(ROW_MIN * ROW_FRAME_BYTES))
        return ROW_MIN;
    if (bytes > (long)(NETVSC_TX_SLOTS_MAX * ROW_FRAME_BYTES))
        return NETVSC_TX_SLOTS_MAX;
    return (uint32_t)bytes / ROW_FRAME_BYTES;
}

void netvsc_tx_open(struct netvsc_queue *q, uint32_t first_section, uint32_t sections)
{
    struct netvsc_tx *tx = &q->tx;

    if (sections > q->nic->tx_row_sections)
        sections = q->nic->tx_row_sections;
    tx->first_section = first_section;
    tx->slot_count = sections;
    tx->free_count = 0;
    tx->credit = 0;
    tx->begun = 0;
    tx->reserved = 0;
    tx->outstanding = 0;
    tx->full_since_ns = 0;
    tx->host_here = q->nic->mem->host_here;
    /* Generations go on from where they were: nothing of an old device fits. */
    for (uint32_t i = 0; i < sections; i++)
        netvsc_tx_put_free(tx, i);
    tx->pile = (struct netvsc_tx_pile){0};
}

void netvsc_tx_close(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;

    netvsc_pile_count(q);
    q->stats.tx_lost += tx->outstanding;
    q->stats.tx_cancelled += netvsc_tx_begun_count(tx);
    for (uint32_t i = 0; i < tx->slot_count; i++) {
        tx->slot[i].state = NETVSC_SLOT_FREE;
        tx->slot[i].generation++;
    }
    tx->slot_count = 0;
    tx->free_count = 0;
    tx->begun = 0;
    tx->reserved = 0;
    tx->outstanding = 0;
    tx->pile = (struct netvsc_tx_pile){0};
}

uint32_t netvsc_tx_take_section(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;

    if (tx->free_count <= netvsc_tx_spare(tx))
        return NVS_SECTION_NONE;
    return tx->first_section + netvsc_tx_take_cool(tx);
}

void netvsc_tx_free_slot(struct netvsc_queue *q, uint32_t index)
{
    struct netvsc_tx *tx = &q->tx;

    if (tx->slot[index].owner) {
        netvsc_tx_disown(q, tx->slot[index].owner);
        tx->slot[index].owner = NULL;
    }
    tx->slot[index].state = NETVSC_SLOT_FREE;
    tx->slot[index].generation++;
    netvsc_tx_put_free(tx, index);
}

struct netvsc_tx_slot *netvsc_tx_begun(struct netvsc_tx *tx, uint32_t token)
{
    const uint32_t index = token & 0xFFFF;

    if (index >= tx->slot_count || netvsc_tx_token(tx, index) != token)
        return NULL;
    if (netvsc_pile_has(tx, index))
        netvsc_pile_describe(tx);
    else if (tx->slot[index].state != NETVSC_SLOT_BEGUN)
        return NULL;
    return &tx->slot[index];
}

void netvsc_tx_clock(struct netvsc_queue *q, uint64_t now_ns)
{
    struct netvsc_tx *tx = &q->tx;

    q->now_ns = now_ns;
    if (!tx->full_since_ns || !tx->free_count || (!tx->credit && !netvsc_tx_earn_credit(q)))
        return;
    q->stats.tx_full_ns += now_ns - tx->full_since_ns;
    tx->full_since_ns = 0;
}
