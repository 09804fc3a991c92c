/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers of the control socket. Each command builds a tree of groups and values once, through the
 * few functions of struct writer, which know how either format writes it.
 */
#include "app_report.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app_control.h"
#include "app_var.h"
#include "netvsc_look.h"
#include "netvsc_queue.h"
#include "port_clock.h"
#include "port_workers.h"

/* ---- JSON and text --------------------------------------------------------------------------- */

struct writer {
    FILE *out;
    bool json;
    bool first; /* nothing stands in the group yet */
};

static void separate(struct writer *w)
{
    if (w->json && !w->first)
        fputs(", ", w->out);
    w->first = false;
}

static void write_number(struct writer *w, const char *name, uint64_t value)
{
    separate(w);
    if (w->json)
        fprintf(w->out, "\"%s\": %" PRIu64, name, value);
    else
        fprintf(w->out, "  %-20s %14" PRIu64 "\n", name, value);
}

/* (text) is ours: nothing in it needs escaping. */
static void write_text(struct writer *w, const char *name, const char *text)
{
    separate(w);
    if (w->json)
        fprintf(w->out, "\"%s\": \"%s\"", name, text);
    else
        fprintf(w->out, "  %-20s %14s\n", name, text);
}

/* A group; in an array its (name) is for readers of text only. */
static void open_group(struct writer *w, const char *name, bool in_array)
{
    separate(w);
    if (!w->json)
        fprintf(w->out, "%s\n", name);
    else if (in_array)
        fputc('{', w->out);
    else
        fprintf(w->out, "\"%s\": {", name);
    w->first = true;
}

static void close_group(struct writer *w)
{
    if (w->json)
        fputc('}', w->out);
    w->first = false;
}

static void open_array(struct writer *w, const char *name)
{
    separate(w);
    if (w->json)
        fprintf(w->out, "\"%s\": [", name);
    w->first = true;
}

static void close_array(struct writer *w)
{
    if (w->json)
        fputc(']', w->out);
    w->first = false;
}

/* ---- stats ----------------------------------------------------------------------------------- */

static void write_books(struct writer *w, const struct app_report *report)
{
    const char *wrong = app_books(report->nif, report->host);

    write_text(w, "books", wrong ? wrong : "balance");
}

static void write_card(struct writer *w, const struct app_report *report)
{
    const struct netvsc *nic = report->nif->nic;
    const struct netvsc_info *info = netvsc_info(nic);
    char mac[20];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", info->mac[0], info->mac[1],
             info->mac[2], info->mac[3], info->mac[4], info->mac[5]);
    write_text(w, "program", report->program);
    write_number(w, "pid", (uint64_t)getpid());
    write_text(w, "state", netvsc_state_name(netvsc_state(nic)));
    write_text(w, "mac", mac);
    write_number(w, "mtu", info->mtu_bytes);
    write_text(w, "link", info->link_up ? "up" : "down");
    write_number(w, "speed_bps", info->link_speed_bps);
    write_text(w, "nvsp", netvsc_version_name(info->nvs_version));
    write_number(w, "queue_count", info->queues);
}

static const struct netvsc_stats *totals(const struct app_report *report, struct app_totals *all)
{
    app_totals(report->nif, all);
    return &all->card;
}

static void stats(struct writer *w, const struct app_report *report)
{
    struct app_totals all;
    const struct netvsc_netif_stats *n = &all.interface;
    const struct netvsc_stats s = *totals(report, &all);

    write_card(w, report);
    write_number(w, "rx_frames", s.rx_frames);
    write_number(w, "rx_bytes", s.rx_bytes);
    write_number(w, "rx_dropped",
                 s.rx_messages - s.rx_rsc_fragments - (s.rx_frames - s.rx_rsc_frames) +
                     n->rx_drop_input);
    write_number(w, "rx_no_memory", n->rx_drop_pbuf);
    write_number(w, "tx_frames", s.tx_frames);
    write_number(w, "tx_bytes", s.tx_bytes);
    write_number(w, "tx_failed", s.tx_failed + s.tx_lost);
    write_number(w, "tx_dropped", n->tx_drop_backlog + n->tx_drop_size + n->tx_drop_down);
    write_books(w, report);
}

/* ---- xstats ---------------------------------------------------------------------------------- */

static void write_counters(struct writer *w, const struct netvsc_stats *s)
{
#define X(name, help) write_number(w, #name, s->name);
    NETVSC_STATS(X)
#undef X
}

