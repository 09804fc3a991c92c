/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One emulated card from inside: its channels, what its guest negotiated, and the functions by
 * which the files of the core call each other. hvh_nic.c moves packets and finds out who is due,
 * hvh_nvs.c answers NVSP, hvh_rndis.c and hvh_oid.c RNDIS control, hvh_tx.c and hvh_rx.c carry
 * frames.
 */
#ifndef HVH_NIC_VAR_H
#define HVH_NIC_VAR_H

#include "hvh_ahead.h"
#include "hvh_offload.h"
#include "hvh_ring.h"
#include "hvh_rss.h"
#include "hvh_sections.h"
#include "hvh_var.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

#define HVH_CHANS_MAX 64u     /* per card: the primary and sub-channels */
#define HVH_STEP_PACKETS 256u /* most guest packets taken per channel and step */
#define HVH_FAULTS_MAX 8u
#define HVH_LATE_MAX 128u
#define HVH_MULTICAST_MAX 32u
#define HVH_ETH_BYTES 14u
#define HVH_MTU_DEFAULT 1500u
#define HVH_SECTION_HEAD_BYTES 256u /* of a receive section: RNDIS header and info elements */
#define HVH_SECTION_TAIL_BYTES 36u  /* of it, never used: a bug of some Windows guests */
#define HVH_SECTION_EXTRA_BYTES (HVH_SECTION_HEAD_BYTES + HVH_ETH_BYTES + HVH_SECTION_TAIL_BYTES)
#define HVH_RNDIS_BYTES_MAX 1024u /* longest control request taken, and reply sent */

/*
 * Ring room that must be free before a guest packet is taken, so that its answers always fit: two
 * completions and two control packets, each of which a fault may double.
 */
#define HVH_REPLY_ROOM 640u

enum hvh_state {
    HVH_CLOSED,
    HVH_VERSION,     /* waits for an NVSP version it speaks */
    HVH_CONFIG,      /* MTU, NDIS version, buffers */
    HVH_READY,       /* waits for RNDIS INITIALIZE */
    HVH_OPERATIONAL, /* queries, sets, data */
    HVH_STOPPED,     /* halted or buffers revoked: only closing helps */
};

/* Frames gathered for one transfer-page packet. */
struct hvh_batch {
    unsigned count;
    uint32_t head, tail; /* chain of sections */
    struct vmbus_xfer_range range[HVH_BATCH_MAX];
};

/* TCP segments of one connection being put together; see hvh_rsc.c. */
#define HVH_RSC_BYTES_MAX 65535u
struct hvh_rsc {
    uint32_t segments; /* in (frame); 0 = none */
    struct hvhost_frame frame;
    struct hvh_hash hash;
    uint32_t csum; /* of the first: RNDIS_RXCSUM_* */
    struct hvh_ip at;
    uint32_t head_bytes, next_seq;
    uint16_t id;    /* of the last frame sent in fragments */
    uint8_t *bytes; /* HVH_RSC_BYTES_MAX: of (frame) */
};

struct hvh_chan {
    struct hvhost_nic *nic;
    unsigned index;              /* 0 = primary */
    bool offer_planned, offered; /* sub-channels: see hvh_subchan.c */
    uint64_t offer_due_ns;
    uint32_t relid;
    uint8_t monitor_id;
    bool open;
    bool faulted;            /* given up: neither read nor written until closed */
    bool awake;              /* the ring is masked and looked at */
    bool signalled;          /* the guest rang */
    bool blocked;            /* no room for answers: waits for the guest's signal */
    unsigned excuses;        /* signals the guest may have reason for */
    uint64_t monitor_due_ns; /* next look at the guest's bit */
    uint64_t used_ns;        /* when something last went to the guest */
    struct hvh_ring_in in;
    struct hvh_ring_out out;
    struct hvh_batch batch;
};

/* A packet that leaves later, because a fault says so. */
struct hvh_late {
    struct hvh_chan *chan;
    uint64_t due_ns;
    struct hvh_send pkt;
};

struct hvh_fault_slot {
    struct hvhost_fault fault;
    uint32_t seen, struck;
    bool armed;
};

/* See hvh_tell.c. */
struct hvh_tell {
    uint32_t speed_told;     /* 100 bit/s, as the guest last heard it */
    uint32_t network_change; /* to be told; 0 = none */
    bool vf_offered, vf_told;
    bool vf_path;      /* the guest wants unicast by the VF */
    bool path_back;    /* the guest is to be told that it does not get it */
    uint64_t retry_ns; /* there was no room: no sooner again, unless something else happens */
};

