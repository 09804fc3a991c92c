/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what sending is made of, and what netvsc_tx*.c share. */
#ifndef NETVSC_TX_VAR_H
#define NETVSC_TX_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netvsc.h"
#include "netvsc_packet_var.h"
#include "nvs.h"
#include "rndis.h"

#define NETVSC_TX_SLOTS_MAX 2048u      /* send sections a queue uses; hosts offer 170..2730 */
#define NETVSC_TX_FREE_PLACES 2048u    /* for those free: a power of two */
#define NETVSC_GATHER_RING_PACKETS 10u /* the room of its longest packet, in packets */

struct netvsc_gather;
struct netvsc_queue;
struct rndis_tx_info;
struct vmbus_packet;

enum netvsc_slot_state {
    NETVSC_SLOT_FREE,
    NETVSC_SLOT_BEGUN, /* the caller writes to it */
    NETVSC_SLOT_PILED, /* with the pile in it, or committed and not yet on the ring */
    NETVSC_SLOT_SENT,  /* the host may read it */
};

/* One send section: tx.first_section + its index. xid = generation << 32 | index + 1. */
struct netvsc_tx_slot {
    uint32_t generation;
    enum netvsc_slot_state state;
    uint32_t frames;            /* in the section, once on the ring */
    uint32_t ring_packets;      /* kept for it while begun */
    struct netvsc_tx_meta meta; /* of the frame begun */
    bool tag_by_default;        /* in there is the card's, which gives way to one in the frame */
    uint16_t head_bytes;        /* in front of it: RNDIS header and per-packet info */
    void *owner;                /* of memory the host reads besides, or NULL */
};

/* Is a frame being written behind those of the pile, and what goes with it? */
enum netvsc_pile_state {
    NETVSC_PILE_READY, /* none is */
    NETVSC_PILE_PLAIN, /* nothing: its slot does not say so yet */
    NETVSC_PILE_SUM,   /* a TCP sum for the host to make, and nothing else */
    NETVSC_PILE_META,  /* what its slot says */
};

/* What may be in a pile: the same since the NIC came up. */
struct netvsc_pile_limits {
    uint32_t quick_bytes_max; /* frames with nothing beside them: 0 where something always is */
    uint32_t head_bytes;      /* of these: with several queues it says which */
    uint32_t frames_max;
    uint32_t bytes_max, align_mask; /* a multiple of the alignment, so that all may be padded */
};

/* Frames committed and not yet on the ring, back to back in one section: see netvsc_tx_pile.c. */
struct netvsc_tx_pile {
    bool open;
    enum netvsc_pile_state state;
    struct netvsc_pile_limits may;
    uint32_t token;              /* of a frame written here */
    uint32_t index;              /* of the slot */
    uint32_t frames;             /* committed */
    uint32_t counted;            /* so many of them are in the counters already; the others */
    uint32_t like_bytes;         /* are all so long, and none is to a group */
    uint32_t bytes;              /* they take */
    uint32_t last_off, next_off; /* where the last message begins, and where the next one will */
    uint32_t room;               /* for that; 0: full, or being written to */
    uint8_t *base;
};
#define NETVSC_PILE_LIKE_NONE UINT32_MAX /* no frame is so long */

/* What the RNDIS message around a plain frame of like_bytes begins with, made once. */
#define NETVSC_TX_PLAIN_HEAD_BYTES_MAX ((uint32_t)sizeof(struct rndis_packet) + RNDIS_PPI_BYTES)
struct netvsc_tx_like {
    uint32_t bytes, padded_bytes;
    uint8_t head[NETVSC_TX_PLAIN_HEAD_BYTES_MAX]; /* as it is without padding */
};

/* Ring room of a packet without pages, in completions. */
#define NETVSC_TX_PACKET_ACKS 2u

struct netvsc_tx {
    uint32_t free_count;
    uint32_t credit;      /* packets that may be begun before the ring is looked at again */
    uint32_t begun;       /* in sections of their own, not yet committed or cancelled */
    uint32_t reserved;    /* ring room kept for them, in packets */
    uint32_t outstanding; /* frames committed, not completed */
    bool unseen;          /* packets went on the ring since the last flush */
    uint32_t slot_count;
    struct netvsc_tx_pile pile;
    struct netvsc_tx_like like;
    uint32_t first_section; /* the queue's share of the send buffer starts here */
    uint32_t peak;          /* most sections in use at a time */
    uint64_t full_since_ns; /* a frame had to wait, and there has been no room since; 0 = none */
    bool host_here;         /* see netvsc_tx_slot.c */
    uint32_t free_first;    /* of free[]: the one free for longest */
    uint16_t free[NETVSC_TX_FREE_PLACES];
    struct netvsc_tx_slot slot[NETVSC_TX_SLOTS_MAX];
};

