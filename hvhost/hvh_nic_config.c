/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a card: defaults, checks, and what can be asked about it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define MIB (1024u * 1024u)
#define MTU_MIN 68u
#define MTU_MAX 65522u
#define MTU_GRANTED_DEFAULT 9202u
#define SECTION_BYTES_MIN 128u
#define BUF_BYTES_MAX (1024u * MIB)
#define LSO_MAX_DEFAULT 0xF53Cu /* as OpenVMM */
#define LSO_MAX_LIMIT 65535u
#define RELID_FIRST 16u

static void or_default(uint32_t *value, uint32_t fallback)
{
    if (*value == 0)
        *value = fallback;
}

static void defaults(struct hvhost_nic_config *c)
{
    or_default(&c->nvs_version_max, NVS_VERSION_61);
    or_default(&c->mtu_max_bytes, MTU_GRANTED_DEFAULT);
    or_default(&c->recv_buf_bytes, 16 * MIB);
    or_default(&c->send_buf_bytes, 16 * MIB);
    or_default(&c->send_section_bytes, 6144);
    or_default(&c->ring_bytes, 4 * MIB);
    or_default(&c->dma_bytes, MIB);
    or_default(&c->batch_frames, 8);
    or_default(&c->max_queues, 1);
    or_default(&c->link_speed_100bps, 100000000);
    or_default(&c->offload, HVHOST_OFFLOAD_ALL);
    or_default(&c->lso_max_bytes, LSO_MAX_DEFAULT);
}

static bool pages(uint32_t bytes)
{
    return bytes > 0 && bytes % VMBUS_PAGE_BYTES == 0 && bytes <= BUF_BYTES_MAX;
}

static bool sane(const struct hvhost_nic_config *c)
{
    if (c->mtu_max_bytes < MTU_MIN || c->mtu_max_bytes > MTU_MAX)
        return false;
    if (!pages(c->recv_buf_bytes) || !pages(c->send_buf_bytes) || !pages(c->ring_bytes) ||
        c->ring_bytes % (2 * VMBUS_PAGE_BYTES) || c->ring_bytes < 4 * VMBUS_PAGE_BYTES)
        return false;
    if (c->dma_bytes != UINT32_MAX && !pages(c->dma_bytes))
        return false;
    if (c->send_section_bytes < NVS_SECTION_BYTES_MIN ||
        c->send_section_bytes > c->send_buf_bytes || c->send_section_bytes % 4)
        return false;
    if (c->recv_section_bytes != 0 && c->recv_section_bytes < SECTION_BYTES_MIN)
        return false;
    if (c->lso_max_bytes > LSO_MAX_LIMIT)
        return false;
    if (c->max_queues > HVH_CHANS_MAX)
        return false;
    return c->batch_frames <= HVH_BATCH_MAX && (c->mac[0] & 1) == 0;
}

static int identity(struct hvhost_nic *nic)
{
    static const uint8_t none[6];
    const char *text = nic->config.instance;
    uuid_t id;

    if (memcmp(nic->config.mac, none, 6) == 0) {
        const uint8_t mac[6] = {0x00, 0x15, 0x5D, 0x00, 0x00, (uint8_t)(1 + nic->index)};

        memcpy(nic->config.mac, mac, 6);
    }
    memcpy(nic->permanent_mac, nic->config.mac, 6);
    if (!text) {
        snprintf(nic->instance, sizeof(nic->instance), "00155d00-0000-4000-8000-%012x",
                 nic->index + 1);
    } else {
        if (uuid_parse(text, id))
            return -EINVAL;
        uuid_unparse_lower(id, nic->instance);
    }
    nic->config.instance = nic->instance;
    return 0;
}

static bool taken(const struct hvhost *host, const struct hvhost_nic *nic)
{
    for (unsigned i = 0; i < host->nic_count; i++) {
        const struct hvhost_nic *other = host->nics[i];

        if (strcmp(other->instance, nic->instance) == 0 ||
            memcmp(other->permanent_mac, nic->permanent_mac, 6) == 0)
            return true;
    }
    return false;
}

/* Room for the books of the smallest sections any guest can make us use. */
static int books_create(struct hvhost_nic *nic)
{
    uint32_t mtu = nic->config.mtu_max_bytes;
    uint32_t section = nic->config.recv_section_bytes;

    if (section == 0)
        section = (mtu < HVH_MTU_DEFAULT ? mtu : HVH_MTU_DEFAULT) + HVH_SECTION_EXTRA_BYTES;
    nic->late = calloc(HVH_LATE_MAX, sizeof(*nic->late));
    nic->lent_on = calloc(nic->config.recv_buf_bytes / section + 1, sizeof(*nic->lent_on));
    nic->rsc.bytes = malloc(HVH_RSC_BYTES_MAX);
    if (!nic->late || !nic->lent_on || !nic->rsc.bytes)
        return -ENOMEM;
    return hvh_sections_create(&nic->sections, nic->config.recv_buf_bytes / section);
}

int hvh_nic_create(struct hvhost *host, unsigned index, const struct hvhost_nic_config *config,
                   struct hvhost_nic **out)
{
    struct hvhost_nic *nic = calloc(1, sizeof(*nic));
    int rc;

    *out = NULL;
    if (!nic)
        return -ENOMEM;
    nic->host = host;
    nic->index = index;
    nic->offered = true;
    nic->link_up = true;
    if (config)
        nic->config = *config;
    defaults(&nic->config);
    rc = sane(&nic->config) ? identity(nic) : -EINVAL;
    if (!rc && taken(host, nic))
        rc = -EEXIST;
    if (!rc)
        rc = books_create(nic);
    if (!rc)
        rc = hvh_port_add(host, &hvh_rx_port_ops, nic, &nic->port);
    if (rc) {
        hvh_nic_destroy(nic);
        return rc;
    }
    hvhost_port_network(nic->port, nic->config.network);
    *out = nic;
    return 0;
}

void hvh_nic_destroy(struct hvhost_nic *nic)
{
    hvh_sections_destroy(&nic->sections);
    free(nic->late);
    free(nic->lent_on);
    free(nic->rsc.bytes);
    free(nic);
}

const struct hvhost_nic_config *hvh_nic_config(const struct hvhost_nic *nic)
{
    return &nic->config;
}

const char *hvh_nic_instance(const struct hvhost_nic *nic)
{
    return nic->instance;
}

uint32_t hvh_nic_relid(const struct hvhost_nic *nic)
{
    return RELID_FIRST + nic->index * HVH_NIC_RELIDS;
}

uint8_t hvh_nic_monitor(const struct hvhost_nic *nic)
{
    return nic->config.monitor_latency_us ? (uint8_t)nic->index : VMBUS_MONITOR_NONE;
}

bool hvh_nic_offered(const struct hvhost_nic *nic)
{
    return nic->offered;
}

bool hvh_nic_connected(const struct hvhost_nic *nic)
{
    return nic->face != NULL;
}

void hvhost_nic_stats(const struct hvhost_nic *nic, struct hvhost_nic_stats *out)
{
    *out = nic->stats;
}
