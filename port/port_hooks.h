/* SPDX-License-Identifier: BSD-3-Clause */
/* Places where lwIP asks us. Included by lwIP's sources only. */
#ifndef PORT_HOOKS_H
#define PORT_HOOKS_H

#include "lwip/ip_addr.h"

/* Initial sequence number of a connection nobody else can guess (RFC 6528). Ports in host byte
 * order. */
u32_t port_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
               u16_t remote_port);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port)                                  \
    port_isn(local, local_port, remote, remote_port)

#endif
