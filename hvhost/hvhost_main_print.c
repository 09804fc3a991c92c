/* SPDX-License-Identifier: BSD-3-Clause */
/* What the hvhost program says: ready lines, rates, and the books at the end. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hvh_var.h"
#include "hvhost_main_var.h"

struct named {
    const char *name;
    const char *help;
};

static const struct named nic_names[] = {
#define X(name, help) {#name, help},
    HVHOST_NIC_STATS(X)
#undef X
};
static const struct named switch_names[] = {
#define X(name, help) {#name, help},
    HVHOST_SWITCH_STATS(X)
#undef X
};
#define NIC_COUNTERS (sizeof(nic_names) / sizeof(nic_names[0]))
#define SWITCH_COUNTERS (sizeof(switch_names) / sizeof(switch_names[0]))
#define MAC_FORMAT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]

int main_fail(int status, const char *what, const char *why, const char *remedy)
{
    (void)fprintf(stderr, "hvhost: %s: %s. %s.\n", what, why, remedy);
    return status;
}

/* Counters are 64-bit words in the order of their list. */
static void nic_counters(const struct hvhost_nic *nic, uint64_t out[NIC_COUNTERS])
{
    struct hvhost_nic_stats stats;

    hvhost_nic_stats(nic, &stats);
    memcpy(out, &stats, sizeof(stats));
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Something to look at when it is not zero. */
static bool is_finding(const char *name)
{
    return strstr(name, "drop") || begins(name, "strict_") || strcmp(name, "bad_ring") == 0;
}

void main_totals(const struct hvhost *host, struct hvhost_totals *out)
{
    struct hvhost_nic_stats s;
    uint64_t counter[NIC_COUNTERS];
    struct hvhost_nic *nic;
    unsigned i, k;

    *out = (struct hvhost_totals){0};
    for (i = 0; (nic = hvh_nic_at(host, i)); i++) {
        hvhost_nic_stats(nic, &s);
        nic_counters(nic, counter);
        out->rx_frames += s.rx_frames;
        out->rx_bytes += s.rx_bytes;
        out->tx_frames += s.tx_frames;
        out->tx_bytes += s.tx_bytes;
        out->doorbells += s.doorbells;
        out->interrupts += s.interrupts;
        for (k = 0; k < NIC_COUNTERS; k++) {
            if (strstr(nic_names[k].name, "drop"))
                out->drops += counter[k];
            else if (is_finding(nic_names[k].name))
                out->strict += counter[k];
        }
    }
}

void main_print_ready(const struct hvhost *host, const struct main_options *options)
{
    const struct hvhost_nic_config *config;
    struct hvhost_nic *nic;
    unsigned i;

    for (i = 0; (nic = hvh_nic_at(host, i)); i++) {
        config = hvh_nic_config(nic);
        printf("hvhost: card %s mac " MAC_FORMAT " mtu up to %u as uio%u\n", hvh_nic_instance(nic),
               MAC_ARGS(config->mac), config->mtu_max_bytes, i);
    }
    for (i = 0; i < options->tap_count; i++)
        printf("hvhost: uplink %s\n", options->tap[i].name);
    printf("hvhost: ready, bus %s\n", options->dir);
    (void)fflush(stdout);
}

void main_print_rate(const struct hvhost_totals *before, const struct hvhost_totals *now,
                     uint64_t ns)
{
    double s = (double)ns / 1e9;

    (void)fprintf(stderr,
                  "hvhost: rx %.0f frames/s %.3f Gbit/s, tx %.0f frames/s %.3f Gbit/s, "
                  "doorbells %.0f/s, interrupts %.0f/s, drops %" PRIu64 ", findings %" PRIu64 "\n",
                  (double)(now->rx_frames - before->rx_frames) / s,
                  (double)(now->rx_bytes - before->rx_bytes) * 8e-9 / s,
                  (double)(now->tx_frames - before->tx_frames) / s,
                  (double)(now->tx_bytes - before->tx_bytes) * 8e-9 / s,
                  (double)(now->doorbells - before->doorbells) / s,
                  (double)(now->interrupts - before->interrupts) / s, now->drops, now->strict);
}

/* ---- the books ------------------------------------------------------------------------------- */

static void print_findings(const struct named *names, const uint64_t *counter, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (counter[i] > 0 && is_finding(names[i].name))
            printf("hvhost:   %s %" PRIu64 " (%s)\n", names[i].name, counter[i], names[i].help);
    }
}

