/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates while running, all counters at the end, and whether they add up. */
#include "app_var.h"

#include "hvhost.h"
#include "lwip/stats.h"
#include "port_clock.h"

/* NULL: this process has the card alone. */
static void (*totals_of_all)(struct app_totals *out);
static void (*print_others)(FILE *out);

void app_stats_shared(void (*totals)(struct app_totals *out), void (*print)(FILE *out))
{
    totals_of_all = totals;
    print_others = print;
}

void app_totals(const struct netvsc_netif *nif, struct app_totals *out)
{
    if (totals_of_all) {
        totals_of_all(out);
        return;
    }
    netvsc_stats(nif->nic, &out->card);
    out->interface = nif->stats;
    out->outstanding = netvsc_tx_outstanding(nif->nic);
    out->rx_lost = 0;
}

static uint64_t rx_drops(const struct netvsc_stats *s)
{
    return s->rx_drop_range + s->rx_drop_rndis + s->rx_drop_size + s->rx_drop_down +
           s->rx_drop_rsc_first + s->rx_drop_rsc_last + s->rx_drop_rsc_size +
           s->rx_drop_rsc_unasked;
}

static uint64_t tx_drops(const struct netvsc_stats *s)
{
    return s->tx_drop_size + s->tx_drop_down + s->tx_failed + s->tx_lost;
}

void app_rates_print(struct app_rates *rates, const struct netvsc_netif *nif, uint64_t now_ns,
                     FILE *out)
{
    const struct netvsc_stats *was = &rates->before;
    const double s = (double)(now_ns - rates->before_ns) / (double)PORT_NS_PER_S;
    struct netvsc_stats now;

    netvsc_stats(nif->nic, &now);
    if (rates->before_ns && s > 0)
        fprintf(out,
                "rx %.0f/s %.3f Gbit/s  tx %.0f/s %.3f Gbit/s  doorbells %.0f/s  irqs %.0f/s  "
                "drops %llu\n",
                (double)(now.rx_frames - was->rx_frames) / s,
                (double)(now.rx_bytes - was->rx_bytes) * 8e-9 / s,
                (double)(now.tx_frames - was->tx_frames) / s,
                (double)(now.tx_bytes - was->tx_bytes) * 8e-9 / s,
                (double)(now.tx_doorbells - was->tx_doorbells) / s,
                (double)(now.irqs - was->irqs) / s,
                (unsigned long long)(rx_drops(&now) + tx_drops(&now)));
    rates->before = now;
    rates->before_ns = now_ns;
}

void app_counters_print(FILE *out, const char *title, const struct app_counter *counters,
                        size_t count)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (counters[i].value == 0)
            continue;
        if (!any)
            fprintf(out, "%s\n", title);
        any = true;
        fprintf(out, "  %-20s %14llu  %s\n", counters[i].name,
                (unsigned long long)counters[i].value, counters[i].help);
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void app_card_print(const struct netvsc *nic, const char *title, FILE *out)
{
    struct netvsc_stats s;

    netvsc_stats(nic, &s);
#define X(counter, text) {#counter, text, s.counter},
    const struct app_counter card[] = {NETVSC_STATS(X)};
#undef X
    app_counters_print(out, title, card, COUNT(card));
}

static void print_interface(const struct netvsc_netif_stats *n, const char *title, FILE *out)
{
#define X(counter, text) {#counter, text, n->counter},
    const struct app_counter netif[] = {NETVSC_NETIF_STATS(X)};
#undef X

    app_counters_print(out, title, netif, COUNT(netif));
}

void app_interface_print(const struct netvsc_netif *nif, const char *title, FILE *out)
{
    print_interface(&nif->stats, title, out);
}

void app_host_card_print(const struct app_emulate *emulate, const char *title, FILE *out)
{
    struct hvhost_nic_stats s;

    hvhost_nic_stats(emulate->nic, &s);
#define X(counter, text) {#counter, text, s.counter},
    const struct app_counter card[] = {HVHOST_NIC_STATS(X)};
#undef X
    app_counters_print(out, title, card, COUNT(card));
}

