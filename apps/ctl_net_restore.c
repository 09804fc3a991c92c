/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of ctl_net_save.c back into the kernel. A DHCP client or a network manager may be at it at
 * the same time, so what is there already is left alone and is no failure.
 */
#include "ctl_netlink.h"
#include "ctl_var.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A line taken apart: "10.0.0.0/8 via 10.0.0.1 metric 100 onlink". */
struct words {
    char text[CTL_LINE_BYTES];
    char *at;
    int family;
    uint8_t address[16];
    size_t address_bytes;
    unsigned prefix_len;
};

static int number(const char *text, uint32_t max, uint32_t *out)
{
    unsigned long long value;
    char *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return -EPROTO;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || *end || value > max)
        return -EPROTO;
    *out = (uint32_t)value;
    return 0;
}

static int address(const struct words *w, const char *text, uint8_t out[16])
{
    return text && inet_pton(w->family, text, out) == 1 ? 0 : -EPROTO;
}

/* The first word is ADDRESS/LENGTH. */
static int words_start(struct words *w, const char *line)
{
    char *word, *slash;
    uint32_t len = 0;

    memset(w, 0, sizeof(*w));
    snprintf(w->text, sizeof(w->text), "%s", line);
    word = strtok_r(w->text, " ", &w->at);
    slash = word ? strchr(word, '/') : NULL;
    if (!slash)
        return -EPROTO;
    *slash = '\0';
    w->family = strchr(word, ':') ? AF_INET6 : AF_INET;
    w->address_bytes = w->family == AF_INET ? 4 : 16;
    if (number(slash + 1, (uint32_t)w->address_bytes * 8, &len))
        return -EPROTO;
    w->prefix_len = len;
    return address(w, word, w->address);
}

static char *words_next(struct words *w)
{
    return strtok_r(NULL, " ", &w->at);
}

/* ---- addresses ------------------------------------------------------------------------------- */

struct address_line {
    struct ifaddrmsg body;
    struct ifa_cacheinfo lifetimes;
    uint32_t flags;
    bool has_broadcast;
    uint8_t broadcast[16];
};

static int address_word(struct words *w, struct address_line *a, const char *word)
{
    uint32_t value = 0;
    int rc;

    if (strcmp(word, "noprefixroute") == 0) {
        a->flags |= IFA_F_NOPREFIXROUTE;
        return 0;
    }
    if (strcmp(word, "broadcast") == 0) {
        a->has_broadcast = true;
        return address(w, words_next(w), a->broadcast);
    }
    rc = number(words_next(w), UINT32_MAX, &value);
    if (strcmp(word, "scope") == 0)
        a->body.ifa_scope = (uint8_t)value;
    else if (strcmp(word, "valid_lft") == 0)
        a->lifetimes.ifa_valid = value;
    else if (strcmp(word, "preferred_lft") == 0)
        a->lifetimes.ifa_prefered = value;
    else
        rc = -EPROTO;
    return rc;
}

static uint32_t left(uint32_t lifetime_s, uint64_t elapsed_s)
{
    if (lifetime_s == UINT32_MAX)
        return lifetime_s;
    return lifetime_s > elapsed_s ? lifetime_s - (uint32_t)elapsed_s : 0;
}

static int parse_address(struct words *w, const char *line, struct address_line *a)
{
    const char *word;
    int rc = words_start(w, line);

    memset(a, 0, sizeof(*a));
    a->lifetimes.ifa_valid = a->lifetimes.ifa_prefered = UINT32_MAX;
    while (rc == 0 && (word = words_next(w)) != NULL)
        rc = address_word(w, a, word);
    return rc;
}

static int restore_address(uint32_t ifindex, const char *line, uint64_t elapsed_s)
{
    struct ctl_request r;
    struct address_line a;
    struct words w;
    int rc = parse_address(&w, line, &a);

    a.lifetimes.ifa_valid = left(a.lifetimes.ifa_valid, elapsed_s);
    a.lifetimes.ifa_prefered = left(a.lifetimes.ifa_prefered, elapsed_s);
    if (rc || a.lifetimes.ifa_valid == 0)
        return rc; /* expired meanwhile */
    a.body.ifa_family = (uint8_t)w.family;
    a.body.ifa_prefixlen = (uint8_t)w.prefix_len;
    a.body.ifa_index = ifindex;
    ctl_request_init(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a.body, sizeof(a.body));
    rc = ctl_request_put(&r, IFA_LOCAL, w.address, w.address_bytes);
    if (rc == 0)
        rc = ctl_request_put(&r, IFA_ADDRESS, w.address, w.address_bytes);
    if (rc == 0 && a.has_broadcast)
        rc = ctl_request_put(&r, IFA_BROADCAST, a.broadcast, w.address_bytes);
    if (rc == 0)
        rc = ctl_request_put(&r, IFA_FLAGS, &a.flags, sizeof(a.flags));
    if (rc == 0)
        rc = ctl_request_put(&r, IFA_CACHEINFO, &a.lifetimes, sizeof(a.lifetimes));
    return rc ? rc : ctl_request_do(&r);
}

/* ---- routes ---------------------------------------------------------------------------------- */

struct route_line {
    struct rtmsg body;
    uint32_t table, metric;
    bool has_gateway, has_source;
    uint8_t gateway[16], source[16];
};