/* Is what is begun in the slot of (index) being written in the pile? */
static inline bool netvsc_pile_has(const struct netvsc_tx *tx, uint32_t index)
{
    return tx->pile.state != NETVSC_PILE_READY && tx->pile.index == index;
}

/* Frames begun, and not yet committed or cancelled. */
static inline uint32_t netvsc_tx_begun_count(const struct netvsc_tx *tx)
{
    return tx->begun + (tx->pile.state != NETVSC_PILE_READY);
}

/* Sections and packets that must be left for the pile to move: 0 or 1. */
static inline uint32_t netvsc_tx_spare(const struct netvsc_tx *tx)
{
    return tx->pile.state != NETVSC_PILE_READY && tx->pile.frames;
}

/* Packets for which the ring must keep room: of frames begun, and of the pile. */
static inline uint32_t netvsc_tx_kept_packets(const struct netvsc_tx *tx)
{
    return tx->reserved + tx->pile.open + netvsc_tx_spare(tx);
}

/* netvsc_tx_slot.c */
/* How many sections a queue uses in turns on this processor. Asking it can take microseconds. */
uint32_t netvsc_tx_row(void);
void netvsc_tx_open(struct netvsc_queue *q, uint32_t first_section, uint32_t sections);
void netvsc_tx_close(struct netvsc_queue *q);
/* A poll begins at (now_ns). */
void netvsc_tx_clock(struct netvsc_queue *q, uint64_t now_ns);
uint32_t netvsc_tx_take_section(struct netvsc_queue *q);
void netvsc_tx_free_slot(struct netvsc_queue *q, uint32_t index);
/* The begun slot behind a token, or NULL when the device has gone since: it was counted then. */
struct netvsc_tx_slot *netvsc_tx_begun(struct netvsc_tx *tx, uint32_t token);

/* netvsc_tx.c: begin, commit, cancel. */
/* Begin a frame: (max_bytes) long at most, with (ring_packets) of room kept. */
struct netvsc_tx_want {
    size_t len_bytes;
    uint32_t max_bytes, ring_packets;
    bool alone; /* it may grow: a section of its own */
    const struct netvsc_tx_meta *meta;
};
int netvsc_tx_start(struct netvsc_queue *q, const struct netvsc_tx_want *want,
                    struct netvsc_slot *slot);
/* Begin, commit it, whatever it is. */
int netvsc_tx_begin_any(struct netvsc_queue *q, size_t len_bytes, const struct netvsc_tx_meta *meta,
                        struct netvsc_slot *slot);
void netvsc_tx_commit_any(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes);

/* netvsc_tx_quick.c: the NIC comes up; which frames have nothing beside them? */
void netvsc_tx_quick_open(struct netvsc *nic);

/* netvsc_tx_frame.c: a frame's header, and what goes with it. */
extern const struct netvsc_tx_meta netvsc_tx_nothing;
/* Bytes in front of the frame. */
uint32_t netvsc_tx_head_bytes(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta);
/* Is there a VLAN tag inside? */
static inline bool netvsc_tx_tagged(const uint8_t *data, uint32_t len_bytes)
{
    return len_bytes >= NETVSC_TYPE_OFF + NETVSC_TAG_BYTES &&
           data[NETVSC_TYPE_OFF] == NETVSC_TYPE_TAG >> 8 &&
           data[NETVSC_TYPE_OFF + 1] == (NETVSC_TYPE_TAG & 0xFF);
}

/*
 * Take the tag out of a frame that has one inside, for which begin kept no room beside it unless
 * there is a default. Returns the frame's length without it; (*data) may move.
 */
uint32_t netvsc_tx_untag(struct netvsc_queue *q, struct netvsc_tx_slot *slot, uint8_t **data,
                         uint32_t len_bytes);
/*
 * A frame of (len_bytes) whose first (first_bytes) are at (data), behind the place of its header:
 * fill that in, pad. Returns the length of what is in the section.
 */
uint32_t netvsc_tx_message(struct netvsc_queue *q, const struct netvsc_tx_slot *slot, uint8_t *data,
                           uint32_t first_bytes, uint32_t len_bytes);
void netvsc_tx_count(struct netvsc_queue *q, const struct netvsc_tx_meta *meta, const uint8_t *data,
                     uint32_t bytes);