static void write_workers(struct writer *w, const struct port_workers *workers)
{
    struct port_worker_look look;
    struct port_workers_stats s;
    char title[24];

    open_array(w, "workers");
    for (unsigned i = 0; port_workers_look(workers, i, port_clock_now(), &look); i++) {
        snprintf(title, sizeof(title), "worker %u", i);
        open_group(w, title, true);
        write_number(w, "pid", (uint64_t)look.pid);
        write_number(w, "queue", i + 1);
        write_number(w, "serving", look.serving);
        write_number(w, "age_ms", look.age_ns / PORT_NS_PER_MS);
        write_number(w, "starts", look.starts);
        close_group(w);
    }
    close_array(w);
    open_group(w, "sharing", false);
    port_workers_stats(workers, &s);
#define X(name, help) write_number(w, #name, s.name);
    PORT_WORKERS_STATS(X)
#undef X
    close_group(w);
}

static void xstats(struct writer *w, const struct app_report *report)
{
    const struct netvsc *nic = report->nif->nic;
    struct app_totals all;
    const struct netvsc_netif_stats *n = &all.interface;
    struct netvsc_stats s = *totals(report, &all);
    char title[24];

    write_books(w, report);
    open_group(w, "card", false);
    write_counters(w, &s);
    close_group(w);
    open_group(w, "interface", false);
#define X(name, help) write_number(w, #name, n->name);
    NETVSC_NETIF_STATS(X)
#undef X
    close_group(w);
    open_array(w, "queues");
    for (unsigned q = 0; q < netvsc_info(nic)->queues; q++) {
        snprintf(title, sizeof(title), "queue %u", q);
        open_group(w, title, true);
        netvsc_queue_stats(nic, q, &s);
        write_counters(w, &s);
        close_group(w);
    }
    close_array(w);
    if (report->workers)
        write_workers(w, report->workers);
}

/* ---- ring ------------------------------------------------------------------------------------ */

static void write_ring(struct writer *w, const char *name, const struct vmbus_ring_look *ring)
{
    open_group(w, name, false);
    write_number(w, "size", ring->size_bytes);
    write_number(w, "write_index", ring->write_index);
    write_number(w, "read_index", ring->read_index);
    write_number(w, "used", ring->used_bytes);
    write_number(w, "interrupt_mask", ring->interrupt_mask);
    write_number(w, "pending_send_size", ring->pending_send_size);
    write_number(w, "feature_bits", ring->feature_bits);
    close_group(w);
}

static void ring(struct writer *w, const struct app_report *report)
{
    struct netvsc_queue_look look;
    char title[24];

    write_text(w, "state", netvsc_state_name(netvsc_state(report->nif->nic)));
    open_array(w, "queues");
    for (unsigned q = 0; netvsc_queue_look(report->nif->nic, q, &look); q++) {
        snprintf(title, sizeof(title), "queue %u", q);
        open_group(w, title, true);
        write_number(w, "channel", look.chan.relid);
        write_number(w, "dead", look.chan.dead);
        write_number(w, "unpublished", look.chan.unpublished_bytes);
        write_number(w, "sections", look.sections);
        write_number(w, "sections_used", look.sections_used);
        write_number(w, "sections_peak", look.sections_peak);
        write_number(w, "outstanding", look.outstanding);
        write_number(w, "completions_owed", look.owed);
        write_ring(w, "to_host", &look.chan.to_host);
        write_ring(w, "from_host", &look.chan.from_host);
        close_group(w);
    }
    close_array(w);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void set(const struct app_report *report, const struct app_control_request *request,
                FILE *out)
{
    const char *wrong = request->name && request->value
                            ? app_change(report, request->name, request->value)
                            : "set takes a name and a value";

    if (wrong)
        fprintf(out, "{\"error\": \"%s\"}\n", wrong);
    else
        fputs(request->json ? "{\"asked\": true}\n" : "asked\n", out);
}

bool app_report(void *ctx, const struct app_control_request *request, FILE *out)
{
    static const struct {
        const char *name;
        void (*write)(struct writer *w, const struct app_report *report);
    } commands[] = {{"stats", stats}, {"xstats", xstats}, {"ring", ring}};
    struct writer w = {.out = out, .json = request->json, .first = true};

    if (strcmp(request->command, "set") == 0) {
        set(ctx, request, out);
        return true;
    }

    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, request->command) != 0)
            continue;
        if (w.json)
            fputc('{', out);
        commands[i].write(&w, ctx);
        if (w.json)
            fputs("}\n", out);
        return true;
    }
    return false;
}
