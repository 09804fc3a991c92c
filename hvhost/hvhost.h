/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An emulated Hyper-V host: VMBus channels, NetVSP and a virtual switch. One core, three faces: a
 * driver in the same thread under virtual time (hvhost_nic_open()), drivers in other processes
 * (hvh_shm.h), Linux kernels in virtual machines (hvh_kvm.h). It never blocks; time comes from the
 * caller.
 *
 * It is strict: what a real host would punish it detects and counts (struct hvhost_nic_stats,
 * "strict_*"), and with config.punish it closes the channel, as a real one faults it.
 */
#ifndef HVHOST_H
#define HVHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvhost_fault.h"
#include "hvhost_frame.h"
#include "hvhost_stats.h"

struct hvhost;
struct hvhost_nic;
struct hvhost_port;
struct vmbus_transport;
struct pollfd;

#define HVHOST_OFFLOAD_TX_CSUM 0x1u /* IP, TCP and UDP sums of frames the guest sends */
#define HVHOST_OFFLOAD_LSO 0x2u     /* cuts the guest's large TCP packets into segments */
#define HVHOST_OFFLOAD_RX_CSUM 0x4u /* verdicts about frames the guest receives */
#define HVHOST_OFFLOAD_RSC 0x8u     /* receives TCP segments put together */
#define HVHOST_OFFLOAD_ALL 0xFu
#define HVHOST_OFFLOAD_NONE 0x80000000u

/* What one emulated card offers. Zero means the default in brackets. */
struct hvhost_nic_config {
    const char *instance;        /* instance GUID [derived from the index] */
    uint8_t mac[6];              /* [00:15:5d:00:00:01 + index] */
    uint32_t nvs_version_max;    /* NVS_VERSION_*, the newest the host speaks [6.1] */
    uint32_t mtu_max_bytes;      /* largest MTU the host grants, without Ethernet header [9202] */
    uint32_t recv_buf_bytes;     /* receive buffer the guest's kernel allocates [16 MiB] */
    uint32_t send_buf_bytes;     /* [16 MiB] */
    uint32_t send_section_bytes; /* [6144] */
    uint32_t recv_section_bytes; /* [256 + mtu + 14 + 36, as OpenVMM; 1728 as Windows at 1500] */
    uint32_t ring_bytes;         /* both halves together [4 MiB] */
    uint32_t dma_bytes;          /* guest memory addressable by page [1 MiB]; UINT32_MAX = none */
    uint32_t batch_frames;       /* most frames per transfer-page packet [8] */
    uint32_t max_queues;         /* channels a guest can have, 1..64 [1] */
    uint32_t network;            /* the cards and uplinks it can reach have the same [0] */
    /* Offer a monitor page looked at this often, or once a millisecond when idle; 0 = by signal. */
    uint32_t monitor_latency_us;
    uint32_t link_speed_100bps; /* [100000000 = 10 Gbit/s] */
    uint32_t offload;           /* HVHOST_OFFLOAD_* the guest may use [ALL] */
    uint32_t lso_max_bytes;     /* longest IP packet it may hand over to be cut [62780] */
    bool no_subchannel_rings;   /* the guest's kernel cannot map them: uio before Linux 5.0 */
    bool refuse_promiscuous;    /* "MAC spoofing not allowed" */
    bool refuse_multicast;      /* knows no multicast list, as OpenVMM */
    bool punish;                /* close the channel on a strict_* finding */
    bool poll;                  /* host keeps its interrupt mask set and looks at every step */
    bool whole_section;         /* messages and ranges span the section, data at 256, as OpenVMM */
};

struct hvhost_config {
    unsigned max_nics;  /* [16] */
    unsigned max_ports; /* uplinks and custom ports beside NICs [8] */
    bool attended;      /* one loop turns it and its guests: no doorbells but around hvhost_arm() */
};

int hvhost_create(const struct hvhost_config *config, struct hvhost **out);
void hvhost_destroy(struct hvhost *host);

/*
 * One more card on the switch. (config) may be NULL.
 * -EINVAL bad GUID, MAC or sizes, -ENOSPC no more cards, -EEXIST another has its GUID or MAC.
 */