/* netvsc_tx_pile.c: frames that share a packet. */
/* How long a frame may be that shares its section; 0 = none does. */
uint32_t netvsc_pile_frame_max(const struct netvsc *nic);
/* The NIC comes up: nic->pile_may. */
void netvsc_pile_limit(struct netvsc *nic);
/* Send it and open it anew, for a message of (bytes). False: it is being written to, or too small.
 * There are a free section and credit. */
bool netvsc_pile_renew(struct netvsc_queue *q, uint32_t bytes);
/* A place for a frame of (len_bytes) behind (head_bytes). False: it needs a section of its own. */
bool netvsc_pile_begin(struct netvsc_queue *q, const struct netvsc_tx_meta *meta,
                       uint32_t head_bytes, size_t len_bytes, struct netvsc_slot *slot);
/* The frame written there will not be sent. */
void netvsc_pile_cancel(struct netvsc_queue *q);
/* The slot of a frame that is being written there says what goes with it, if it did not yet. */
void netvsc_pile_describe(struct netvsc_tx *tx);
/* A frame is being written there: it keeps the section, as one of its own. */
void netvsc_pile_leave(struct netvsc_queue *q);
/* Move the message of (bytes) from the section of (index) there. False: it does not fit. */
bool netvsc_pile_join(struct netvsc_queue *q, uint32_t index, uint32_t bytes);
/* Open it with the message of (bytes) that is in the section of (index). */
void netvsc_pile_start(struct netvsc_queue *q, uint32_t index, uint32_t bytes);
/* Put what waits for company on the ring. */
void netvsc_tx_flush(struct netvsc_queue *q);

/* netvsc_tx_send.c: ring room, and what is committed on its way to the ring. */
/* Look at the ring: may packets be begun? tx.credit says how many, netvsc_tx_spare() included. */
bool netvsc_tx_earn_credit(struct netvsc_queue *q);
/* May a packet of (ring_bytes) be sent without taking the room of frames already begun? */
bool netvsc_tx_ring_takes(struct netvsc_queue *q, uint32_t ring_bytes);
/* Send the message of (bytes) with a frame of (frame_bytes) that is in the section of (index). */
void netvsc_tx_send(struct netvsc_queue *q, uint32_t index, uint32_t bytes, uint32_t frame_bytes);
/* The same for one that waits for no company. */
void netvsc_tx_send_alone(struct netvsc_queue *q, uint32_t index, uint32_t bytes);
/* The same with the rest of the frame in the pieces of (g). */
void netvsc_tx_send_gather(struct netvsc_queue *q, uint32_t index, uint32_t bytes,
                           const struct netvsc_gather *g);
/* Put the (bytes) in the section of (index) on the ring, as one packet. */
void netvsc_tx_send_section(struct netvsc_queue *q, uint32_t index, uint32_t bytes);

/* netvsc_tx_done.c */
/* The slot of a packet sent, completed neither yet nor ever before; else NULL. */
struct netvsc_tx_slot *netvsc_tx_sent_slot(struct netvsc_tx *tx, uint64_t xid);
/* It is that slot's packet, and says (status): the host will not touch it again. */
void netvsc_tx_take_back(struct netvsc_queue *q, struct netvsc_tx_slot *slot, uint32_t status);
void netvsc_tx_completion(struct netvsc_queue *q, const struct vmbus_packet *pkt);
/* The memory of this owner is free: to be told. */
void netvsc_tx_disown(struct netvsc_queue *q, void *owner);
/* Tell the owners. */
void netvsc_tx_tell(struct netvsc_queue *q);
/* The device is closed: tell the owners of all that was outstanding. */
void netvsc_tx_release(struct netvsc *nic);
/* The device stays open: who was to be told goes to (owner). How many. Then tell these. */
uint32_t netvsc_tx_bequeath(struct netvsc *nic, void **owner);
void netvsc_tx_tell_heirs(struct netvsc *nic, void *const *owner, uint32_t count);

/* netvsc_tx_gather.c: a device was attached: show it the memory. */
void netvsc_gather_open(struct netvsc *nic);

#define NETVSC_L4_OFF_MIN4 34u
#define NETVSC_L4_OFF_MIN6 54u
/* netvsc_tx_meta.c: may it be asked for; the frame's fields; what goes with it. */
bool netvsc_offload_ok(const struct netvsc *nic, const struct netvsc_tx_meta *meta,
                       uint32_t len_bytes);
void netvsc_offload_prepare(const struct netvsc_tx_meta *meta, uint8_t *frame, uint32_t len_bytes);
void netvsc_offload_info(const struct netvsc_tx_meta *meta, struct rndis_tx_info *out);
/* Put (meta) in place of what was asked for at begin. False: cancelled. */
bool netvsc_tx_rewish(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes,
                      const struct netvsc_tx_meta *meta);

#endif
