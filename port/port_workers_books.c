/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of several processes.
 *
 * Theory of operation. A worker writes its books at the end of a turn in which it did something,
 * all at once for readers: the number of the turn is odd meanwhile. What it had not written when it
 * died is what its queue counted more: frames handed to an lwIP that is no more (rx_lost). The
 * books of the dead are added up per desk; the queue's counters live on in the driver.
 */
#include <string.h>

#include "netvsc_worker.h"
#include "port_workers_var.h"

#define TRIES 1000u /* a worker that dies while writing leaves them odd: no wait for ever */

void port_workers_books_write(struct port_books *books, const struct port_workers *w)
{
    const uint32_t turn = atomic_load_explicit(&books->turn, memory_order_relaxed);
    const struct netvsc_netif *nif = w->config.nif;

    atomic_store_explicit(&books->turn, turn | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* pairs with the fence in read_books() */
    netvsc_queue_stats(nif->nic, nif->queue, &books->card);
    books->interface = nif->stats;
    books->outstanding = netvsc_queue_outstanding(nif->nic, nif->queue);
    if (w->config.counters)
        memcpy(books->counter, w->config.counters,
               w->config.counter_count * sizeof(books->counter[0]));
    atomic_store_explicit(&books->turn, (turn | 1) + 1, memory_order_release);
}

static void read_books(const struct port_books *books, struct port_books *out)
{
    for (unsigned i = 0; i < TRIES; i++) {
        const uint32_t turn = atomic_load_explicit(&books->turn, memory_order_acquire);

        out->card = books->card;
        out->interface = books->interface;
        out->outstanding = books->outstanding;
        memcpy(out->counter, books->counter, sizeof(out->counter));
        atomic_thread_fence(memory_order_acquire);
        if (!(turn & 1) && turn == atomic_load_explicit(&books->turn, memory_order_relaxed))
            return;
    }
}

static void add_interface(struct netvsc_netif_stats *sum, const struct netvsc_netif_stats *more)
{
#define X(name, help) sum->name += more->name;
    NETVSC_NETIF_STATS(X)
#undef X
}

static void add_card(struct netvsc_stats *sum, const struct netvsc_stats *more)
{
#define X(name, help) sum->name += more->name;
    NETVSC_STATS(X)
#undef X
}

static uint64_t known(const struct netvsc_netif_stats *s)
{
    return s->rx_input + s->rx_drop_pbuf + s->rx_drop_input + s->rx_drop_csum + s->rx_above_stack;
}

void port_workers_books_bury(struct port_workers *w, unsigned index)
{
    struct port_books *gone = &w->board->gone[index];
    struct port_books *books = &w->board->desk[index].books;
    struct netvsc_stats queue;

    netvsc_queue_stats(w->config.nif->nic, index + 1, &queue);
    w->board->stats.rx_lost +=
        queue.rx_frames - w->seat[index].rx_frames - known(&books->interface);
    add_interface(&gone->interface, &books->interface);
    for (unsigned i = 0; i < PORT_WORKERS_COUNTERS_MAX; i++)
        gone->counter[i] += books->counter[i];
    memset(books, 0, sizeof(*books));
}

/* ---- sums ------------------------------------------------------------------------------------ */

void port_workers_sum(const struct port_workers *w, struct netvsc_stats *card,
                      struct netvsc_netif_stats *interface, uint64_t *outstanding)
{
    const struct netvsc *nic = w->config.nif->nic;
    struct netvsc_stats queue;
    struct port_books books;

    netvsc_own_stats(nic, card);
    *interface = w->board->owner;
    *outstanding = 0;
    for (unsigned q = 0; q < netvsc_queues_wanted(nic); q++) {
        struct port_desk *desk = q > 0 ? &w->board->desk[q - 1] : NULL;

        if (desk && desk->books.turn) {
            read_books(&desk->books, &books);
            add_card(card, &books.card);
            add_interface(interface, &books.interface);
            *outstanding += books.outstanding;
        } else {
            netvsc_queue_stats(nic, q, &queue);
            add_card(card, &queue);
            *outstanding += netvsc_queue_outstanding(nic, q);
        }
        if (desk)
            add_interface(interface, &w->board->gone[q - 1].interface);
    }
}

void port_workers_counters(const struct port_workers *w, uint64_t *out, unsigned count)
{
    struct port_books books;

    memset(out, 0, count * sizeof(*out));
    for (unsigned i = 0; i < w->count; i++) {
        read_books(&w->board->desk[i].books, &books);
        for (unsigned k = 0; k < count && k < PORT_WORKERS_COUNTERS_MAX; k++)
            out[k] += books.counter[k] + w->board->gone[i].counter[k];
    }
}

static void add_stats(struct port_workers_stats *sum, const struct port_workers_stats *more)
{
#define X(name, help) sum->name += more->name;
    PORT_WORKERS_STATS(X)
#undef X
}

void port_workers_stats(const struct port_workers *w, struct port_workers_stats *out)
{
    *out = w->board->stats;
    for (unsigned i = 0; i < w->count; i++)
        add_stats(out, &w->board->desk[i].stats);
}
