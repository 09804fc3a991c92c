/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the NIC: what netvsc*.c share. What another thread than queue 0's may read while it is
 * written is atomic; everything else in struct netvsc is written while no other queue is joined.
 */
#ifndef NETVSC_VAR_H
#define NETVSC_VAR_H

#include <stdatomic.h>

#include "netvsc_alike_var.h"
#include "netvsc_control.h"
#include "ndis_reg.h"
#include "netvsc_queue.h"
#include "netvsc_tx_var.h"
#include "nvs.h"
#include "rndis.h"
#include "vmbus.h"
#include "vmbus_chan.h"

#define NETVSC_ACKS_MAX 32768u /* more than a receive buffer has sections */
#define NETVSC_HOLDS_MAX 2048u /* packets kept beyond their poll, per queue */
#define NETVSC_REPLY_BYTES_MAX 512u
#define NETVSC_REQUEST_BYTES_MAX RNDIS_REQUEST_BYTES_MAX
#define NETVSC_MAC_BYTES 6u

/*
 * Transaction ids. Low half: which table entry, high half: its generation, so that a stale or
 * invented id finds nothing. Never 0, which Hyper-V does not complete.
 */
#define NETVSC_XID_CONTROL 0x80000000u   /* low half of every control request */
#define NETVSC_XID_NONE (UINT64_MAX - 2) /* for packets that want no completion */

/* ---- a queue: one channel -------------------------------------------------------------------- */

/* What a completion of a received packet says. */
#define NETVSC_ACK(status) (NVS_MSG_RNDIS_COMPLETE | (uint64_t)(status) << 32)
static_assert(offsetof(struct nvs_rndis_complete, status) == 4, "it is a word");

/* What is behind a completion owed to the host. */
struct netvsc_lent {
    struct netvsc_hold *hold; /* keeps the packet, or NULL */
    uint32_t sections;        /* are given back */
};

struct netvsc_gather;

/* A frame in fragments, being collected at the end of batch[]; see netvsc_rsc.c. */
struct netvsc_chain {
    unsigned pieces; /* 0 = none */
    uint32_t bytes;
};

struct netvsc_queue {
    struct netvsc *nic;
    unsigned index;
    struct vmbus_chan *chan;
    _Atomic bool joined; /* its thread may be in it: the device must stay. Never set for queue 0 */
    _Atomic bool idle; /* as its thread last saw it while detaching: nothing owed or outstanding */
    struct netvsc_stats stats;
    uint64_t now_ns; /* of its last poll */
    unsigned batch_count;
    struct netvsc_alike like; /* the last message judged */
    uint32_t alike_bytes;     /* what most frames are long */
    uint64_t batch_mixed;     /* not 0: not all are so long, untagged and to one receiver */
    uint32_t ack_count;
    uint64_t origin;              /* queue and packet at work, as they lie in its frames */
    struct netvsc_lender *lender; /* see netvsc_hold.c; NULL without device */
    uint32_t held_packets, held_sections;
    bool holds_new;       /* in ack[], since the poll began */
    uint32_t taken_again; /* completions that come once more after a takeover */
    struct netvsc_tx tx;
    uint8_t *capture; /* NETVSC_FRAME_BYTES_MAX for frames in pieces; NULL without config.capture */
    unsigned done_count;
    void *done[NETVSC_BATCH_MAX]; /* owners to be told */
    struct netvsc_chain chain;
    struct netvsc_frame batch[NETVSC_BATCH_MAX + VMBUS_XFER_RANGES_MAX];
    /* Completions owed; only the first few are touched unless the ring is full. */
    struct vmbus_ack ack[NETVSC_ACKS_MAX];
    struct netvsc_lent lent[NETVSC_ACKS_MAX];
};

/* What is owed (index)th: a completion for (sections), which says (payload). */
static inline void netvsc_owe_at(struct netvsc_queue *q, uint32_t index, uint64_t xid,
                                 uint64_t payload, uint32_t sections)
{
    q->ack[index] = (struct vmbus_ack){.xid = xid, .payload = payload};
    q->lent[index] = (struct netvsc_lent){.sections = sections};
}

/* Owe it; there is room. First the entry, then the count: see netvsc_takeover.c. */
static inline void netvsc_owe(struct netvsc_queue *q, uint64_t xid, uint64_t payload,
                              uint32_t sections)
{
    netvsc_owe_at(q, q->ack_count, xid, payload, sections);
    atomic_signal_fence(memory_order_release);
    q->ack_count++;
}

/* ---- control requests: one at a time, on the primary channel --------------------------------- */

