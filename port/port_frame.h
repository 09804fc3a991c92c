/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processes that share an address look at each frame: whose business is one that was received, and
 * may this process send such a one?
 */
#ifndef PORT_FRAME_H
#define PORT_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define PORT_FRAME_HEAD_BYTES 78u /* all that is looked at: Ethernet, IPv6, hop-by-hop, 16 more */

enum port_frame_kind {
    PORT_FRAME_OTHER,  /* the owner of the addresses may have it */
    PORT_FRAME_OWNER,  /* its business alone: DHCP, IGMP, MLD */
    PORT_FRAME_SHARED, /* the owner's, and everybody wants to know: ARP, neighbours, routers */
    PORT_FRAME_FLOW,   /* IP for one of us: whoever has the flow */
};

/* A frame received, its first (bytes) in (head); (*syn): a TCP segment that opens a connection;
 * (*tcp): a TCP segment at all. */
enum port_frame_kind port_frame_kind(const uint8_t *head, uint32_t bytes, bool *tcp, bool *syn);

/* A frame to be sent that only the owner of the addresses says: we have this address, do we? */
bool port_frame_owners(const uint8_t *head, uint32_t bytes);

#endif
