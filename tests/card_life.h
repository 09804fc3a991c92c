/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world for a card's life: a host with a few cards, a guest with one NIC for whichever of them it
 * has, and frames both ways that say who they are, so that each is known again where it arrives.
 */
#ifndef CARD_LIFE_H
#define CARD_LIFE_H

#include "chance.h"
#include "hvhost.h"
#include "netvsc_control.h"
#include "netvsc_gather.h"
#include "netvsc_hold.h"
#include "netvsc_offload.h"
#include "netvsc_queue.h"
#include "vmbus.h"
#include "vmbus_memory.h"

#define LIFE_CARDS 3u
#define LIFE_QUEUES 4u
#define LIFE_LOANS 24u
#define LIFE_HOLDS 32u
#define LIFE_MS 1000000u
#define LIFE_FRAMES 65536u

struct life_hold {
    struct netvsc_hold *hold;
    const uint8_t *data;
    uint32_t len_bytes;
};

/* A slot that was begun and will be committed or cancelled before its queue is polled again. */
struct life_begun {
    bool open;
    struct netvsc_slot slot;
    uint32_t len_bytes;
    struct netvsc_tx_meta meta;
};

struct life {
    uint64_t now_ns;
    bool each_queue; /* polled by itself, as by a thread of its own */
    bool calm;       /* callbacks only listen */
    bool lies;       /* the host spoilt frames or completions: contents prove nothing */
    struct hvhost *host;
    struct hvhost_nic *card[LIFE_CARDS];
    struct hvhost_nic_config card_config[LIFE_CARDS];
    struct hvhost_port *port;
    struct netvsc_config config;
    struct netvsc *nic;
    unsigned at; /* the card it has, or had last */
    uint64_t begins;
    uint32_t next_id; /* of a frame */
    uint64_t received, arrived;
    uint8_t seen[LIFE_FRAMES]; /* how often frame (id) came out anywhere */
    bool lent[LIFE_LOANS];     /* to the host: part of life_memory */
    struct life_hold held[LIFE_HOLDS];
    struct life_begun begun[LIFE_QUEUES];
};

extern struct life life;
extern struct vmbus_memory life_memory;

/* Host, cards and NIC, with what chance says. */
void life_open(void);
/* All is given back, nothing is lost and nothing is known twice. */
void life_close(void);
/* Attach to card (at). False: it cannot be opened (now). */
bool life_attach(unsigned at);
/* A millisecond in which the guest looks at (all) of its queues, or at some. */
void life_turn(bool all);
/*
 * One frame from the far end to the card, of whatever kind; whether it is for the card's address.
 */
void life_far_sends(void);
void life_guest_sends(unsigned q);
/* Commit or cancel what was begun on (q). */
void life_guest_ends(unsigned q);
/* Give (all) or one of the frames kept back, unspoilt. */
void life_release(bool all);
/* A frame for the card's address from the far end, one of the guest's on queue (q). Its number. */
uint32_t life_far_sends_one(void);
uint32_t life_guest_sends_one(unsigned q);

#endif