enum netvsc_await {
    NETVSC_AWAIT_NOTHING,
    NETVSC_AWAIT_NVS,   /* a completion carrying the NVSP answer */
    NETVSC_AWAIT_RNDIS, /* an RNDIS completion with our request id */
    NETVSC_AWAIT_TAKEN, /* that the host has read the request: HALT has no other answer */
};

struct netvsc_ctl {
    enum netvsc_await await;
    bool answered;                /* reply[] holds what was awaited */
    bool link_heard, speed_heard; /* unasked, and after what is in reply[] */
    bool buffer_busy;             /* the host may still read the request in (buffer) */
    uint32_t generation;
    uint32_t buffer_generation; /* of the request in (buffer) */
    uint8_t *buffer;            /* a page of dma memory or a send section */
    uint32_t buffer_bytes;      /* a longer request fails with -EMSGSIZE */
    uint64_t pfn;               /* of the page */
    uint32_t section;           /* or NVS_SECTION_NONE */
    uint32_t reply_bytes;
    uint8_t reply[NETVSC_REPLY_BYTES_MAX];
};

/* ---- filters and address: see netvsc_control.c ----------------------------------------------- */

struct netvsc_control {
    bool promiscuous, all_multicast;
    bool list_told, list_refused; /* the host has (group), or takes no list */
    bool has_mac;
    uint8_t mac[6], mac_sent[6], permanent_mac[6]; /* wanted, asked for last, the card's own */
    uint8_t mac_doubts; /* times in a row that the host was asked, and did not say which it has */
    uint32_t filter, filter_sent; /* NDIS_FILTER_* in force, and in the request under way */
    unsigned groups;              /* more than fit in (group): all multicast */
    uint8_t group[NETVSC_MULTICAST_MAX][6];
};

/* One step of attach or detach; see netvsc_steps.c. */
struct netvsc_step {
    const char *name;
    /* 0 sent, -EAGAIN no room yet, else failed. */
    int (*send)(struct netvsc *nic);
    /* 0 done, -EAGAIN not yet, NETVSC_STEP_RESEND, else failed. */
    int (*accept)(struct netvsc *nic);
    uint32_t deadline_ms; /* 0 = config.step_timeout_ms */
    bool optional;        /* failing goes on to the next step */
};
#define NETVSC_STEP_RESEND 1

/* ---- changes while up: see netvsc_change.c --------------------------------------------------- */

enum netvsc_change_id {
    NETVSC_CHANGE_RSS,
    NETVSC_CHANGE_MAC,
    NETVSC_CHANGE_LIST, /* before the filter that makes the host look at it */
    NETVSC_CHANGE_FILTER,
    NETVSC_CHANGES
};

struct netvsc_change {
    const struct netvsc_step *steps;
    void (*done)(struct netvsc *nic, int error); /* 0 or -errno of the step that failed */
};

/* ---- RSS: see netvsc_rss.c ------------------------------------------------------------------- */

#define NETVSC_SUBCHANNEL_LOOK_NS 1000000u /* each look for a sub-channel reads sysfs */

struct netvsc_rss_state {
    uint32_t wish;    /* queues: what we want, then what the host grants */
    uint32_t asked;   /* for so many sub-channels */
    uint32_t ready;   /* opened, 0 included */
    uint32_t entries; /* of the host's table */
    uint64_t next_look_ns;
    int last_error;
    struct netvsc_rss wanted, current;
};

struct netvsc {
    _Atomic enum netvsc_state state;
    struct vmbus_device *dev;
    const struct vmbus_transport *mem;
    const uint64_t *pfn; /* of config.memory; NULL: not to be sent from */
    uint64_t now_ns;
    bool polling;        /* inside netvsc_poll(): closing the device must wait */
    bool detach_pending; /* asked for while polling */
    _Atomic int trouble; /* -errno found while polling: the device is closed at the end */
    _Atomic bool gate;   /* open: other queues may be joined */
    uint32_t events;     /* bit per enum netvsc_event, to be told at the end of poll */
    uint32_t mtu_wanted;
    _Atomic uint32_t rx_frame_bytes_max, tx_frame_bytes_max;
    /* Since the host said how long sections are: */
    const uint8_t *recv;    /* the receive buffer */
    size_t recv_off_max;    /* a section that begins here lies inside it to the end */
    uint32_t recv_over_max; /* how much longer a section is than a PACKET header */
    uint32_t tx_quick_bytes_max, tx_alone_bytes_min; /* see netvsc_tx_quick.c */
    uint32_t tx_row_sections;                        /* see netvsc_tx_slot.c */
    struct netvsc_pile_limits pile_may;
    uint64_t next_irq_look_ns;
    struct netvsc_config config;
    struct ndis_offload host_can; /* zero: it did not say */
    struct netvsc_stats stats;    /* of the NIC as a whole; queues have their own */
    struct netvsc_info info;
    struct netvsc_estate *estate, *given_up; /* see netvsc_hold.c */

