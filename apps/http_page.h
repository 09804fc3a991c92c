/* SPDX-License-Identifier: BSD-3-Clause */
/* The built-in page: the NIC's counters, live. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stdbool.h>

#include "netvsc_netif.h"

struct http_page {
    const struct netvsc_netif *netif;
};

/* For struct http_site; (ctx) is a struct http_page. 0 or -errno. */
int http_page_write(void *ctx, bool json, int fd);

#endif
