/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A learning switch. Ports are cards, uplinks and far ends of tests; a frame is delivered by
 * pointer, during hvhost_port_send(), so the switch holds no frame and needs no queue. Source
 * addresses are learned in a table of fixed size, 256 buckets of 4; a full bucket gives up its
 * oldest entry, and an entry not seen for 300 s counts as unknown. Frames to unknown and group
 * addresses are flooded: it is up to each card's filter what it takes. VLANs share one table.
 *
 * Frames come in runs between the same two addresses. Each port remembers those of its last one and
 * where that went, which holds for a millisecond or until a change of the table: its epoch.
 *
 * A host can have several networks, as a real one has several virtual switches. They share the
 * table and nothing else: an address is known per network, for a guest that bridges two of them
 * shows the same address to both.
 *
 * Every frame that enters is counted once more under what became of it.
 *
 * Addresses are numbers, taken from the frame by two loads and shifts. Bytes copied aside and read
 * in other pieces cost 100 ns a frame: such a load waits until the stores before it have left the
 * processor, and these are a frame for memory another processor has in its cache.
 */
#include <errno.h>
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define MAC_MASK ((UINT64_C(1) << 48) - 1)
#define MAC_GROUP UINT64_C(1) /* of the first byte */

int hvh_port_add(struct hvhost *host, const struct hvh_port_ops *ops, void *ctx,
                 struct hvhost_port **out)
{
    struct hvhost_port *port;

    *out = NULL;
    if (host->port_count == host->config.max_nics + host->config.max_ports)
        return -ENOSPC;
    port = &host->ports[host->port_count];
    *port = (struct hvhost_port){
        .host = host, .ops = ops, .ctx = ctx, .index = (uint16_t)host->port_count};
    host->port_count++;
    *out = port;
    return 0;
}

/* ---- a port of the embedding program ---------------------------------------------------- */

static void user_deliver(void *ctx, const struct hvhost_frame *frame)
{
    const struct hvhost_port *port = ctx;

    if (port->user_deliver)
        port->user_deliver(port->user_ctx, frame);
}

static const struct hvh_port_ops user_ops = {.deliver = user_deliver};
static const struct hvh_port_ops user_ops_large = {.deliver = user_deliver,
                                                   .takes = HVH_TAKES_CSUM | HVH_TAKES_GSO};

void hvhost_port_large(struct hvhost_port *port, bool on)
{
    port->ops = on ? &user_ops_large : &user_ops;
}

int hvhost_port_add(struct hvhost *host,
                    void (*deliver)(void *ctx, const struct hvhost_frame *frame), void *ctx,
                    struct hvhost_port **out)
{
    int rc = hvh_port_add(host, &user_ops, NULL, out);

    if (rc)
        return rc;
    (*out)->ctx = *out;
    (*out)->user_deliver = deliver;
    (*out)->user_ctx = ctx;
    return 0;
}

/* ---- addresses -------------------------------------------------------------------------- */

void hvhost_port_network(struct hvhost_port *port, uint32_t network)
{
    port->network = network;
    port->host->epoch++;
}

static struct hvh_fdb_entry *bucket(struct hvhost *host, uint64_t mac)
{
    /* 2^64 by the golden ratio: mixes upwards */
    return host->fdb[(mac * UINT64_C(0x9E3779B97F4A7C15) >> 56) % HVH_FDB_BUCKETS];
}

static struct hvh_fdb_entry *find(struct hvh_fdb_entry *entries, uint64_t mac, uint32_t network)
{
    for (unsigned i = 0; i < HVH_FDB_WAYS; i++) {
        if (entries[i].mac == mac && entries[i].port != 0 && entries[i].network == network)
            return &entries[i];
    }
    return NULL;
}

static void learn(struct hvhost *host, uint64_t mac, const struct hvhost_port *port)
{
    struct hvh_fdb_entry *entries = bucket(host, mac);
    struct hvh_fdb_entry *entry = find(entries, mac, port->network);
    uint16_t id = (uint16_t)(port->index + 1);

    if (mac & MAC_GROUP)
        return; /* nobody is a group */
    if (!entry) {
        entry = &entries[0];
        for (unsigned i = 1; i < HVH_FDB_WAYS && entry->port != 0; i++) {
            if (entries[i].port == 0 || entries[i].seen_ns < entry->seen_ns)
                entry = &entries[i];
        }
        entry->mac = mac;
        entry->port = id;
        entry->network = port->network;
        host->stats.learned++;
        host->epoch++;
    } else if (entry->port != id) {
        entry->port = id;
        host->stats.moved++;
        host->epoch++;
    }
    entry->seen_ns = host->now_ns;
}