static void print_card(const struct hvhost_nic *nic)
{
    const struct hvhost_nic_config *config = hvh_nic_config(nic);
    uint64_t counter[NIC_COUNTERS];
    struct hvhost_nic_stats s;

    hvhost_nic_stats(nic, &s);
    nic_counters(nic, counter);
    printf("hvhost: card %s mac " MAC_FORMAT ": opened %" PRIu64 ", to guest %" PRIu64
           " frames %" PRIu64 " bytes, from guest %" PRIu64 " frames %" PRIu64
           " bytes, doorbells %" PRIu64 ", interrupts %" PRIu64 "\n",
           hvh_nic_instance(nic), MAC_ARGS(config->mac), s.opens, s.rx_frames, s.rx_bytes,
           s.tx_frames, s.tx_bytes, s.doorbells, s.interrupts);
    print_findings(nic_names, counter, NIC_COUNTERS);
}

static void print_text(const struct hvhost *host, const char *audit)
{
    struct hvhost_switch_stats s;
    uint64_t counter[SWITCH_COUNTERS];
    struct hvhost_nic *nic;
    unsigned i;

    for (i = 0; (nic = hvh_nic_at(host, i)); i++)
        print_card(nic);
    hvhost_switch_stats(host, &s);
    memcpy(counter, &s, sizeof(s));
    printf("hvhost: switch: %" PRIu64 " frames, uplink in %" PRIu64 ", out %" PRIu64
           ", learned %" PRIu64 "\n",
           s.frames, s.tap_rx, s.tap_tx, s.learned);
    print_findings(switch_names, counter, SWITCH_COUNTERS);
    printf("hvhost: books: %s\n", audit ? audit : "balanced");
}

static void print_json_counters(FILE *to, const struct named *names, const uint64_t *counter,
                                size_t count)
{
    size_t i;

    (void)fprintf(to, "{");
    for (i = 0; i < count; i++)
        (void)fprintf(to, "%s\"%s\":%" PRIu64, i ? "," : "", names[i].name, counter[i]);
    (void)fprintf(to, "}");
}

static void print_json(FILE *to, const struct hvhost *host, const char *audit)
{
    struct hvhost_switch_stats s;
    uint64_t nic_counter[NIC_COUNTERS], counter[SWITCH_COUNTERS];
    struct hvhost_nic *nic;
    unsigned i;

    (void)fprintf(to, "{\"nics\":[");
    for (i = 0; (nic = hvh_nic_at(host, i)); i++) {
        nic_counters(nic, nic_counter);
        (void)fprintf(to,
                      "%s{\"instance\":\"%s\",\"mac\":\"" MAC_FORMAT "\",\"stats\":", i ? "," : "",
                      hvh_nic_instance(nic), MAC_ARGS(hvh_nic_config(nic)->mac));
        print_json_counters(to, nic_names, nic_counter, NIC_COUNTERS);
        (void)fprintf(to, "}");
    }
    hvhost_switch_stats(host, &s);
    memcpy(counter, &s, sizeof(s));
    (void)fprintf(to, "],\"switch\":");
    print_json_counters(to, switch_names, counter, SWITCH_COUNTERS);
    (void)fprintf(to, ",\"balanced\":%s}\n", audit ? "false" : "true");
}

int main_print_books(const struct hvhost *host, bool json)
{
    const char *audit = hvhost_audit(host);

    if (json)
        print_json(stdout, host, audit);
    else
        print_text(host, audit);
    if (json && audit)
        (void)fprintf(stderr, "hvhost: books: %s\n", audit);
    (void)fflush(stdout);
    return audit ? 1 : 0;
}

int main_save_books(const struct hvhost *host, const char *path)
{
    char part[256];
    FILE *to;
    int rc;

    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
        return -ENAMETOOLONG;
    to = fopen(part, "we");
    if (!to)
        return -errno;
    print_json(to, host, hvhost_audit(host));
    rc = fclose(to) == 0 && rename(part, path) == 0 ? 0 : -errno;
    if (rc != 0)
        (void)unlink(part);
    return rc;
}
