/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NIC: a poll-mode driver for Hyper-V's synthetic network card. This is the whole API below
 * lwIP: frames in, frames out, one poll. lwIP users want netvsc_netif.h on top of it.
 *
 * Life: create → attach(device) → poll until NETVSC_UP → traffic → detach → poll until
 * NETVSC_DOWN → destroy. When the host goes away: NETVSC_GONE; attach again with a new device.
 * Results are 0 or -errno. Nothing blocks, sleeps or allocates after attach; time comes from the
 * caller in nanoseconds of any monotonic clock. One thread per struct netvsc; for one per queue,
 * see netvsc_queue.h.
 */
#ifndef NETVSC_H
#define NETVSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netvsc_config.h"
#include "netvsc_stats.h"

struct netvsc;
struct vmbus_device;

enum netvsc_state {
    NETVSC_DOWN,      /* no device: before attach, after detach */
    NETVSC_ATTACHING, /* talking to the host; poll */
    NETVSC_UP,
    NETVSC_DETACHING, /* filter off, draining, revoking; poll */
    NETVSC_FAILED,    /* attach failed or the host broke the protocol; see netvsc_failure() */
    NETVSC_GONE,      /* the host withdrew the device or died */
};

/* What attach learned from the host. Zeroed until NETVSC_UP. */
struct netvsc_info {
    uint32_t nvs_version; /* NVS_VERSION_* */
    uint8_t mac[6];
    uint32_t mtu_bytes; /* in force: the least of wanted, host's and, without tx_gpa, a section's */
    bool link_up;
    uint64_t link_speed_bps;
    uint32_t recv_section_bytes, recv_sections;
    uint32_t send_section_bytes, send_sections;
    uint32_t align_bytes, max_packets, max_transfer_bytes; /* the host's aggregation limits */
    struct netvsc_offload offload;                         /* what it does for frames sent */
    uint8_t rx_csum; /* NETVSC_CSUM_TCP4 and so on: the host gives verdicts about frames received */
    uint8_t rx_rsc;  /* NETVSC_RSC_IP4, NETVSC_RSC_IP6: it puts TCP segments together */
    uint32_t queues;
    const char *left_out; /* the last step of the attach that failed and can be done without: its */
    int left_out_error;   /* name and -errno; NULL, 0 */
    bool tx_gpa;          /* frames can be sent from config.memory */
    bool gpa_direct; /* control requests go by guest-physical page, not through a send section */
};

int netvsc_create(const struct netvsc_config *config, struct netvsc **out);

/* Detaches without ceremony if attached: the host sees the channel close. NULL is allowed. */
void netvsc_destroy(struct netvsc *nic);

/*
 * Start attaching to (dev), which becomes the NIC's on success and is closed by it on the way to
 * DOWN, FAILED and GONE. -EBUSY while attached; -EINVAL when its memory cannot carry the NIC.
 */
int netvsc_attach(struct netvsc *nic, struct vmbus_device *dev, uint64_t now_ns);

/* Start a clean detach: poll until NETVSC_DOWN. Immediate from other states than NETVSC_UP. */
void netvsc_detach(struct netvsc *nic, uint64_t now_ns);

/*
 * One turn: receive up to (budget) frames per queue (more if the last packet has more), take
 * completions, advance attach or detach, flush. Returns how much was done; 0 = idle. Cheap when
 * idle.
 */
unsigned netvsc_poll(struct netvsc *nic, uint64_t now_ns, unsigned budget);

/* Publish what was committed since the last poll or flush; at most one doorbell. */
void netvsc_flush(struct netvsc *nic);
/* Nanoseconds until poll has something to do even if the host stays silent; UINT64_MAX = never. */
uint64_t netvsc_next_deadline(const struct netvsc *nic, uint64_t now_ns);

/* Sleep protocol, see vmbus_irq_arm(): true = may sleep on netvsc_irq_fd(), then call disarm. */
bool netvsc_irq_arm(struct netvsc *nic);
void netvsc_irq_disarm(struct netvsc *nic);
int netvsc_irq_fd(const struct netvsc *nic);

/* ---- transmit ------------------------------------------------------------------------------ */

struct netvsc_slot {
    uint8_t *data; /* write the frame here, Ethernet header first */
    uint32_t room_bytes;
    uint32_t token; /* private */
};

/*
 * Reserve room for one frame of (len_bytes): Ethernet header included, FCS excluded.
 * On 0 the caller owns (*slot), memory shared with the host, until one of commit and cancel, before
 * the next poll or detach.
 * -EAGAIN no section or ring room: poll and try again; counted in tx_busy.
 * -EMSGSIZE shorter than 14, longer than mtu_bytes + 14, or than a send section holds: counted in
 * tx_drop_size. For longer ones see netvsc_gather.h.
 * -ENETDOWN not up; counted in tx_drop_down.
 */
int netvsc_tx_begin(struct netvsc *nic, size_t len_bytes, struct netvsc_slot *slot);

/* Send it, padded to 60 bytes. The host sees it after flush or the next poll. Cannot fail. */
void netvsc_tx_commit(struct netvsc *nic, const struct netvsc_slot *slot, size_t len_bytes);
void netvsc_tx_cancel(struct netvsc *nic, const struct netvsc_slot *slot);
/* Frames committed and not yet completed by the host, on all queues. */
uint32_t netvsc_tx_outstanding(const struct netvsc *nic);

enum netvsc_state netvsc_state(const struct netvsc *nic);
const char *netvsc_state_name(enum netvsc_state state);
const struct netvsc_info *netvsc_info(const struct netvsc *nic);
/* Sentence for a person: which step failed and how. Empty when nothing did. */
const char *netvsc_failure(const struct netvsc *nic);
/* A consistent copy of all counters. */
void netvsc_stats(const struct netvsc *nic, struct netvsc_stats *out);

#endif