void app_host_switch_print(const struct hvhost *host, FILE *out)
{
    struct hvhost_switch_stats w;

    hvhost_switch_stats(host, &w);
#define X(counter, text) {#counter, text, w.counter},
    const struct app_counter net[] = {HVHOST_SWITCH_STATS(X)};
#undef X
    app_counters_print(out, "emulated switch (hvhost)", net, COUNT(net));
}

static void print_protocol(FILE *out, const char *name, const struct stats_proto *p)
{
    const struct app_counter counters[] = {
        {"recv", "received", p->recv},       {"xmit", "sent", p->xmit},
        {"drop", "dropped", p->drop},        {"chkerr", "bad checksum", p->chkerr},
        {"lenerr", "bad length", p->lenerr}, {"memerr", "out of memory", p->memerr},
        {"rterr", "no route", p->rterr},     {"proterr", "bad protocol field", p->proterr},
        {"opterr", "bad option", p->opterr}, {"err", "other error", p->err},
    };
    char title[32];

    snprintf(title, sizeof(title), "lwIP %s", name);
    app_counters_print(out, title, counters, COUNT(counters));
}

void app_lwip_print(FILE *out)
{
    if (port_asserts())
        fprintf(out, "lwIP: %llu assertions did not hold\n", (unsigned long long)port_asserts());
    print_protocol(out, "link", &lwip_stats.link);
    print_protocol(out, "ARP", &lwip_stats.etharp);
    print_protocol(out, "IPv4", &lwip_stats.ip);
    print_protocol(out, "ICMP", &lwip_stats.icmp);
    print_protocol(out, "IPv6", &lwip_stats.ip6);
    print_protocol(out, "ICMPv6", &lwip_stats.icmp6);
    print_protocol(out, "ND6", &lwip_stats.nd6);
    print_protocol(out, "UDP", &lwip_stats.udp);
    print_protocol(out, "TCP", &lwip_stats.tcp);
    for (unsigned i = 0; i < MEMP_MAX; i++) {
        const struct stats_mem *pool = lwip_stats.memp[i];

        if (pool->err)
            fprintf(out, "lwIP pool %s: empty %llu times, %llu elements\n", memp_pools[i]->desc,
                    (unsigned long long)pool->err, (unsigned long long)pool->avail);
    }
}

const char *app_host_books(const struct hvhost *host)
{
    return hvhost_audit(host);
}

const char *app_books(const struct netvsc_netif *nif, const struct hvhost *host)
{
    static char text[200];
    const struct netvsc_netif_stats *n;
    struct app_totals all;
    const char *wrong;
    uint64_t known;

    app_totals(nif, &all);
    n = &all.interface;
    wrong = netvsc_audit_stats(&all.card, all.outstanding);
    if (wrong) {
        snprintf(text, sizeof(text), "card: %s", wrong);
        return text;
    }
    known = all.rx_lost + n->rx_input + n->rx_drop_pbuf + n->rx_drop_input + n->rx_drop_csum +
            n->rx_above_stack;
    if (all.card.rx_frames != known) {
        snprintf(text, sizeof(text), "interface: %llu frames handed up, %llu taken or dropped",
                 (unsigned long long)all.card.rx_frames, (unsigned long long)known);
        return text;
    }
    return host ? hvhost_audit(host) : NULL;
}

void app_books_print(const char *wrong, FILE *out)
{
    if (wrong)
        fprintf(out, "books: do NOT balance: %s\n", wrong);
    else
        fprintf(out, "books: balance\n");
}

void app_stats_print(const struct netvsc_netif *nif, const struct app_emulate *emulate, FILE *out)
{
    struct hvhost *host = emulate ? emulate->host : NULL;
    const char *wrong = app_books(nif, host);
    struct app_totals all;

    app_totals(nif, &all);
    app_card_print(nif->nic, "card (netvsc)", out);
    print_interface(&all.interface, "interface (netif)", out);
    if (print_others)
        print_others(out);
    if (host) {
        app_host_card_print(emulate, "emulated card (hvhost)", out);
        app_host_switch_print(host, out);
    }
    app_lwip_print(out);
    app_books_print(wrong, out);
}
