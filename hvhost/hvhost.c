/* SPDX-License-Identifier: BSD-3-Clause */
/* The emulated host as a whole: what it consists of, its turn, and its books. */
#include "hvhost.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"
#include "hvh_offload.h"

#define NICS_DEFAULT 16u
#define NICS_MAX 31u /* their channel ids must stay below VMBUS_RELID_MAX */
#define PORTS_DEFAULT 8u
#define PORTS_MAX 1024u
#define EPOCH_NS 1000000u /* nothing against the age at which the switch forgets an address */

int hvhost_create(const struct hvhost_config *config, struct hvhost **out)
{
    struct hvhost *host = calloc(1, sizeof(*host));

    *out = NULL;
    if (!host)
        return -ENOMEM;
    if (config)
        host->config = *config;
    host->epoch = 1;
    if (host->config.max_nics == 0)
        host->config.max_nics = NICS_DEFAULT;
    if (host->config.max_ports == 0)
        host->config.max_ports = PORTS_DEFAULT;
    if (host->config.max_nics > NICS_MAX || host->config.max_ports > PORTS_MAX) {
        free(host);
        return -EINVAL;
    }
    host->nics = calloc(host->config.max_nics, sizeof(struct hvhost_nic *));
    host->ports = calloc(host->config.max_nics + host->config.max_ports, sizeof(*host->ports));
    host->gather = malloc(HVH_GATHER_BYTES);
    host->scratch = malloc((size_t)HVH_DEPTH_MAX * HVH_SCRATCH_BYTES);
    host->audit = malloc(HVH_AUDIT_BYTES);
    if (!host->nics || !host->ports || !host->gather || !host->scratch || !host->audit) {
        hvhost_destroy(host);
        return -ENOMEM;
    }
    *out = host;
    return 0;
}

void hvhost_destroy(struct hvhost *host)
{
    if (!host)
        return;
    while (host->service_count > 0) {
        struct hvh_service service = host->services[--host->service_count];

        service.ops->close(service.ctx);
    }
    for (unsigned i = 0; i < host->nic_count; i++)
        hvh_nic_destroy(host->nics[i]);
    free(host->audit);
    free(host->scratch);
    free(host->gather);
    free(host->ports);
    free(host->nics);
    free(host);
}

int hvhost_nic_add(struct hvhost *host, const struct hvhost_nic_config *config,
                   struct hvhost_nic **out)
{
    int rc;

    *out = NULL;
    if (host->nic_count == host->config.max_nics)
        return -ENOSPC;
    rc = hvh_nic_create(host, host->nic_count, config, out);
    if (rc)
        return rc;
    host->nics[host->nic_count++] = *out;
    return 0;
}

struct hvhost_nic *hvh_nic_at(const struct hvhost *host, unsigned index)
{
    return index < host->nic_count ? host->nics[index] : NULL;
}

/* ---- services --------------------------------------------------------------------------- */

int hvh_service_add(struct hvhost *host, const struct hvh_service_ops *ops, void *ctx)
{
    if (host->service_count == HVH_SERVICES_MAX)
        return -ENOSPC;
    host->services[host->service_count++] = (struct hvh_service){.ops = ops, .ctx = ctx};
    return 0;
}

void hvh_service_remove(struct hvhost *host, const void *ctx)
{
    for (unsigned i = 0; i < host->service_count; i++) {
        if (host->services[i].ctx == ctx) {
            host->services[i] = host->services[--host->service_count];
            return;
        }
    }
}

/* ---- running ---------------------------------------------------------------------------- */

unsigned hvhost_step(struct hvhost *host, uint64_t now_ns)
{
    unsigned done = 0;

    host->now_ns = now_ns;
    if (now_ns - host->epoch_ns >= EPOCH_NS) {
        host->epoch_ns = now_ns;
        host->epoch++;
    }
    /* Services first: they bring doorbells and frames, which the cards then act on in this turn. */
    for (unsigned i = 0; i < host->service_count; i++) {
        if (host->services[i].ops->step)
            done += host->services[i].ops->step(host->services[i].ctx, now_ns);
    }
    for (unsigned i = 0; i < host->nic_count; i++)
        done += hvh_nic_serve(host->nics[i], now_ns);
    /* Last, when all that goes to a guest in this turn is in its ring: one interrupt at most. */
    for (unsigned i = 0; i < host->nic_count; i++)
        done += hvh_nic_flush(host->nics[i]);
    return done;
}

