/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_BYTES (64u << 10)
/* The kernel answers at once; a bound all the same. */
#define ANSWER_S 5

void ctl_request_init(struct ctl_request *r, uint16_t type, uint16_t flags, const void *body,
                      size_t body_bytes)
{
    memset(r, 0, sizeof(*r));
    r->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_bytes);
    r->header.nlmsg_type = type;
    r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    memcpy(r->bytes + NLMSG_HDRLEN, body, body_bytes);
}

int ctl_request_put(struct ctl_request *r, uint16_t type, const void *data, size_t bytes)
{
    const size_t at = NLMSG_ALIGN(r->header.nlmsg_len);
    const struct rtattr head = {.rta_len = (uint16_t)RTA_LENGTH(bytes), .rta_type = type};

    if (bytes > sizeof(r->bytes) || at + RTA_SPACE(bytes) > sizeof(r->bytes))
        return -EMSGSIZE;
    memcpy(r->bytes + at, &head, sizeof(head));
    memcpy(r->bytes + at + RTA_LENGTH(0), data, bytes);
    r->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(bytes));
    return 0;
}

static int open_and_send(const struct ctl_request *r)
{
    const struct timeval limit = {.tv_sec = ANSWER_S};
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int rc;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
        sendto(fd, r->bytes, r->header.nlmsg_len, 0, (const struct sockaddr *)&kernel,
               sizeof(kernel)) == (ssize_t)r->header.nlmsg_len)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

/* The error code in a message of type NLMSG_ERROR; 0 = done. */
static int error_of(struct nlmsghdr *message)
{
    struct nlmsgerr error;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
        return -EPROTO;
    memcpy(&error, NLMSG_DATA(message), sizeof(error));
    return error.error;
}

#define MORE 1

/* All messages of one answer: MORE, 0 at the end of the dump, or what (each) or the kernel said. */
static int walk(char *bytes, size_t len, int (*each)(void *ctx, struct nlmsghdr *message),
                void *ctx)
{
    struct nlmsghdr *m = (struct nlmsghdr *)(void *)bytes;
    int rc = 0;

    for (; rc == 0 && NLMSG_OK(m, len); m = NLMSG_NEXT(m, len)) {
        if (m->nlmsg_type == NLMSG_DONE)
            return 0;
        if (m->nlmsg_type == NLMSG_ERROR)
            return error_of(m);
        rc = each ? each(ctx, m) : 0;
    }
    return rc ? rc : MORE;
}

static int converse(const struct ctl_request *r, int (*each)(void *ctx, struct nlmsghdr *message),
                    void *ctx)
{
    char *answer = malloc(ANSWER_BYTES);
    const int fd = answer ? open_and_send(r) : -ENOMEM;
    int rc = fd < 0 ? fd : MORE;

    while (rc == MORE) {
        const ssize_t got = recv(fd, answer, ANSWER_BYTES, 0);

        if (got <= 0)
            rc = got < 0 ? -errno : -EPROTO;
        else
            rc = walk(answer, (size_t)got, each, ctx);
    }
    if (fd >= 0)
        close(fd);
    free(answer);
    return rc;
}

int ctl_request_do(struct ctl_request *r)
{
    r->header.nlmsg_flags |= NLM_F_ACK;
    return converse(r, NULL, NULL);
}

int ctl_netlink_dump(uint16_t type, uint8_t family,
                     int (*each)(void *ctx, struct nlmsghdr *message), void *ctx)
{
    struct ctl_request r;
    /* Every dump's own struct starts with the family; the longest is that of a route. */
    const struct rtmsg body = {.rtm_family = family};

    ctl_request_init(&r, type, NLM_F_DUMP, &body, sizeof(body));
    return converse(&r, each, ctx);
}

void ctl_netlink_attributes(struct nlmsghdr *message, size_t body_bytes, struct rtattr **out,
                            unsigned count)
{
    char *bytes = NLMSG_DATA(message);
    struct rtattr *a = (struct rtattr *)(void *)(bytes + NLMSG_ALIGN(body_bytes));
    long len = (long)message->nlmsg_len - (long)NLMSG_SPACE(body_bytes);

    memset(out, 0, count * sizeof(out[0]));
    for (; len > 0 && RTA_OK(a, (unsigned)len); a = RTA_NEXT(a, len)) {
        if (a->rta_type < count)
            out[a->rta_type] = a;
    }
}

uint32_t ctl_netlink_u32(struct rtattr *attribute)
{
    uint32_t value = 0;

    if (attribute && RTA_PAYLOAD(attribute) == sizeof(value))
        memcpy(&value, RTA_DATA(attribute), sizeof(value));
    return value;
}
