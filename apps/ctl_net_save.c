/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * When hv_netvsc lets go of the card, its interface vanishes with addresses and routes. They are
 * read out before, as lines of text in the words of iproute2, so that a person can read them, and
 * put them back by hand if it comes to that:
 *
 *     10.0.0.4/24 broadcast 10.0.0.255 scope 0 valid_lft 3600 preferred_lft 3600
 *     0.0.0.0/0 via 10.0.0.1 table 254 proto 16 scope 0 metric 100 src 10.0.0.4
 *
 * Not saved is what the kernel makes by itself: routes to an address's own network, those learnt
 * from router advertisements, temporary addresses. What the lines cannot express is counted:
 * routes over several hops, IPv4 through an IPv6 gateway, point-to-point addresses.
 */
#include "ctl_netlink.h"
#include "ctl_var.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct saver {
    struct ctl_net *net;
    uint32_t ifindex;
};

/* printf() at the end of (line). -E2BIG when it does not fit. */
__attribute__((format(printf, 2, 3))) static int append(char line[CTL_LINE_BYTES],
                                                        const char *format, ...)
{
    const size_t used = strlen(line);
    va_list ap;
    int len;

    va_start(ap, format);
    len = vsnprintf(line + used, CTL_LINE_BYTES - used, format, ap);
    va_end(ap);
    return len < 0 || used + (size_t)len >= CTL_LINE_BYTES ? -E2BIG : 0;
}

/* " WORD ADDRESS" when there is such an attribute. */
static int append_address(char line[CTL_LINE_BYTES], const char *word, int family,
                          struct rtattr *attribute)
{
    char text[INET6_ADDRSTRLEN];

    if (!attribute)
        return 0;
    if (RTA_PAYLOAD(attribute) != (family == AF_INET ? 4u : 16u) ||
        !inet_ntop(family, RTA_DATA(attribute), text, sizeof(text)))
        return -EPROTO;
    return append(line, "%s%s", word, text);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool same_attribute(struct rtattr *a, struct rtattr *b)
{
    return RTA_PAYLOAD(a) == RTA_PAYLOAD(b) &&
           memcmp(RTA_DATA(a), RTA_DATA(b), RTA_PAYLOAD(a)) == 0;
}

static int append_lifetimes(char line[CTL_LINE_BYTES], struct rtattr *attribute)
{
    struct ifa_cacheinfo info;

    if (!attribute || RTA_PAYLOAD(attribute) < sizeof(info))
        return 0;
    memcpy(&info, RTA_DATA(attribute), sizeof(info));
    if (info.ifa_valid == UINT32_MAX)
        return 0;
    return append(line, " valid_lft %u preferred_lft %u", info.ifa_valid, info.ifa_prefered);
}

static int describe_address(const struct ifaddrmsg *body, struct rtattr *const *a, uint32_t flags,
                            char line[CTL_LINE_BYTES])
{
    struct rtattr *local = a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS];
    int rc = append_address(line, "", body->ifa_family, local);

    if (rc == 0)
        rc = append(line, "/%u", body->ifa_prefixlen);
    if (rc == 0)
        rc = append_address(line, " broadcast ", body->ifa_family, a[IFA_BROADCAST]);
    if (rc == 0)
        rc = append(line, " scope %u", body->ifa_scope);
    if (rc == 0)
        rc = append_lifetimes(line, a[IFA_CACHEINFO]);
    if (rc == 0 && flags & IFA_F_NOPREFIXROUTE)
        rc = append(line, " noprefixroute");
    return rc;
}

static int save_address(void *ctx, struct nlmsghdr *message)
{
    struct rtattr *a[IFA_MAX + 1];
    struct saver *saver = ctx;
    struct ctl_net *net = saver->net;
    struct ifaddrmsg body;
    uint32_t flags;

    if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(body)))
        return 0;
    memcpy(&body, NLMSG_DATA(message), sizeof(body));
    ctl_netlink_attributes(message, sizeof(body), a, sizeof(a) / sizeof(a[0]));
    flags = a[IFA_FLAGS] ? ctl_netlink_u32(a[IFA_FLAGS]) : body.ifa_flags;
    if (body.ifa_index != saver->ifindex || !(a[IFA_LOCAL] || a[IFA_ADDRESS]) ||
        (body.ifa_family == AF_INET6 && flags & IFA_F_TEMPORARY))
        return 0;
    if (a[IFA_LOCAL] && a[IFA_ADDRESS] && !same_attribute(a[IFA_LOCAL], a[IFA_ADDRESS])) {
        net->left_out++;
        return 0;
    }
    if (net->address_count == CTL_ADDRESSES_MAX)
        return -E2BIG;
    net->addresses[net->address_count][0] = '\0';
    return describe_address(&body, a, flags, net->addresses[net->address_count++]);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* Does one of the hops go out at (ifindex)? */
