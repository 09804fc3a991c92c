/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * With 100,000 connections none of what a segment's connection is made of is in a cache, and each
 * piece says where the next one is: the bucket, the connection, the first segment it sent and has
 * no acknowledgement of, and that segment's pbuf, which the acknowledgement will free. One after
 * the other these are four waits for memory, which is most of what such a segment costs.
 *
 * So the NIC shows us each frame of a batch some frames before lwIP gets it. A frame shown is
 * remembered by its bucket, and with every further one it goes a place up in a short queue. At
 * certain places the next piece is asked for (prefetched), the one before having arrived meanwhile:
 *
 *   place 0   the bucket             from the frame's addresses
 *   place 3   a connection           the first of the bucket
 *   place 6   the connection         if the first of the bucket was another
 *   place 9   its oldest segment     from the connection
 *   place 12  that segment's pbuf    and then the frame is due
 *
 * Nothing is decided here. A frame that means something else when lwIP reads it, a connection that
 * closes in between, cost a prefetch for nothing: only buckets are remembered, which stay, and what
 * is in them is looked up anew at each place.
 *
 * Few connections stay in the caches by themselves; then nothing is done.
 */
#include <string.h>

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/stats.h"
#include "port_tcp_table.h"

#define GAP 3u
#define PLACES 16u /* a power of two, more than NETVSC_NETIF_AHEAD */
_Static_assert(NETVSC_NETIF_AHEAD == 4 * GAP && NETVSC_NETIF_AHEAD < PLACES,
               "it is due at the last place");

#define MANY 1024u /* connections, 300 KB of them */
#define ETHER_BYTES 14u

struct place {
    uint32_t hash;
    uint32_t ports; /* remote, local; 0 = no segment of TCP's */
};

static struct place queue[PLACES];
static unsigned shown;

/* ---- whose frame is it ----------------------------------------------------------------------- */

static const uint8_t *tuple4(const uint8_t *ip, uint32_t bytes, ip_addr_t *local, ip_addr_t *remote)
{
    const struct ip_hdr *head = (const void *)ip;
    uint32_t head_bytes;

    if (bytes < IP_HLEN + TCP_HLEN || IPH_PROTO(head) != IP_PROTO_TCP)
        return NULL;
    head_bytes = IPH_HL_BYTES(head);
    if (head_bytes + TCP_HLEN > bytes)
        return NULL;
    ip_addr_copy_from_ip4(*local, head->dest);
    ip_addr_copy_from_ip4(*remote, head->src);
    return ip + head_bytes;
}

static const uint8_t *tuple6(const uint8_t *ip, uint32_t bytes, ip_addr_t *local, ip_addr_t *remote)
{
    const struct ip6_hdr *head = (const void *)ip;

    if (bytes < IP6_HLEN + TCP_HLEN || IP6H_NEXTH(head) != IP6_NEXTH_TCP)
        return NULL;
    ip_addr_copy_from_ip6_packed(*local, head->dest);
    ip_addr_copy_from_ip6_packed(*remote, head->src);
    return ip + IP6_HLEN;
}

static struct place look(const uint8_t *frame, uint32_t bytes)
{
    ip_addr_t local, remote;
    const uint8_t *tcp = NULL;
    struct port_tcp_tuple t = {.local = &local, .remote = &remote};
    u16_t type, port[2];

    if (bytes < ETHER_BYTES)
        return (struct place){0};
    memcpy(&type, frame + ETHER_BYTES - sizeof(type), sizeof(type));
    if (type == PP_HTONS(ETHTYPE_IP))
        tcp = tuple4(frame + ETHER_BYTES, bytes - ETHER_BYTES, &local, &remote);
    else if (type == PP_HTONS(ETHTYPE_IPV6))
        tcp = tuple6(frame + ETHER_BYTES, bytes - ETHER_BYTES, &local, &remote);
    if (!tcp)
        return (struct place){0};
    memcpy(port, tcp, sizeof(port));
    t.remote_port = lwip_ntohs(port[0]);
    t.local_port = lwip_ntohs(port[1]);
    return (struct place){.hash = port_tcp_hash(&t),
                          .ports = (uint32_t)t.remote_port << 16 | t.local_port};
}

/* ---- what it needs --------------------------------------------------------------------------- */

static const struct place *place(unsigned distance)
{
    return &queue[(shown - distance) % PLACES];
}

static bool fits(const struct tcp_pcb *pcb, const struct place *at)
{
    return ((uint32_t)pcb->remote_port << 16 | pcb->local_port) == at->ports;
}

static uint32_t first_slot(const struct place *at)
{
    return at->ports ? *port_tcp_bucket(at->hash) : 0;
}

/* The slot of its connection, or 0. What stands in front of it in the bucket is waited for. */
static uint32_t own_slot(const struct place *at)
{
    uint32_t next;

    for (uint32_t slot = first_slot(at); slot; slot = next) {
        if (fits(port_tcp_in(slot, &next), at))
            return slot;
    }
    return 0;
}

static const struct tcp_pcb *connection(const struct place *at)
{
    const uint32_t slot = own_slot(at);
    uint32_t next;

    return slot ? port_tcp_in(slot, &next) : NULL;
}

static void fetch(uint32_t slot)
{
    if (slot)
        port_tcp_fetch(slot);
}

const struct tcp_pcb *port_tcp_ahead(const void *frame, uint32_t bytes)
{
    const struct tcp_pcb *due;

    if (lwip_stats.memp[MEMP_TCP_PCB]->used < MANY)
        return NULL;
    shown++;
    queue[shown % PLACES] = frame ? look(frame, bytes) : (struct place){0};
    if (place(0)->ports)
        __builtin_prefetch(port_tcp_bucket(place(0)->hash));
    fetch(first_slot(place(GAP)));
    if (own_slot(place(2 * GAP)) != first_slot(place(2 * GAP)))
        fetch(own_slot(place(2 * GAP)));
    due = connection(place(3 * GAP));
    if (due)
        __builtin_prefetch(due->unacked);
    due = connection(place(4 * GAP));
    if (due && due->unacked) {
        __builtin_prefetch(due->unacked->p);
        __builtin_prefetch(due->unacked->tcphdr);
    }
    return due;
}