uint64_t hvhost_next_deadline(const struct hvhost *host, uint64_t now_ns)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < host->nic_count; i++) {
        uint64_t due = hvh_nic_deadline(host->nics[i], now_ns);

        if (due < least)
            least = due;
    }
    for (unsigned i = 0; i < host->service_count; i++) {
        const struct hvh_service *service = &host->services[i];
        uint64_t due =
            service->ops->deadline ? service->ops->deadline(service->ctx, now_ns) : UINT64_MAX;

        if (due < least)
            least = due;
    }
    return least;
}

void hvh_look(struct hvhost *host, uint64_t now_ns)
{
    for (unsigned i = 0; i < host->nic_count; i++)
        hvh_nic_look(host->nics[i], now_ns);
}

unsigned hvhost_pollfds(const struct hvhost *host, struct pollfd *out, unsigned max)
{
    unsigned count = 0;

    for (unsigned i = 0; i < host->service_count; i++) {
        const struct hvh_service *service = &host->services[i];
        unsigned used = count < max ? count : max;

        if (service->ops->pollfds)
            count += service->ops->pollfds(service->ctx, out + used, max - used);
    }
    return count;
}

/* ---- books ------------------------------------------------------------------------------ */

static const char *audit_switch(const struct hvhost *host)
{
    const struct hvhost_switch_stats *s = &host->stats;
    const struct {
        const char *what;
        uint64_t in, out;
    } law[] = {
        {"frames entered", s->frames + s->impair_passed,
         s->unicast + s->flooded + s->drop_runt + s->drop_hairpin + s->drop_no_port + s->drop_loop +
             s->impaired},
        {"frames for the uplink", s->tap_offered, s->tap_tx + s->tap_drop},
        {"frames impaired", s->impair_frames + s->impair_duplicated,
         s->impair_lost + s->impair_drop + s->impair_passed + hvh_impair_held(host->impair)},
    };

    for (unsigned i = 0; i < sizeof(law) / sizeof(law[0]); i++) {
        if (law[i].in == law[i].out)
            continue;
        snprintf(host->audit, HVH_AUDIT_BYTES, "switch: %" PRIu64 " %s, %" PRIu64 " accounted for",
                 law[i].in, law[i].what, law[i].out);
        return host->audit;
    }
    return NULL;
}

static const char *audit_nic(const struct hvhost *host, const struct hvhost_nic *nic)
{
    const struct hvhost_nic_stats *s = &nic->stats;
    uint64_t rx = s->rx_frames + s->rx_rsc_merged + nic->rsc.segments + s->rx_drop_down +
                  s->rx_drop_filter + s->rx_drop_vf + s->rx_drop_section + s->rx_drop_ring +
                  s->rx_drop_size;
    uint64_t tx = s->tx_switched + s->tx_drop_rndis + s->tx_drop_size + s->tx_drop_link;
    uint64_t lent = s->rx_packets + s->ctl_replies;
    uint64_t back = s->rx_completed + s->rx_reclaimed + nic->sections.packets;

    if (s->rx_offered == rx && s->tx_frames == tx && lent == back &&
        hvh_sections_sound(&nic->sections))
        return NULL;
    snprintf(host->audit, HVH_AUDIT_BYTES,
             "card %u: offered %" PRIu64 " of which known %" PRIu64 "; sent %" PRIu64
             " of which known %" PRIu64 "; lent %" PRIu64 " of which back or out %" PRIu64 "%s",
             nic->index, s->rx_offered, rx, s->tx_frames, tx, lent, back,
             hvh_sections_sound(&nic->sections) ? "" : "; section books broken");
    return host->audit;
}

const char *hvhost_audit(const struct hvhost *host)
{
    const char *wrong = audit_switch(host);

    for (unsigned i = 0; i < host->nic_count && !wrong; i++)
        wrong = audit_nic(host, host->nics[i]);
    return wrong;
}
