/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Toeplitz: for every bit of the input that is set, the 32 key bits that start at that position are
 * xored into the hash. Input is source address, destination address and, where the guest asked for
 * TCP or UDP, source and destination port, all in network order. The low seven bits of the hash
 * choose one of 128 table entries, each a channel index.
 *
 * A fragment has no ports, or none that its siblings have too, so fragments are hashed by address.
 * A frame that is no IP, or of a type the guest did not name, is not hashed: the primary channel
 * gets it. The frame may be memory of another guest: its headers are copied once, then looked at.
 */
#include "hvh_rss.h"

#include <assert.h>
#include <string.h>

#include "rndis_reg.h"
#include "rss_reg.h"

#define ETH_BYTES 14u
#define VLAN_BYTES 4u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define HEADERS_MAX (ETH_BYTES + VLAN_BYTES + 60u + 4u)
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define TUPLE_MAX 36u

/* Over (bytes) <= 36. */
static uint32_t toeplitz(const uint8_t key[HVH_RSS_KEY_BYTES], const uint8_t *in, unsigned bytes)
{
    uint64_t window = 0; /* upper half: the 32 key bits at this position */
    uint32_t hash = 0;

    for (unsigned i = 0; i < 8; i++)
        window = window << 8 | key[i];
    for (unsigned i = 0; i < bytes; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (in[i] & 0x80u >> bit)
                hash ^= (uint32_t)(window >> 32);
            window <<= 1;
        }
        if (i + 8 < HVH_RSS_KEY_BYTES)
            window |= key[i + 8];
    }
    return hash;
}

/* What is hashed, in the making. */
struct tuple {
    uint8_t bytes[TUPLE_MAX];
    unsigned count;
    uint8_t proto;
    bool whole; /* no fragment, and ports follow at (ports) */
    uint32_t ports;
};

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* The headers from the EtherType on; false when they are no IP or cut short. */
static bool tuple_ip(const uint8_t *head, uint32_t len, struct tuple *t)
{
    uint32_t at = ETH_BYTES;
    uint16_t type = be16(head + at - 2);

    if (type == 0x8100 && len >= ETH_BYTES + VLAN_BYTES) {
        at += VLAN_BYTES;
        type = be16(head + at - 2);
    }
    if (type == 0x0800 && len >= at + IP4_BYTES && head[at] >> 4 == 4) {
        memcpy(t->bytes, head + at + 12, 8);
        t->count = 8;
        t->proto = head[at + 9];
        t->whole = (be16(head + at + 6) & 0x3FFF) == 0;
        t->ports = at + (head[at] & 0xFu) * 4;
        return true;
    }
    if (type == 0x86DD && len >= at + IP6_BYTES && head[at] >> 4 == 6) {
        memcpy(t->bytes, head + at + 8, 32);
        t->count = 32;
        t->proto = head[at + 6];
        t->whole = true;
        t->ports = at + IP6_BYTES;
        return true;
    }
    return false;
}

/*
 * Which of the types the guest wants this is; ports are added to the tuple if it is one of those.
 */
static uint32_t classify(uint32_t wanted, const uint8_t *head, uint32_t len, struct tuple *t)
{
    bool v4 = t->count == 8;
    uint32_t address = v4 ? NDIS_RSS_IP4 : NDIS_RSS_IP6;
    uint32_t ports = 0;

    if (t->whole && t->proto == PROTO_TCP)
        ports = v4 ? NDIS_RSS_TCP4 : NDIS_RSS_TCP6;
    else if (t->whole && t->proto == PROTO_UDP)
        ports = v4 ? NDIS_RSS_UDP4 : NDIS_RSS_UDP6;
    if (!(wanted & ports) || t->ports + 4 > len)
        return wanted & address;
    memcpy(t->bytes + t->count, head + t->ports, 4);
    t->count += 4;
    return ports;
}

struct hvh_hash hvh_rss_hash(const struct hvh_rss *rss, const struct hvhost_frame *frame)
{
    struct hvh_hash hash = {0};
    uint8_t head[HEADERS_MAX];
    uint32_t len = frame->len_bytes < sizeof(head) ? frame->len_bytes : sizeof(head);
    struct tuple t;

    if (!rss->on || len < ETH_BYTES)
        return hash;
    memcpy(head, frame->data, len);
    if (!tuple_ip(head, len, &t))
        return hash;
    hash.type = classify(rss->hash_types, head, len, &t);
    if (hash.type)
        hash.value = toeplitz(rss->key, t.bytes, t.count);
    return hash;
}

/* ---- what the guest sets --------------------------------------------------------------------- */

static bool inside(uint32_t off, uint32_t len, uint32_t bytes)
{
    return off <= bytes && len <= bytes - off;
}

/* A table shorter than ours is repeated. */
static bool table_take(struct hvh_rss *rss, uint32_t queues, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < HVH_RSS_TABLE; i++) {
        memcpy(&rss->table[i], from + i * 4 % bytes, sizeof(rss->table[i]));
        if (rss->table[i] >= queues)
            return false;
    }
    return true;
}

uint32_t hvh_rss_set(struct hvh_rss *rss, uint32_t queues, const uint8_t *in, uint32_t in_bytes)
{
    struct ndis_rss_params msg;
    struct hvh_rss next = {.on = true};

    if (in_bytes < sizeof(msg))
        return RNDIS_STATUS_INVALID_LENGTH;
    memcpy(&msg, in, sizeof(msg));
    if ((msg.flags & NDIS_RSS_DISABLE) || (msg.hash & NDIS_RSS_FUNCTION_MASK) == 0) {
        rss->on = false;
        return RNDIS_STATUS_SUCCESS;
    }
    if (msg.table_bytes == 0 || msg.table_bytes % 4 || msg.key_bytes != HVH_RSS_KEY_BYTES ||
        !inside(msg.table_off, msg.table_bytes, in_bytes) ||
        !inside(msg.key_off, msg.key_bytes, in_bytes) ||
        !table_take(&next, queues, in + msg.table_off, msg.table_bytes))
        return RNDIS_STATUS_INVALID_DATA;
    memcpy(next.key, in + msg.key_off, sizeof(next.key));
    next.hash_types = msg.hash & ~NDIS_RSS_FUNCTION_MASK;
    *rss = next;
    return RNDIS_STATUS_SUCCESS;
}
