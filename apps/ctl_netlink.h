/* SPDX-License-Identifier: BSD-3-Clause */
/* rtnetlink over a plain socket: dumps, and requests with their answer. Private to ctl_net_*.c. */
#ifndef CTL_NETLINK_H
#define CTL_NETLINK_H

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

/* A request under construction: header, family's struct, attributes. */
struct ctl_request {
    union {
        struct nlmsghdr header;
        char bytes[512];
    };
};

/* Message (type) with (flags) besides REQUEST; (body) of (body_bytes) follows the header. */
void ctl_request_init(struct ctl_request *r, uint16_t type, uint16_t flags, const void *body,
                      size_t body_bytes);
/* -EMSGSIZE: no room. */
int ctl_request_put(struct ctl_request *r, uint16_t type, const void *data, size_t bytes);

/* Send it and wait for the kernel's verdict: 0 or -errno. */
int ctl_request_do(struct ctl_request *r);

/* Dump (type) of (family) and call (each) with every message; nonzero from it ends the dump. */
int ctl_netlink_dump(uint16_t type, uint8_t family,
                     int (*each)(void *ctx, struct nlmsghdr *message), void *ctx);

/* Attributes of a message whose own struct has (body_bytes), by type; missing ones are NULL. */
void ctl_netlink_attributes(struct nlmsghdr *message, size_t body_bytes, struct rtattr **out,
                            unsigned count);

/* The attribute's value as a number; 0 when it is missing or has another size. */
uint32_t ctl_netlink_u32(struct rtattr *attribute);

#endif
