/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which queue the host gives a frame: its Toeplitz hash looked up in the table, as the host does
 * it. So a program that has one queue of many can choose local ports whose answers come to it.
 */
#ifndef PORT_SPREAD_H
#define PORT_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "netvsc_queue.h"

#define PORT_SPREAD_NONE UINT32_MAX /* not hashed: the host gives it to queue 0 */

/* The entry of (rss)->reta that an Ethernet frame of (bytes) is looked up in, or NONE. */
uint32_t port_spread_frame(const struct netvsc_rss *rss, const uint8_t *frame, uint32_t bytes);

/* One end of a connection, port in host byte order. */
struct port_spread_end {
    ip_addr_t addr;
    uint16_t port;
};

/* The entry for a TCP segment [or UDP datagram] from (from) to (to), or NONE. */
uint32_t port_spread_flow(const struct netvsc_rss *rss, bool udp,
                          const struct port_spread_end *from, const struct port_spread_end *to);

/*
 * For a TCP connection from (local) to (remote): a port for (local) from (first) on, of those for
 * clients (49152 to 65535, then around), for which the host gives what (remote) answers to (queue).
 * Returns it, or 0 when there is none: no entry of the table has this queue, or TCP is not hashed
 * by port. It may be in use: then ask for one behind it. A table that is changed later moves the
 * connection to another queue, as it does with those of clients.
 */
uint16_t port_spread_local_port(const struct netvsc_rss *rss, unsigned queue,
                                const ip_addr_t *local, const struct port_spread_end *remote,
                                uint16_t first);

#endif