/* Being withdrawn, see hvh_leave.c. */
struct hvh_leave {
    uint64_t begun_ns, due_ns; /* no later than; 0 = it stays */
    bool link_up;              /* before */
};

struct hvhost_nic {
    struct hvhost *host;
    unsigned index;
    struct hvhost_nic_config config;
    char instance[40];
    uint8_t permanent_mac[6];
    struct hvhost_port *port;
    bool offered;
    bool withdrawn; /* rescinded under a guest that has not closed it yet */
    bool link_up;
    bool link_told; /* link_up as the guest last heard it */
    struct hvh_tell tell;
    struct hvh_leave leave;

    /* while a guest is connected */
    struct hvh_guest guest;
    const struct hvh_face_ops *face;
    void *face_ctx;
    struct hvh_chan chan[HVH_CHANS_MAX];
    enum hvh_state state;
    uint32_t nvs_version;
    bool got_config, got_ndis, got_recv, got_send;
    uint64_t capabilities;
    uint32_t mtu_bytes; /* granted, without Ethernet header */
    struct vmbus_region recv, send;
    struct hvh_ahead recv_ahead, send_ahead;
    uint16_t recv_id;
    uint32_t send_section_bytes;
    struct hvh_sections sections;
    uint8_t mac[6];
    uint32_t filter; /* NDIS_FILTER_* */
    uint8_t multicast[HVH_MULTICAST_MAX][6];
    unsigned multicast_count;
    unsigned granted; /* sub-channels */
    unsigned chans;   /* the first so many may be open: a turn looks at no others */
    bool table_due;   /* message 134, once all of them are open */
    struct hvh_rss rss;
    uint8_t *lent_on;               /* by section: the channel a packet went out on */
    struct hvh_offload_set offload; /* switched on */
    struct hvh_rsc rsc;

    bool faulty; /* one may be armed */
    struct hvh_fault_slot fault[HVH_FAULTS_MAX];
    struct hvh_late *late; /* HVH_LATE_MAX */
    unsigned late_count;
    struct hvh_packet packet;             /* the one being served */
    struct iovec tx_piece[HVH_PARTS_MAX]; /* of the frame being switched */
    struct hvhost_nic_stats stats;
};

/* ---- hvh_bell.c, hvh_monitor.c ---------------------------------------------------------- */

/* Its guest rang. */
void hvh_chan_rung(struct hvh_chan *chan);
/* Look at the ring in the next steps; or not, until the guest rings. */
void hvh_bell_wake(struct hvh_chan *chan);
void hvh_bell_sleep(struct hvh_chan *chan);
/* The guest may ring once more: it was asked for room. */
void hvh_bell_excuse(struct hvh_chan *chan);

/* hvh_monitor.c: the bit in shared memory that rings for a channel, if it has one. */
void hvh_monitor_look(struct hvh_chan *chan, uint64_t now_ns);
/* Something goes to the guest: look as often as promised. */
void hvh_monitor_used(struct hvh_chan *chan, uint64_t now_ns);
/* Nanoseconds until the next look. */
uint64_t hvh_monitor_deadline(const struct hvh_chan *chan, uint64_t now_ns);

/* ---- hvh_nic.c -------------------------------------------------------------------------- */

int hvh_nic_create(struct hvhost *host, unsigned index, const struct hvhost_nic_config *config,
                   struct hvhost_nic **out);
void hvh_nic_destroy(struct hvhost_nic *nic);
/* Take what the guest sent, bounded. Returns packets taken. */
unsigned hvh_nic_serve(struct hvhost_nic *nic, uint64_t now_ns);
/*
 * Show the guest what was sent to it since the last flush, and interrupt it if it wants that.
 * Returns on how many channels there was something.
 */
unsigned hvh_nic_flush(struct hvhost_nic *nic);
uint64_t hvh_nic_deadline(const struct hvhost_nic *nic, uint64_t now_ns);
void hvh_nic_look(struct hvhost_nic *nic, uint64_t now_ns); /* at its doorbells in memory */
/* A channel just opened: let the guest ring, or look at every step. */
void hvh_chan_start(struct hvh_chan *chan);
/* The guest broke a rule: count it in (counter) and, with config.punish, give the channel up. */
void hvh_strict(struct hvh_chan *chan, uint64_t *counter);

/* ---- hvh_answer.c: packets to the guest, faults applied --------------------------------- */