static int route_word(struct words *w, struct route_line *r, const char *word)
{
    uint32_t value = 0;
    int rc;

    if (strcmp(word, "onlink") == 0) {
        r->body.rtm_flags |= RTNH_F_ONLINK;
        return 0;
    }
    if (strcmp(word, "via") == 0) {
        r->has_gateway = true;
        return address(w, words_next(w), r->gateway);
    }
    if (strcmp(word, "src") == 0) {
        r->has_source = true;
        return address(w, words_next(w), r->source);
    }
    rc = number(words_next(w), UINT32_MAX, &value);
    if (strcmp(word, "table") == 0)
        r->table = value;
    else if (strcmp(word, "metric") == 0)
        r->metric = value;
    else if (strcmp(word, "proto") == 0)
        r->body.rtm_protocol = (uint8_t)value;
    else if (strcmp(word, "scope") == 0)
        r->body.rtm_scope = (uint8_t)value;
    else
        rc = -EPROTO;
    return rc;
}

static int parse_route(struct words *w, const char *line, struct route_line *r)
{
    const char *word;
    int rc = words_start(w, line);

    memset(r, 0, sizeof(*r));
    r->table = RT_TABLE_MAIN;
    r->body.rtm_protocol = RTPROT_BOOT;
    r->body.rtm_type = RTN_UNICAST;
    while (rc == 0 && (word = words_next(w)) != NULL)
        rc = route_word(w, r, word);
    return rc;
}

static int put_route(struct ctl_request *out, const struct words *w, const struct route_line *r,
                     uint32_t ifindex)
{
    int rc = ctl_request_put(out, RTA_OIF, &ifindex, sizeof(ifindex));

    if (rc == 0)
        rc = ctl_request_put(out, RTA_TABLE, &r->table, sizeof(r->table));
    if (rc == 0 && w->prefix_len)
        rc = ctl_request_put(out, RTA_DST, w->address, w->address_bytes);
    if (rc == 0 && r->has_gateway)
        rc = ctl_request_put(out, RTA_GATEWAY, r->gateway, w->address_bytes);
    if (rc == 0 && r->has_source)
        rc = ctl_request_put(out, RTA_PREFSRC, r->source, w->address_bytes);
    if (rc == 0 && r->metric)
        rc = ctl_request_put(out, RTA_PRIORITY, &r->metric, sizeof(r->metric));
    return rc;
}

static int restore_route(uint32_t ifindex, const char *line)
{
    struct ctl_request request;
    struct route_line r;
    struct words w;
    int rc = parse_route(&w, line, &r);

    if (rc)
        return rc;
    r.body.rtm_family = (uint8_t)w.family;
    r.body.rtm_dst_len = (uint8_t)w.prefix_len;
    r.body.rtm_table = r.table < 256 ? (uint8_t)r.table : RT_TABLE_UNSPEC;
    ctl_request_init(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &r.body, sizeof(r.body));
    rc = put_route(&request, &w, &r, ifindex);
    return rc ? rc : ctl_request_do(&request);
}

/* ---- the link -------------------------------------------------------------------------------- */

/* The MAC address the kernel got from the host is right unless somebody had set another. */
static int restore_mac(int fd, struct ifreq *request, const char *mac)
{
    uint8_t want[6];

    if (!mac[0])
        return 0;
    if (!app_mac_parse(mac, want))
        return -EPROTO;
    if (ioctl(fd, SIOCGIFHWADDR, request) != 0)
        return -errno;
    if (memcmp(request->ifr_hwaddr.sa_data, want, sizeof(want)) == 0)
        return 0;
    request->ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request->ifr_hwaddr.sa_data, want, sizeof(want));
    return ioctl(fd, SIOCSIFHWADDR, request) == 0 ? 0 : -errno;
}

static int restore_mtu(int fd, struct ifreq *request, uint32_t mtu_bytes)
{
    if (mtu_bytes == 0)
        return 0;
    request->ifr_mtu = (int)mtu_bytes;
    return ioctl(fd, SIOCSIFMTU, request) == 0 ? 0 : -errno;
}

static int restore_up(int fd, struct ifreq *request, bool up)
{
    if (!up)
        return 0;
    if (ioctl(fd, SIOCGIFFLAGS, request) != 0)
        return -errno;
    request->ifr_flags = (short)(request->ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, request) == 0 ? 0 : -errno;
}

struct restorer {
    int rc;
    char *line;
};

static void note(struct restorer *r, int rc, const char *line)
{
    if (rc == 0 || rc == -EEXIST || r->rc)
        return;
    r->rc = rc;
    snprintf(r->line, CTL_LINE_BYTES, "%s", line);
}

static void restore_link(struct restorer *r, const char *ifname, const struct ctl_net *net)
{
    struct ifreq request = {.ifr_flags = 0};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        note(r, -errno, "link");
        return;
    }
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
    note(r, restore_mac(fd, &request, net->mac), "MAC address");
    note(r, restore_mtu(fd, &request, net->mtu_bytes), "MTU");
    note(r, restore_up(fd, &request, net->up), "up");
    close(fd);
}

int ctl_net_restore(const char *ifname, const struct ctl_net *net, uint64_t now_s,
                    char line[CTL_LINE_BYTES])
{
    struct restorer r = {.line = line};
    const uint32_t ifindex = if_nametoindex(ifname);
    const uint64_t elapsed_s = now_s > net->saved_s ? now_s - net->saved_s : 0;

    line[0] = '\0';
    if (ifindex == 0)
        return -ENODEV;
    restore_link(&r, ifname, net);
    for (unsigned i = 0; i < net->address_count; i++)
        note(&r, restore_address(ifindex, net->addresses[i], elapsed_s), net->addresses[i]);
    /* A gateway is reached by a route without one: those first. */
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < net->route_count; i++) {
            const bool gateway = strstr(net->routes[i], " via ") != NULL;

            if (gateway == (pass == 1))
                note(&r, restore_route(ifindex, net->routes[i]), net->routes[i]);
        }
    }
    return r.rc;
}
