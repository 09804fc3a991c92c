/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * One list of counters per struct (the X-macros of their headers) makes both forms. The HTML shows
 * the values of the moment it was fetched, so that it says something without scripts, too; its
 * script then asks for the JSON once a second and writes values and rates into the cells, found by
 * name.
 */
#include "http_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "http_server.h"
#include "netvsc_look.h"

#define PAGE_BYTES 32768u /* the lists make about half of it; more is -ENOSPC, not a cut page */

struct text {
    char data[PAGE_BYTES];
    size_t len_bytes;
    bool is_full;
};

struct counter {
    const char *name, *help;
    uint64_t value;
};

struct group {
    const char *name, *title;
    const struct counter *counters;
    size_t count;
};

static const char style[] =
    "<!doctype html><html lang=en><meta charset=utf-8><title>netvsc</title>"
    "<meta name=viewport content='width=device-width'>"
    "<noscript><meta http-equiv=refresh content=2></noscript><style>"
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em;max-width:60em;color:#222}"
    "table{border-collapse:collapse;margin:0 0 2em}td,th{padding:.1em 1em .1em 0;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums;min-width:7em}"
    "td.h{color:#777}tr.z{color:#aaa}h2{margin:.5em 0}</style>";

static const char script[] =
    "<script>let p,t;async function f(){try{"
    "const j=await(await fetch('/_nic.json')).json(),n=performance.now();"
    "for(const g of['nic','netif','http'])for(const k in j[g]){"
    "const e=document.getElementById(g+'.'+k);if(!e)continue;const v=j[g][k];"
    "e.textContent=v.toLocaleString('en');e.parentNode.className=v?'':'z';"
    "if(p)e.nextSibling.textContent="
    "Math.round((v-p[g][k])*1000/(n-t)).toLocaleString('en')+'/s'}"
    "document.getElementById('state').textContent=j.state;p=j;t=n}"
    "catch(e){document.getElementById('state').textContent='no answer'}setTimeout(f,1000)}f()"
    "</script>";

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    size_t room = sizeof(text->data) - text->len_bytes;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text->data + text->len_bytes, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room)
        text->is_full = true;
    else
        text->len_bytes += (size_t)n;
}

static void put_mac(struct text *text, const uint8_t mac[6])
{
    for (int i = 0; i < 6; i++)
        put(text, "%s%02x", i ? ":" : "", mac[i]);
}

static void put_json(struct text *text, const struct netvsc *nic, const struct group *groups,
                     size_t count)
{
    const struct netvsc_info *info = netvsc_info(nic);

    put(text, "{\"state\":\"%s\",\"mac\":\"", netvsc_state_name(netvsc_state(nic)));
    put_mac(text, info->mac);
    put(text,
        "\",\"mtu_bytes\":%" PRIu32 ",\"link_up\":%s,\"link_speed_bps\":%" PRIu64
        ",\"nvs_version\":%" PRIu32 ",\"queues\":%" PRIu32,
        info->mtu_bytes, info->link_up ? "true" : "false", info->link_speed_bps, info->nvs_version,
        info->queues);
    for (size_t i = 0; i < count; i++) {
        put(text, ",\n\"%s\":{", groups[i].name);
        for (size_t k = 0; k < groups[i].count; k++)
            put(text, "%s\"%s\":%" PRIu64, k ? "," : "", groups[i].counters[k].name,
                groups[i].counters[k].value);
        put(text, "}");
    }
    put(text, "}\n");
}

static void put_html(struct text *text, const struct netvsc *nic, const struct group *groups,
                     size_t count)
{
    const struct netvsc_info *info = netvsc_info(nic);

    put(text, "%s<h1>netvsc: <span id=state>%s</span></h1><p>MAC ", style,
        netvsc_state_name(netvsc_state(nic)));
    put_mac(text, info->mac);
    put(text,
        ", MTU %" PRIu32 ", link %s, NVSP %s. "
        "Served by lwIP over this card. <a href=/_nic.json>JSON</a></p>",
        info->mtu_bytes, info->link_up ? "up" : "down", netvsc_version_name(info->nvs_version));
    for (size_t i = 0; i < count; i++) {
        put(text, "\n<h2>%s</h2><table>", groups[i].title);
        for (size_t k = 0; k < groups[i].count; k++) {
            const struct counter *c = &groups[i].counters[k];

            put(text,
                "\n<tr%s><td>%s<td class=n id=%s.%s>%" PRIu64
                "</td><td class=n></td><td class=h>%s",
                c->value ? "" : " class=z", c->name, groups[i].name, c->name, c->value, c->help);
        }
        put(text, "</table>");
    }
    put(text, "%s\n", script);
}

/* All of it or -errno; (fd) is memory and takes everything at once. */
static int write_text(const struct text *text, int fd)
{
    ssize_t n;

    if (text->is_full)
        return -ENOSPC;
    n = write(fd, text->data, text->len_bytes);
    if (n < 0)
        return -errno;
    return (size_t)n == text->len_bytes ? 0 : -EIO;
}

int http_page_write(void *ctx, bool json, int fd)
{
    static struct text text; /* one thread; too large for the stack */
    const struct http_page *page = ctx;
    const struct netvsc *nic = page->netif->nic;
    struct netvsc_netif_stats interface;
    struct netvsc_stats stats;
    struct http_stats http;

    app_card_stats(&stats, &interface);
    app_counters((uint64_t *)(void *)&http, sizeof(http) / sizeof(uint64_t));
#define X(name, help) {#name, help, stats.name},
    const struct counter nic_counters[] = {NETVSC_STATS(X)};
#undef X
#define X(name, help) {#name, help, interface.name},
    const struct counter netif_counters[] = {NETVSC_NETIF_STATS(X)};
#undef X
#define X(name, help) {#name, help, http.name},
    const struct counter http_counters[] = {HTTP_STATS(X)};
#undef X
#define GROUP(name, title, counters)                                                               \
    {                                                                                              \
        name, title, counters, sizeof(counters) / sizeof((counters)[0])                            \
    }
    const struct group groups[] = {
        GROUP("nic", "NIC", nic_counters),
        GROUP("netif", "lwIP's side of it", netif_counters),
        GROUP("http", "HTTP", http_counters),
    };
#undef GROUP

    text.len_bytes = 0;
    text.is_full = false;
    (json ? put_json : put_html)(&text, nic, groups, sizeof(groups) / sizeof(groups[0]));
    return write_text(&text, fd);
}