/* Send (*pkt), spoilt by (fault) unless that is NULL. */
void hvh_answer(struct hvh_chan *chan, const struct hvh_send *pkt,
                const struct hvhost_fault *fault);
/* Complete (xid) with an NVSP message padded to NVS_MSG_BYTES; with nothing when (bytes) is 0. */
void hvh_complete(struct hvh_chan *chan, uint64_t xid, const void *msg, uint32_t bytes,
                  const struct hvhost_fault *fault);
/* Complete an RNDIS packet: message 108. */
void hvh_complete_rndis(struct hvh_chan *chan, uint64_t xid, uint32_t status,
                        const struct hvhost_fault *fault);
/* An RNDIS control message to the guest. False: no section or no room. */
bool hvh_control(struct hvhost_nic *nic, const void *msg, uint32_t bytes,
                 const struct hvhost_fault *fault);
/* Send late packets that are due. */
unsigned hvh_late_serve(struct hvhost_nic *nic, uint64_t now_ns);
uint64_t hvh_late_deadline(const struct hvhost_nic *nic);

/* ---- hvh_nvs.c -------------------------------------------------------------------------- */

void hvh_nvs_open(struct hvhost_nic *nic);
void hvh_nvs_close(struct hvhost_nic *nic);
/* No more frames until the guest has closed: HALT, or a buffer revoked. */
void hvh_nvs_stop(struct hvh_chan *chan);
/* The guest takes (mem) back. One not revoked before counts in strict_gpa and stops the card. */
void hvh_nvs_memory_gone(struct hvh_chan *chan, const struct vmbus_region *mem);
/* An in-band or GPA-direct packet in nic->packet. */
void hvh_nvs_serve(struct hvh_chan *chan);

/* ---- hvh_subchan.c ---------------------------------------------------------------------- */

/* Channels the guest could have, and has been granted; the primary counts. */
unsigned hvh_subchan_max(const struct hvhost_nic *nic);
uint32_t hvh_subchan_queues(const struct hvhost_nic *nic);
/* Offers and message 134, when due. */
unsigned hvh_subchan_serve(struct hvhost_nic *nic, uint64_t now_ns);
uint64_t hvh_subchan_deadline(const struct hvhost_nic *nic);
/* No guest, or a new one: only the primary. */
void hvh_subchan_reset(struct hvhost_nic *nic);
/* The channel a frame with (hash) goes to. */
struct hvh_chan *hvh_subchan_for(struct hvhost_nic *nic, struct hvh_hash hash);

/* ---- hvh_gather.c: the bytes a message 107 names ---------------------------------------- */

struct hvh_gather {
    struct vmbus_region part[HVH_PARTS_MAX];
    unsigned parts;
    unsigned pages; /* they are of, a section counting as one */
    uint32_t bytes;
    bool from_section;
};

/* Find the bytes named by (msg) and the range list of nic->packet. False: counted in strict_gpa. */
bool hvh_gather(struct hvh_chan *chan, const struct nvs_rndis *msg, struct hvh_gather *out);
/* Copy (len) bytes from (off) on. False: there are not so many. */
bool hvh_gather_copy(const struct hvh_gather *g, uint32_t off, void *to, uint32_t len);
/* Where these bytes are, in at most HVH_PARTS_MAX pieces. Returns how many; 0 as above. */
unsigned hvh_gather_pieces(const struct hvh_gather *g, uint32_t off, uint32_t len,
                           struct iovec *out);
/* The (len) bytes at (off) when they lie in one piece of guest memory, else NULL. */
const uint8_t *hvh_gather_at(const struct hvh_gather *g, uint32_t off, uint32_t len);

/* ---- hvh_rndis.c, hvh_oid.c ------------------------------------------------------------- */

/* A control request; completes the packet, then answers the request. */
void hvh_rndis_serve(struct hvh_chan *chan, const struct nvs_rndis *msg);

/* The answer to a query: returns RNDIS_STATUS_*, information in (info) and (*info_bytes). */
#define HVH_INFO_BYTES_MAX 512u
uint32_t hvh_oid_query(struct hvhost_nic *nic, uint32_t oid, const uint8_t *in, uint32_t in_bytes,
                       uint8_t *info, uint32_t *info_bytes);
uint32_t hvh_oid_set(struct hvhost_nic *nic, uint32_t oid, const uint8_t *in, uint32_t in_bytes);

/* ---- hvh_tell.c ------------------------------------------------------------------------- */