    struct netvsc_ctl ctl;
    struct netvsc_control control;
    const struct netvsc_step *steps; /* ends with a row without name */
    unsigned step;
    bool step_sent;
    uint64_t step_deadline_ns;
    unsigned version_try; /* index of the NVSP version being offered */
    char failure[192];
    uint32_t changes; /* asked for, a bit per enum netvsc_change_id */
    bool changing;    /* (change) is under way */
    unsigned change;
    struct netvsc_rss_state rss;
    _Atomic bool send_table_ok;
    _Atomic uint8_t send_table[NVS_SEND_TABLE_ENTRIES];

    struct netvsc_queue *queue[NETVSC_QUEUES_MAX]; /* config.queues of them */
};

/* netvsc_control.c */
/* The NIC is up. */
void netvsc_control_attached(struct netvsc *nic);
/* Can it be a card's own address? A group's cannot, nor all zeros. */
bool netvsc_mac_ok(const uint8_t *mac);

/* netvsc_count.c */
/* Messages that were handed up or dropped; frames in all size classes. */
uint64_t netvsc_messages_known(const struct netvsc_stats *s);
uint64_t netvsc_sizes_rx(const struct netvsc_stats *s);
uint64_t netvsc_sizes_tx(const struct netvsc_stats *s);
void netvsc_add_chan_stats(struct netvsc_stats *sum, const struct vmbus_chan *chan);

/* netvsc_queue.c */
/* Poll a queue other than 0: join it, take a turn, leave it if asked to. */
unsigned netvsc_queue_visit(struct netvsc_queue *q, uint64_t now_ns, unsigned budget);
int netvsc_queues_create(struct netvsc *nic);
void netvsc_queues_destroy(struct netvsc *nic);
void netvsc_queues_bind(struct netvsc *nic);
/* Forget what belonged to the device, counting it. No queue may be joined. */
void netvsc_queues_unbind(struct netvsc *nic);
/* Let other threads in; ask them out and say whether all have left. */
void netvsc_queues_admit(struct netvsc *nic);
bool netvsc_queues_left(struct netvsc *nic);
/* Send sections that frames can be in; and share them between the queues in use. */
uint32_t netvsc_queues_sections(const struct netvsc *nic);
void netvsc_queues_share(struct netvsc *nic);
/* Nothing is owed to the host or outstanding on any queue. */
bool netvsc_queues_idle(struct netvsc *nic);

/* netvsc_poll.c */
/* Receive, completions, doorbell: what a poll of a queue is besides control. */
unsigned netvsc_queue_turn(struct netvsc_queue *q, unsigned budget);
/* netvsc_next_deadline() but for the queues. */
uint64_t netvsc_control_deadline(const struct netvsc *nic, uint64_t now_ns);
void netvsc_raise(struct netvsc *nic, enum netvsc_event event);
/* Close the device and forget all that belonged to it; what was outstanding is counted. */
void netvsc_close_device(struct netvsc *nic);

/* netvsc_steps.c */
void netvsc_steps_begin(struct netvsc *nic, const struct netvsc_step *steps);
/* Advance as far as possible: 1 all done, 0 not yet, -errno the current step failed. */
int netvsc_steps_run(struct netvsc *nic);
const char *netvsc_steps_name(const struct netvsc *nic);
uint64_t netvsc_steps_deadline(const struct netvsc *nic, uint64_t now_ns);

/* netvsc_answer.c: an answer with exactly (want) bytes of information; with at least (least), of
 * which up to (most) are copied: returns how many there were; success */
int netvsc_ctl_accept_info(struct netvsc *nic, void *out, uint32_t want);
int netvsc_ctl_accept_some(struct netvsc *nic, void *out, uint32_t least, uint32_t most);
int netvsc_ctl_accept_set(struct netvsc *nic);

/* netvsc_change.c */
extern const struct netvsc_change netvsc_rss_change;
extern const struct netvsc_change netvsc_mac_change, netvsc_list_change, netvsc_filter_change;
void netvsc_change_ask(struct netvsc *nic, enum netvsc_change_id id);
bool netvsc_change_pending(const struct netvsc *nic, enum netvsc_change_id id);
void netvsc_changes_forget(struct netvsc *nic);
void netvsc_changes_run(struct netvsc *nic);