int hvhost_nic_add(struct hvhost *host, const struct hvhost_nic_config *config,
                   struct hvhost_nic **out);

/* The in-process face: open the card, until t->ops->close(). -EBUSY when it is open, however. */
int hvhost_nic_open(struct hvhost_nic *nic, struct vmbus_transport *t);

/* Withdraw the device (its guest sees -EIO): at once, or the cable first and the device when the
 * guest has stopped sending, at the latest after 8 s (see hvh_leave.c). And offer it again. */
void hvhost_nic_rescind(struct hvhost_nic *nic);
void hvhost_nic_leave(struct hvhost_nic *nic);
void hvhost_nic_offer(struct hvhost_nic *nic);

/* Cable in or out, or what else happens: the guest is told, as soon as it can hear it. */
void hvhost_nic_link(struct hvhost_nic *nic, bool up);
enum hvhost_indication {
    HVHOST_LINK_SPEED,     /* in 100 bit/s */
    HVHOST_NETWORK_CHANGE, /* the card is elsewhere: 1 possibly, 2 surely, 3 by its cable */
    HVHOST_VF,             /* a virtual function is there (1), or withdrawn (0) */
};
void hvhost_nic_indicate(struct hvhost_nic *nic, enum hvhost_indication what, uint32_t value);

/* ---- the switch ------------------------------------------------------------------------------ */

/* A far end of your own (tests: generator, sink, scripted peer). deliver may be NULL. */
int hvhost_port_add(struct hvhost *host,
                    void (*deliver)(void *ctx, const struct hvhost_frame *frame), void *ctx,
                    struct hvhost_port **out);
/* (on): it takes frames with work left over (csum_partial, mss). Off, as at first: the switch does
 * that work before. */
void hvhost_port_large(struct hvhost_port *port, bool on);
/* Join it to another network than 0, see hvhost_nic_config. */
void hvhost_port_network(struct hvhost_port *port, uint32_t network);
/*
 * Put a frame on the switch from that port; it is copied where it goes before this returns. May be
 * called from within deliver, a few levels deep. Cards show it to their guests in the next step.
 */
void hvhost_port_send(struct hvhost_port *port, const struct hvhost_frame *frame);

/*
 * Uplink: the TAP device (name), created if it does not exist, joined as one more port. Its MTU is
 * the caller's business. -EPERM/-EACCES not permitted, -EBUSY used by another program, -ENOENT no
 * /dev/net/tun, -EINVAL bad name.
 */
int hvhost_tap_add(struct hvhost *host, const char *name);
/* The same for cards whose config.network is (network). */
int hvhost_tap_join(struct hvhost *host, const char *name, uint32_t network);

/* ---- running --------------------------------------------------------------------------------- */

/* A turn of all cards and uplinks, bounded. Returns how much was done. Not from within deliver. */
unsigned hvhost_step(struct hvhost *host, uint64_t now_ns);

/* Nanoseconds until a step is due even if no file descriptor is ready; UINT64_MAX none. */
uint64_t hvhost_next_deadline(const struct hvhost *host, uint64_t now_ns);

/* Attended: before its loop sleeps (on), and after. False: a guest spoke, do not sleep but step. */
bool hvhost_arm(struct hvhost *host, bool on);

/* File descriptors to sleep on (TAP; sockets of the shared-memory face). Returns how many. */
unsigned hvhost_pollfds(const struct hvhost *host, struct pollfd *out, unsigned max);

/* Misbehave: see hvhost_fault.h. Eight at a time, each armed until used up. NULL disarms all. */
void hvhost_fault_arm(struct hvhost_nic *nic, const struct hvhost_fault *fault);

void hvhost_nic_stats(const struct hvhost_nic *nic, struct hvhost_nic_stats *out);
void hvhost_switch_stats(const struct hvhost *host, struct hvhost_switch_stats *out);

/*
 * The host's own books: every frame that entered the switch was delivered, or dropped under one
 * reason. NULL when they balance, else a sentence with the numbers.
 */
const char *hvhost_audit(const struct hvhost *host);

#endif
