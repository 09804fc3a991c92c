/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More queues: sub-channels, and how the host spreads frames over them.
 *
 * Theory of operation. The host says how many queues it has (RSS capabilities), grants sub-channels
 * (message 133) and offers them whenever it likes; the kernel opens each and shows its ring. We
 * open them in order of index, so that the queues in use are always 0..n-1 however they come. Only
 * then may the host be told to spread: RSS is switched off and set anew, as Linux and DPDK do; a
 * host that refuses the table leaves one queue. Whatever is refused, not understood or too late on
 * the way leaves fewer queues, at worst one, and a NIC that works: every step here is optional.
 *
 * While up the table may be replaced (netvsc_change.c). The host switches over between two frames;
 * none is lost, and those of one flow may overtake each other across the two queues once.
 *
 * Message 134 tells on which channel the host would like frames sent, by hash. It is advice.
 */
#include "netvsc_var.h"
#include "rss_reg.h"

#include <errno.h>
#include <string.h>

/* The key of Microsoft's RSS documentation, with which its published test vectors are made. */
static const uint8_t default_key[NETVSC_RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static const struct {
    uint32_t type, wire;
} hash_types[] = {
    {NETVSC_RSS_IP4, NDIS_RSS_IP4},   {NETVSC_RSS_TCP4, NDIS_RSS_TCP4},
    {NETVSC_RSS_IP6, NDIS_RSS_IP6},   {NETVSC_RSS_TCP6, NDIS_RSS_TCP6},
    {NETVSC_RSS_UDP4, NDIS_RSS_UDP4}, {NETVSC_RSS_UDP6, NDIS_RSS_UDP6},
};

static uint32_t wire_types(uint32_t types)
{
    uint32_t wire = 0;

    for (unsigned i = 0; i < sizeof(hash_types) / sizeof(hash_types[0]); i++)
        if (types & hash_types[i].type)
            wire |= hash_types[i].wire;
    return wire;
}

/* ---- how many -------------------------------------------------------------------------------- */

static void rss_defaults(struct netvsc *nic)
{
    struct netvsc_rss *rss = &nic->rss.wanted;

    for (unsigned i = 0; i < NETVSC_RETA_ENTRIES; i++)
        rss->reta[i] = (uint8_t)(i % nic->rss.ready);
    for (unsigned i = 0; i < NETVSC_RSS_KEY_BYTES; i++)
        rss->key[i] = nic->config.rss_symmetric ? default_key[i % 2] : default_key[i];
    rss->types = nic->config.rss_types ? nic->config.rss_types : NETVSC_RSS_DEFAULT;
}

/* As configured, or as many as the kernel below is safe with, or as there are sections for. */
static uint32_t queues_wanted(const struct netvsc *nic)
{
    const uint32_t safe = vmbus_memory(nic->dev)->channels_max,
                   sections = netvsc_queues_sections(nic);
    uint32_t wanted = nic->config.queues;

    if (safe && safe < wanted)
        wanted = safe;
    return sections < wanted ? sections : wanted;
}

int netvsc_rss_query_caps(struct netvsc *nic)
{
    const struct ndis_rss_caps ask = {
        .header = {.type = NDIS_OBJECT_RSS_CAPS, .revision = 2, .size_bytes = sizeof(ask)}};

    nic->rss = (struct netvsc_rss_state){.wish = 1, .ready = 1, .entries = NETVSC_RETA_ENTRIES};
    nic->send_table_ok = false;
    if (queues_wanted(nic) < 2 || nic->info.nvs_version < NVS_VERSION_5)
        return 0;
    return netvsc_ctl_ask(nic, RNDIS_MSG_QUERY, OID_RSS_CAPS, &ask, sizeof(ask));
}

/* Revision 1 of the object has no table size. */
#define CAPS_BYTES_MIN offsetof(struct ndis_rss_caps, reta_entries)

int netvsc_rss_accept_caps(struct netvsc *nic)
{
    struct ndis_rss_caps caps = {0};
    int bytes;

    if (nic->ctl.await == NETVSC_AWAIT_NOTHING)
        return 0;
    bytes = netvsc_ctl_accept_some(nic, &caps, CAPS_BYTES_MIN, sizeof(caps));
    if (bytes < 0)
        return bytes;
    if (caps.header.type != NDIS_OBJECT_RSS_CAPS || caps.rx_queues == 0)
        return -EPROTO;
    nic->rss.wish = caps.rx_queues < queues_wanted(nic) ? caps.rx_queues : queues_wanted(nic);
    if (caps.reta_entries >= 1 && caps.reta_entries < NETVSC_RETA_ENTRIES)
        nic->rss.entries = caps.reta_entries;
    return 0;
}

int netvsc_rss_ask_channels(struct netvsc *nic)
{
    struct nvs_msg msg;
    int rc;

    if (nic->rss.wish < 2)
        return 0;
    nvs_build_subchannel(&msg, nic->rss.wish - 1);
    rc = netvsc_ctl_send_nvs(nic, &msg, true);
    if (rc)
        return rc;
    nic->rss.asked = nic->rss.wish - 1;
    nic->rss.wish = 1; /* unless the host says more */
    return 0;
}

int netvsc_rss_accept_channels(struct netvsc *nic)
{
    uint32_t granted;
    int rc;

    if (nic->ctl.await == NETVSC_AWAIT_NOTHING)
        return 0;
    rc = nvs_parse_subchannel(nic->ctl.reply, nic->ctl.reply_bytes, &granted);
    if (rc)
        return rc;
    if (granted > nic->rss.asked)
        return -EPROTO;
    nic->rss.wish = granted + 1;
    return 0;
}

/* In order of index: one that is missing keeps those behind it out of use. */
int netvsc_rss_open_channels(struct netvsc *nic)
{
    while (nic->rss.ready < nic->rss.wish) {
        int rc;

        if (nic->now_ns < nic->rss.next_look_ns)
            return -EAGAIN;
        rc = vmbus_chan_open(nic->dev, nic->rss.ready);
        if (rc == -EAGAIN)
            nic->rss.next_look_ns = nic->now_ns + NETVSC_SUBCHANNEL_LOOK_NS;
        if (rc)
            return rc;
        nic->rss.ready++;
    }
    return 0;
}

/* ---- telling the host ------------------------------------------------------------------------ */

struct rss_set {
    struct ndis_rss_params params;
    uint32_t table[NETVSC_RETA_ENTRIES];
    uint8_t key[NETVSC_RSS_KEY_BYTES];
};
static_assert(sizeof(struct rss_set) <= RNDIS_INFO_BYTES_MAX, "fits a request");

/* The key follows the table directly, so its place depends on the table's length. */
static uint32_t rss_build(const struct netvsc *nic, uint16_t flags, struct rss_set *set)
{
    const struct netvsc_rss *rss = &nic->rss.wanted;
    uint32_t table_bytes = nic->rss.entries * (uint32_t)sizeof(set->table[0]);
    uint32_t key_off = (uint32_t)sizeof(set->params) + table_bytes;

    memset(set, 0, sizeof(*set));
    set->params = (struct ndis_rss_params){
        .header = {.type = NDIS_OBJECT_RSS_PARAMS,
                   .revision = NDIS_RSS_PARAMS_REVISION,
                   .size_bytes = sizeof(set->params)},
        .flags = flags,
        .hash = NDIS_RSS_TOEPLITZ | wire_types(rss->types),
        .table_bytes = (uint16_t)table_bytes,
        .table_off = sizeof(set->params),
        .key_bytes = NETVSC_RSS_KEY_BYTES,
        .key_off = key_off,
    };
    for (uint32_t i = 0; i < nic->rss.entries; i++)
        set->table[i] = rss->reta[i];
    memcpy((uint8_t *)set + key_off, rss->key, sizeof(rss->key));
    return key_off + NETVSC_RSS_KEY_BYTES;
}

static int send_params(struct netvsc *nic, uint16_t flags)
{
    struct rss_set set;
    uint32_t bytes = rss_build(nic, flags, &set);

    return netvsc_ctl_ask(nic, RNDIS_MSG_SET, OID_RSS_PARAMS, &set, bytes);
}

int netvsc_rss_send_off(struct netvsc *nic)
{
    if (nic->rss.ready < 2)
        return 0;
    rss_defaults(nic);
    return send_params(nic, NDIS_RSS_DISABLE);
}

int netvsc_rss_accept_off(struct netvsc *nic)
{
    return nic->ctl.await == NETVSC_AWAIT_NOTHING ? 0 : netvsc_ctl_accept_set(nic);
}

int netvsc_rss_send(struct netvsc *nic)
{
    return nic->rss.ready < 2 ? 0 : send_params(nic, 0);
}

int netvsc_rss_accept(struct netvsc *nic)
{
    int rc;

    if (nic->ctl.await == NETVSC_AWAIT_NOTHING)
        return 0;
    rc = netvsc_ctl_accept_set(nic);
    if (rc) {
        nic->stats.rss_refused++;
        if (rc == -ECONNREFUSED && nic->state != NETVSC_UP)
            nic->rss.ready = 1;
        return rc;
    }
    nic->stats.rss_sets++;
    nic->rss.current = nic->rss.wanted;
    return 0;
}

/*
 * What was granted and not refused is what there is: a host whose answer was lost may spread all
 * the same, and frames must not come where nobody looks.
 */
int netvsc_rss_settle(struct netvsc *nic)
{
    nic->info.queues = nic->rss.ready;
    nic->rss.current = nic->rss.wanted;
    for (unsigned i = 1; i < nic->info.queues; i++)
        nic->queue[i]->chan = vmbus_chan(nic->dev, i);
    if (nic->info.queues < nic->config.queues)
        nic->stats.queues_short++;
    netvsc_queues_share(nic);
    return 0;
}

/* ---- changes while up ------------------------------------------------------------------------ */

static const struct netvsc_step change_steps[] = {
    {"RSS table", netvsc_rss_send, netvsc_rss_accept, 0, false},
    {NULL, NULL, NULL, 0, false},
};

static void changed(struct netvsc *nic, int error)
{
    if (error)
        nic->rss.wanted = nic->rss.current;
    nic->rss.last_error = error;
}

const struct netvsc_change netvsc_rss_change = {change_steps, changed};

int netvsc_rss_set(struct netvsc *nic, const struct netvsc_rss *rss)
{
    if (nic->state != NETVSC_UP)
        return -ENETDOWN;
    if (nic->info.queues < 2)
        return -ENOTSUP;
    if (netvsc_change_pending(nic, NETVSC_CHANGE_RSS))
        return -EBUSY;
    for (unsigned i = 0; i < NETVSC_RETA_ENTRIES; i++)
        if (rss->reta[i] >= nic->info.queues)
            return -EINVAL;
    if (!wire_types(rss->types))
        return -EINVAL;
    nic->rss.wanted = *rss;
    netvsc_change_ask(nic, NETVSC_CHANGE_RSS);
    return 0;
}

int netvsc_rss_get(const struct netvsc *nic, struct netvsc_rss *out)
{
    *out = nic->rss.current;
    if (nic->state != NETVSC_UP || nic->info.queues < 2)
        return -ENOTSUP;
    return netvsc_change_pending(nic, NETVSC_CHANGE_RSS) ? -EINPROGRESS : nic->rss.last_error;
}

/* ---- the host's advice ----------------------------------------------------------------------- */

void netvsc_rss_send_table(struct netvsc *nic, const uint8_t *copy, uint32_t bytes)
{
    uint32_t table[NVS_SEND_TABLE_ENTRIES];
    /* Those asked for: it may come right behind the answer that says how many there are. */
    uint32_t queues = nic->rss.asked + 1;

    if (nvs_parse_send_table(copy, bytes, nic->info.nvs_version, table)) {
        nic->stats.send_table_bad++;
        return;
    }
    for (unsigned i = 0; i < NVS_SEND_TABLE_ENTRIES; i++) {
        if (table[i] < queues)
            continue;
        nic->stats.send_table_bad++;
        return;
    }
    for (unsigned i = 0; i < NVS_SEND_TABLE_ENTRIES; i++)
        nic->send_table[i] = (uint8_t)table[i];
    nic->send_table_ok = true;
    nic->stats.send_tables++;
}

unsigned netvsc_queue_for(const struct netvsc *nic, uint32_t hash)
{
    uint32_t queues = nic->info.queues ? nic->info.queues : 1;
    uint32_t q = nic->send_table[hash % NVS_SEND_TABLE_ENTRIES];

    return nic->send_table_ok && q < queues ? q : hash % queues;
}