void hvh_tell_open(struct hvhost_nic *nic);
/* Is there something the guest has heard otherwise? Not all of it can be told at any time. */
static inline bool hvh_tell_differs(const struct hvhost_nic *nic)
{
    const struct hvh_tell *tell = &nic->tell;

    return nic->link_told != nic->link_up || tell->speed_told != nic->config.link_speed_100bps ||
           tell->network_change || tell->vf_told != tell->vf_offered || tell->path_back;
}
/* Tell it, as far as there is room; when is it to be tried? */
void hvh_tell(struct hvhost_nic *nic);
uint64_t hvh_tell_deadline(const struct hvhost_nic *nic, uint64_t now_ns);
/* This frame to the guest goes by its VF. */
bool hvh_tell_by_vf(const struct hvhost_nic *nic, const uint8_t *frame);

/* ---- hvh_leave.c ------------------------------------------------------------------------ */

/* Withdraw the card if it is leaving and its guest has come to rest. 1: the face has to act. */
unsigned hvh_leave_serve(struct hvhost_nic *nic, uint64_t now_ns);
/* Nanoseconds until the next look. */
uint64_t hvh_leave_deadline(const struct hvhost_nic *nic);

/* ---- hvh_tx.c, hvh_rx.c, hvh_rsc.c ------------------------------------------------------ */

/* Frames of the guest, in the packet at work: switch them and complete it. */
void hvh_tx_serve(struct hvh_chan *chan, const struct nvs_rndis *msg);
/* The same of packet (xid), whose bytes are (g); NULL: what it names makes no sense. */
void hvh_tx_gathered(struct hvh_chan *chan, uint64_t xid, const struct hvh_gather *g);
/* hvh_tx_usual.c: the next packet is a usual one with frames, taken and served. False:
 * hvh_ring_take() it. */
bool hvh_tx_usual(struct hvh_chan *chan);
/* A packet was taken: have the section that the next one names brought into this processor's
 * caches while it is served. If this guest is here, they were a moment ago. */
void hvh_tx_ahead(struct hvh_chan *chan);
static inline void hvh_tx_look_ahead(struct hvh_chan *chan)
{
    if (!chan->in.attended)
        hvh_tx_ahead(chan);
}

extern const struct hvh_port_ops hvh_rx_port_ops; /* ctx is the card */
/* Put the gathered frames on the ring. */
void hvh_rx_end(struct hvh_chan *chan);
static inline void hvh_rx_flush(struct hvh_chan *chan)
{
    if (chan->batch.count > 0)
        hvh_rx_end(chan);
}
/* Segments being put together go to the guest now; or nowhere, counted as rx_drop_down. */
void hvh_rsc_end(struct hvhost_nic *nic);
static inline void hvh_rsc_flush(struct hvhost_nic *nic)
{
    if (nic->rsc.segments > 0)
        hvh_rsc_end(nic);
}
void hvh_rsc_drop(struct hvhost_nic *nic);
/* The guest took its receive buffer back. */
void hvh_rx_revoke(struct hvh_chan *chan);
bool hvh_rx_running(const struct hvhost_nic *nic);
/* So many frames would find ring room and sections, (most) at most, however long they are. */
unsigned hvh_rx_room(struct hvhost_nic *nic, unsigned most);
/* hvh_rx_done.c: the next packet is a usual completion, and taken. False: hvh_ring_take() it. */
bool hvh_rx_complete_usual(struct hvh_chan *chan);
/* The guest's completion in nic->packet. */
void hvh_rx_complete(struct hvh_chan *chan);

/* ---- hvh_fault.c ------------------------------------------------------------------------ */

/* The fault that strikes this answer, counted, or NULL. */
const struct hvhost_fault *hvh_fault_look(struct hvhost_nic *nic, enum hvhost_fault_on on,
                                          uint32_t oid);
static inline const struct hvhost_fault *hvh_fault_strike(struct hvhost_nic *nic,
                                                          enum hvhost_fault_on on, uint32_t oid)
{
    return nic->faulty ? hvh_fault_look(nic, on, oid) : NULL;
}
/* Spoil an NVSP completion, an RNDIS control message of (*bytes), a packet with frames. */
void hvh_fault_completion(const struct hvhost_fault *fault, struct hvh_send *pkt);
void hvh_fault_control(const struct hvhost_fault *fault, uint8_t *msg, uint32_t *bytes);
void hvh_fault_data(const struct hvhost_fault *fault, struct hvh_send *pkt, uint8_t *first_message);
/* Falsify a packet's descriptor. */
void hvh_fault_desc(const struct hvhost_fault *fault, struct vmbus_pkt_desc *desc);

#endif