static bool hops_use(struct rtattr *multipath, uint32_t ifindex)
{
    struct rtnexthop *hop = RTA_DATA(multipath);
    long len = (long)RTA_PAYLOAD(multipath);

    for (; len >= (long)sizeof(*hop) && RTNH_OK(hop, len); hop = RTNH_NEXT(hop)) {
        if ((uint32_t)hop->rtnh_ifindex == ifindex)
            return true;
        len -= (long)RTNH_ALIGN(hop->rtnh_len);
    }
    return false;
}

/* Would the kernel make this route again by itself, or is it none of ours? */
static bool is_foreign(const struct rtmsg *body, uint32_t table)
{
    return body->rtm_type != RTN_UNICAST || body->rtm_flags & RTM_F_CLONED ||
           table == RT_TABLE_LOCAL || body->rtm_protocol == RTPROT_KERNEL ||
           body->rtm_protocol == RTPROT_RA || body->rtm_protocol == RTPROT_REDIRECT;
}

static int describe_route(const struct rtmsg *body, struct rtattr *const *a, uint32_t table,
                          char line[CTL_LINE_BYTES])
{
    const int family = body->rtm_family;
    int rc = a[RTA_DST] ? append_address(line, "", family, a[RTA_DST])
                        : append(line, "%s", family == AF_INET ? "0.0.0.0" : "::");

    if (rc == 0)
        rc = append(line, "/%u", body->rtm_dst_len);
    if (rc == 0)
        rc = append_address(line, " via ", family, a[RTA_GATEWAY]);
    if (rc == 0)
        rc = append(line, " table %u proto %u", table, body->rtm_protocol);
    if (rc == 0 && family == AF_INET)
        rc = append(line, " scope %u", body->rtm_scope);
    if (rc == 0 && a[RTA_PRIORITY])
        rc = append(line, " metric %u", ctl_netlink_u32(a[RTA_PRIORITY]));
    if (rc == 0)
        rc = append_address(line, " src ", family, a[RTA_PREFSRC]);
    if (rc == 0 && body->rtm_flags & RTNH_F_ONLINK)
        rc = append(line, " onlink");
    return rc;
}

static int save_route(void *ctx, struct nlmsghdr *message)
{
    struct rtattr *a[RTA_MAX + 1];
    struct saver *saver = ctx;
    struct ctl_net *net = saver->net;
    struct rtmsg body;
    uint32_t table;

    if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(body)))
        return 0;
    memcpy(&body, NLMSG_DATA(message), sizeof(body));
    ctl_netlink_attributes(message, sizeof(body), a, sizeof(a) / sizeof(a[0]));
    table = a[RTA_TABLE] ? ctl_netlink_u32(a[RTA_TABLE]) : body.rtm_table;
    if (is_foreign(&body, table))
        return 0;
    if (a[RTA_MULTIPATH] && hops_use(a[RTA_MULTIPATH], saver->ifindex))
        net->left_out++;
    if (ctl_netlink_u32(a[RTA_OIF]) != saver->ifindex)
        return 0;
    if (a[RTA_VIA] || a[RTA_ENCAP]) {
        net->left_out++;
        return 0;
    }
    if (net->route_count == CTL_ROUTES_MAX)
        return -E2BIG;
    net->routes[net->route_count][0] = '\0';
    return describe_route(&body, a, table, net->routes[net->route_count++]);
}

/* ---- the link -------------------------------------------------------------------------------- */

static int save_link(struct ctl_net *net)
{
    struct ifreq request = {.ifr_flags = 0};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const uint8_t *mac = (const uint8_t *)request.ifr_hwaddr.sa_data;
    int rc = 0;

    if (fd < 0)
        return -errno;
    memcpy(request.ifr_name, net->ifname, sizeof(net->ifname));
    if (ioctl(fd, SIOCGIFMTU, &request) == 0)
        net->mtu_bytes = (uint32_t)request.ifr_mtu;
    else
        rc = -errno;
    if (rc == 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0)
        net->up = request.ifr_flags & IFF_UP;
    if (rc == 0 && ioctl(fd, SIOCGIFHWADDR, &request) == 0)
        snprintf(net->mac, sizeof(net->mac), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                 mac[2], mac[3], mac[4], mac[5]);
    close(fd);
    return rc;
}

int ctl_net_save(struct ctl_net *net)
{
    struct saver saver = {.net = net, .ifindex = if_nametoindex(net->ifname)};
    struct timespec now;
    int rc;

    if (saver.ifindex == 0)
        return -ENODEV;
    clock_gettime(CLOCK_BOOTTIME, &now);
    net->saved_s = (uint64_t)now.tv_sec;
    rc = save_link(net);
    if (rc == 0)
        rc = ctl_netlink_dump(RTM_GETADDR, AF_UNSPEC, save_address, &saver);
    if (rc == 0)
        rc = ctl_netlink_dump(RTM_GETROUTE, AF_INET, save_route, &saver);
    if (rc == 0)
        rc = ctl_netlink_dump(RTM_GETROUTE, AF_INET6, save_route, &saver);
    return rc;
}