/* The port of (network) that has (mac), or NULL when unknown. */
static struct hvhost_port *lookup(struct hvhost *host, uint64_t mac, uint32_t network)
{
    struct hvh_fdb_entry *entry = find(bucket(host, mac), mac, network);

    if (mac & MAC_GROUP || !entry || host->now_ns - entry->seen_ns > HVH_FDB_AGE_NS)
        return NULL;
    return &host->ports[entry->port - 1];
}

/* ---- frames ----------------------------------------------------------------------------- */

static void flood(struct hvhost *host, const struct hvhost_port *from,
                  const struct hvhost_frame *frame)
{
    const unsigned ports = host->port_count; /* one added from within deliver has to wait */
    bool any = false;

    for (unsigned i = 0; i < ports; i++) {
        if (i == from->index || host->ports[i].network != from->network)
            continue;
        any = true;
        hvh_port_deliver(&host->ports[i], frame);
    }
    host->stats.flooded += any;
    host->stats.drop_no_port += !any;
}

/* Where a frame from (from) with these addresses goes, (first) and (rest) of them in this order;
 * NULL: nobody knows. */
static struct hvhost_port *way(struct hvhost_port *from, uint64_t first, uint32_t rest)
{
    struct hvhost *host = from->host;
    struct hvh_way *last = &from->last;

    if (last->first == first && last->rest == rest && last->epoch == host->epoch)
        return last->to;
    learn(host, first >> 48 | (uint64_t)rest << 16, from);
    last->first = first;
    last->rest = rest;
    last->epoch = host->epoch;
    last->to = lookup(host, first & MAC_MASK, from->network);
    return last->to;
}

static void forward(struct hvhost_port *from, const struct hvhost_frame *frame)
{
    struct hvhost *host = from->host;
    struct hvhost_port *to;
    uint64_t first; /* both addresses, read once: the frame may be guest memory */
    uint32_t rest;

    memcpy(&first, frame->data, sizeof(first));
    memcpy(&rest, frame->data + sizeof(first), sizeof(rest));
    to = way(from, first, rest);
    if (!to) {
        flood(host, from, frame);
    } else if (to == from) {
        host->stats.drop_hairpin++;
    } else {
        host->stats.unicast++;
        hvh_port_deliver(to, frame);
    }
}

void hvh_switch_forward(struct hvhost_port *from, const struct hvhost_frame *frame)
{
    from->host->depth++;
    forward(from, frame);
    from->host->depth--;
}

void hvhost_port_send(struct hvhost_port *port, const struct hvhost_frame *frame)
{
    struct hvhost *host = port->host;
    struct hvhost_frame whole;

    host->stats.frames++;
    if (frame->len_bytes < HVH_ETH_BYTES) {
        host->stats.drop_runt++;
        return;
    }
    /* Far ends may answer from within deliver; two that answer each other must come to an end. */
    if (host->depth == HVH_DEPTH_MAX) {
        host->stats.drop_loop++;
        return;
    }
    if (!host->impair) {
        hvh_switch_forward(port, frame);
        return;
    }
    host->stats.impaired++;
    host->depth++; /* it gets scratch memory to finish the frame in */
    whole = hvh_frame_whole(frame);
    hvh_impair_take(host->impair, port, &whole);
    host->depth--;
}

unsigned hvh_switch_room(const struct hvhost_port *from, unsigned most)
{
    const struct hvhost *host = from->host;
    bool any = false;

    for (unsigned i = 0; i < host->nic_count; i++) {
        unsigned room;

        if (host->nics[i]->port->network != from->network || !hvh_rx_running(host->nics[i]))
            continue;
        room = hvh_rx_room(host->nics[i], most);
        if (room > 0)
            return room;
        any = true;
    }
    return any ? 0 : most;
}

struct hvhost_switch_stats *hvh_switch_counters(struct hvhost *host)
{
    return &host->stats;
}

void hvhost_switch_stats(const struct hvhost *host, struct hvhost_switch_stats *out)
{
    *out = host->stats;
}