/* netvsc_rss.c: steps of attach */
int netvsc_rss_query_caps(struct netvsc *nic);
int netvsc_rss_accept_caps(struct netvsc *nic);
int netvsc_rss_ask_channels(struct netvsc *nic);
int netvsc_rss_accept_channels(struct netvsc *nic);
int netvsc_rss_open_channels(struct netvsc *nic);
int netvsc_rss_send_off(struct netvsc *nic);
int netvsc_rss_accept_off(struct netvsc *nic);
int netvsc_rss_send(struct netvsc *nic);
int netvsc_rss_accept(struct netvsc *nic);
int netvsc_rss_settle(struct netvsc *nic);
/* (copy) holds a message 134. */
void netvsc_rss_send_table(struct netvsc *nic, const uint8_t *copy, uint32_t bytes);

/* netvsc_attach.c, netvsc_detach.c */
extern const struct netvsc_step netvsc_attach_steps[];
extern const struct netvsc_step netvsc_detach_steps[];

/* netvsc_ctl.c: 0, -EAGAIN when ring or request memory is not free, -EPROTO. */
int netvsc_ctl_open(struct netvsc *nic);
int netvsc_ctl_send_nvs(struct netvsc *nic, const struct nvs_msg *msg, bool wants_reply);
int netvsc_ctl_initialize(struct netvsc *nic);
int netvsc_ctl_query(struct netvsc *nic, uint32_t oid);
int netvsc_ctl_set_u32(struct netvsc *nic, uint32_t oid, uint32_t value);
/* A query or set (RNDIS_MSG_*) with (info_bytes) <= RNDIS_INFO_BYTES_MAX of information. */
int netvsc_ctl_ask(struct netvsc *nic, uint32_t type, uint32_t oid, const void *info,
                   uint32_t info_bytes);
int netvsc_ctl_halt(struct netvsc *nic);
/* A completion with a control xid, an in-band packet, an RNDIS message that is no data. */
void netvsc_ctl_completion(struct netvsc *nic, uint64_t xid, const uint8_t *host,
                           uint32_t len_bytes);
void netvsc_ctl_inband(struct netvsc *nic, const uint8_t *host, uint32_t len_bytes);
/* False: not a control message either. (host) is a checked range of the receive buffer. */
bool netvsc_ctl_message(struct netvsc *nic, const uint8_t *host, uint32_t len_bytes);

/* netvsc_hold.c */
/* The device is attached; -ENOMEM. It is given up: closed now, or by the last hold released. */
int netvsc_hold_open(struct netvsc *nic);
void netvsc_hold_close(struct netvsc *nic);
/* Devices given up that nobody else keeps open, or (all): their memory's owners are told. */
void netvsc_hold_settle_estates(struct netvsc *nic, bool all);
/* The poll's frames are handed up: take what is held out of ack[]. */
void netvsc_hold_settle(struct netvsc_queue *q);
/* Owe the completions of what was released. */
void netvsc_hold_collect(struct netvsc_queue *q);
bool netvsc_hold_pending(const struct netvsc_queue *q);
/* Owe the completions of all that is out; whoever held it is dead. */
void netvsc_hold_takeover(struct netvsc_queue *q);

/* netvsc_rx_poll.c, netvsc_rx.c */
unsigned netvsc_rx_poll(struct netvsc_queue *q, unsigned budget);
/* The batch is complete. */
void netvsc_rx_hand_up(struct netvsc_queue *q);
/* Take (count) packets of any type, or as many as (budget) allows: the rest goes back to the
 * channel. How much work it was: of those received, messages. */
unsigned netvsc_rx_packets(struct netvsc_queue *q, const struct vmbus_packet *pkt, unsigned count,
                           unsigned budget);

/* netvsc_rx_message.c */
/* Take one range. False: malformed. */
bool netvsc_rx_range(struct netvsc_queue *q, const struct vmbus_xfer_range *range, bool is_data);
/* What goes with (frame). */
void netvsc_rx_meta(struct netvsc_frame *frame, const struct rndis_meta *meta);

/* netvsc_rsc.c */
/* Is RSC to be asked for, as far as the version and the configuration go? */
bool netvsc_rsc_wanted(const struct netvsc *nic);
/* (piece) comes with (flags), RNDIS_PACKET_ID_*. False: it or some before it are dropped. */
bool netvsc_rsc_take(struct netvsc_queue *q, const struct netvsc_frame *piece, uint8_t flags);
/* No more fragments of this frame will come. False: what there was of it is dropped and counted. */
bool netvsc_rsc_end(struct netvsc_queue *q);

/* netvsc_offload.c: steps of attach. */
int netvsc_offload_query(struct netvsc *nic);
int netvsc_offload_accept(struct netvsc *nic);
int netvsc_offload_set(struct netvsc *nic);
int netvsc_offload_agreed(struct netvsc *nic);

#endif
