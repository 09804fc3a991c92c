/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be changed while the NIC runs: which frames it receives, its address, its MTU. For queue
 * 0's thread. These functions note what is wanted, poll asks the host; wants survive a re-attach.
 *
 * A host may refuse: then NETVSC_EVENT_REFUSED is raised, netvsc_failure() says what and why,
 * ctl_refused counts it, and what was in force before still is. One that does not answer may have
 * taken it all the same: it is asked which address it has, and told the next filter in any case.
 */
#ifndef NETVSC_CONTROL_H
#define NETVSC_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct netvsc;

#define NETVSC_MULTICAST_MAX 32u /* groups a host is told; more become all multicast */

/* Frames for any address. Hyper-V allows it where MAC address spoofing is allowed for the card. */
void netvsc_promiscuous(struct netvsc *nic, bool on);

/* Every multicast frame [on], or those of netvsc_multicast() only. */
void netvsc_all_multicast(struct netvsc *nic, bool on);

/*
 * The groups wanted, copied. Where the host takes no list, or there are too many, all multicast is
 * received while there is a group.
 */
void netvsc_multicast(struct netvsc *nic, const uint8_t (*groups)[6], unsigned count);

/* NDIS_FILTER_* as the host has them; 0 until NETVSC_UP, and after an answer that was lost. */
uint32_t netvsc_filter(const struct netvsc *nic);

/*
 * Send and receive as (mac) from now on, NULL: as the host says. NETVSC_EVENT_MAC when done. Hosts
 * allow it where they allow promiscuous mode. -EINVAL a group address or zero.
 */
int netvsc_set_mac(struct netvsc *nic, const uint8_t mac[6]);

/*
 * (mtu_bytes), 68..65522, from the next attach on; the host may grant less. The receive buffer is
 * cut by the MTU, so a NIC that is up detaches: attach it again at NETVSC_DOWN. -EINVAL.
 */
int netvsc_set_mtu(struct netvsc *nic, uint32_t mtu_bytes, uint64_t now_ns);

/*
 * Always -ENOTSUP: the card has one address and no table of addresses or VLANs to filter by, as
 * neither NVSP nor RNDIS has a message for them. What passes the filter above is handed up with its
 * tag beside it; whoever wants fewer frames drops them there.
 */
int netvsc_filter_mac(struct netvsc *nic, const uint8_t mac[6], bool add);
int netvsc_filter_vlan(struct netvsc *nic, uint16_t id, bool add);

#endif
