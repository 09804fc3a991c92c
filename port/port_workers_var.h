/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of port_workers*.c: what the processes share, and what the owner alone knows. */
#ifndef PORT_WORKERS_VAR_H
#define PORT_WORKERS_VAR_H

#include <stdatomic.h>
#include <sys/types.h>

#include "port_mailbox.h"
#include "port_net_share.h"
#include "port_spread.h"
#include "port_tcp_table.h"
#include "port_workers.h"

#define PORT_WORKERS_NOBODY UINT8_MAX

/* What a worker counts, as of its last turn: odd (turn) while it is written. */
struct port_books {
    _Atomic uint32_t turn;
    struct netvsc_stats card; /* its queue */
    struct netvsc_netif_stats interface;
    uint64_t outstanding;
    uint64_t counter[PORT_WORKERS_COUNTERS_MAX]; /* the program's */
};

/* Shared: what belongs to one worker, whoever it is at the time. */
struct port_desk {
    _Atomic bool asleep;             /* or about to be; wake it through its descriptor */
    _Atomic bool ready;              /* listens */
    _Atomic bool done;               /* will end and is not to be started again */
    _Atomic uint32_t strangers;      /* connections it has that the table sends to others */
    _Atomic uint32_t ends_used;      /* see port_tcp_note() */
    struct port_workers_stats stats; /* written by the worker */
    struct port_books books;
    struct port_mailbox in, out;
};

struct port_board {
    _Atomic bool owner_asleep;
    /* The card or its addresses changed: odd while the addresses are written. */
    _Atomic uint32_t news;
    struct port_net_addresses addresses;
    struct netvsc_rss rss; /* as the host has it, or is about to; key and types never change */
    /* Per entry of the table: whose connections may still be sent to another, or NOBODY. */
    _Atomic uint8_t before[NETVSC_RETA_ENTRIES];
    _Atomic bool any_before;
    struct port_workers_stats stats;          /* written by the owner */
    struct netvsc_netif_stats owner;          /* its interface's, as of its last turn */
    struct port_books gone[PORT_WORKERS_MAX]; /* what the dead counted, by desk */
    struct port_desk desk[];
};

/* The owner's view of a worker. */
struct port_seat {
    pid_t pid; /* 0: none */
    int death; /* pidfd, -1: none */
    int wake;  /* eventfd */
    bool serving;
    bool steered; /* since it died */
    bool killed;
    bool done;
    unsigned quick_deaths; /* in a row */
    uint64_t starts;
    uint64_t started_ns, start_at_ns, died_ns;
    uint64_t rx_frames; /* of the queue when it started */
};

struct port_workers {
    struct port_workers_config config;
    struct port_board *board;
    size_t board_bytes;
    unsigned count; /* of desks in use; 0 until begun */
    bool begun, ending, steer, steering, was_ready, card_changed;
    int failure;
    int owner_wake;
    uint64_t now_ns, kill_at_ns, look_at_ns, strangers_at_ns;
    uint32_t news_seen;
    enum netvsc_state state; /* of the NIC, as last seen */
    struct port_seat seat[PORT_WORKERS_MAX];
    struct port_net_addresses published;
    /* netif's own functions; ours are before them */
    netif_input_fn input;
    netif_linkoutput_fn linkoutput;
    struct port_tcp_end *ends; /* shared: port_connections of them per desk */
    size_t ends_bytes;
    struct port_tcp_end *untold; /* of connections of the dead, the last first */
    uint32_t untold_count;
    unsigned self; /* in a worker: its index */
};

/*
 * The tag of a mail. In one from a worker, whom it is for: 0 = the owner, else that worker's index
 * plus 1. And which sums its receiver need not check: those the host has checked, or that a guest
 * on the same switch left out.
 */
#define PORT_MAIL_TO 0xFFFFu
#define PORT_MAIL_SPARED_SHIFT 16u
uint32_t port_mail_tag(const struct netif *netif, uint32_t to);
/* A mail as a frame into (input), with the sums checked as its tag says. */
void port_mail_input(struct netif *netif, netif_input_fn input, const uint8_t *mail, uint32_t bytes,
                     uint32_t tag);

static inline struct netvsc *port_workers_nic(const struct port_workers *w)
{
    return w->config.nif->nic;
}

/* port_workers_lives.c: those that died, and their queues until others live. How many, and how much
 * was done. */
/* While awake, how often to look whether somebody died. */
#define PORT_WORKERS_LOOK_NS PORT_NS_PER_MS
unsigned port_workers_look_for_deaths(struct port_workers *w);
unsigned port_workers_tend(struct port_workers *w);
void port_workers_kill(struct port_workers *w, int signal);

/* port_workers_mail.c */
void port_workers_hook_owner(struct port_workers *w);
/* Frames from workers; returns how many. */
unsigned port_workers_mail_step(struct port_workers *w);
bool port_workers_mail_waits(const struct port_workers *w);
void port_workers_wake(const struct port_workers *w, unsigned index);

/* port_workers_steer.c: the host's table. */
void port_workers_steer_step(struct port_workers *w);
uint8_t port_workers_of_entry(const struct port_workers *w, uint32_t entry);

/* port_workers_books.c */
void port_workers_books_write(struct port_books *books, const struct port_workers *w);
void port_workers_books_bury(struct port_workers *w, unsigned index);

/* port_workers_tell.c: peers of the dead. */
int port_workers_ends_open(struct port_workers *w);
void port_workers_ends_close(struct port_workers *w);
struct port_tcp_end *port_workers_ends_of(const struct port_workers *w, unsigned index);
/* Worker (index) has died: keep what it noted. */
void port_workers_ends_bury(struct port_workers *w, unsigned index);
bool port_workers_may_tell(const struct port_workers *w);
/* Returns how many were told. */
unsigned port_workers_tell_step(struct port_workers *w);

/* port_worker.c: the rest of the life of a process just forked. */
_Noreturn void port_worker_live(struct port_workers *w, unsigned index, pid_t owner);

#endif
