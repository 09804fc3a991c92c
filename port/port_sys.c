/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP calls: time and sequence numbers; and the sizes its options ask for. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lwip/opt.h"
#include "lwip/ip_addr.h"
#include "lwip/sys.h"
#include "port_clock.h"
#include "port_hooks.h"
#include "port_rand.h"
#include "port_tcp.h"

unsigned port_tcp_wnd_above = PORT_TCP_WND_DEFAULT - PORT_TCP_WND_MIN;
unsigned port_tcp_snd_buf_above = PORT_TCP_SND_BUF_DEFAULT - PORT_TCP_SND_BUF_MIN;

int port_tcp_sizes(uint32_t wnd_bytes, uint32_t snd_buf_bytes)
{
    if (wnd_bytes == 0)
        wnd_bytes = PORT_TCP_WND_DEFAULT;
    if (snd_buf_bytes == 0)
        snd_buf_bytes = PORT_TCP_SND_BUF_DEFAULT;
    if (wnd_bytes < PORT_TCP_WND_MIN || wnd_bytes > PORT_TCP_WND_MAX)
        return -ERANGE;
    if (snd_buf_bytes < PORT_TCP_SND_BUF_MIN || snd_buf_bytes > PORT_TCP_SND_BUF_MAX)
        return -ERANGE;
    port_tcp_wnd_above = wnd_bytes - PORT_TCP_WND_MIN;
    port_tcp_snd_buf_above = snd_buf_bytes - PORT_TCP_SND_BUF_MIN;
    return 0;
}

unsigned port_connections = PORT_CONNECTIONS_DEFAULT;

int port_tcp_connections(uint32_t count)
{
    if (count == 0)
        count = PORT_CONNECTIONS_DEFAULT;
    if (count > PORT_CONNECTIONS_MAX)
        return -ERANGE;
    port_connections = count;
    return 0;
}

/* Milliseconds, wrapping: lwIP compares by difference. */
u32_t sys_now(void)
{
    return (u32_t)(port_clock_turn_now() / PORT_NS_PER_MS);
}

/* The addresses of one connection, without padding, as the hash reads them. */
struct four_tuple {
    uint32_t local[4], remote[4];
    uint16_t local_port, remote_port;
    uint32_t version;
};

static void put_address(uint32_t out[4], const ip_addr_t *addr)
{
    if (IP_IS_V6(addr))
        memcpy(out, ip_2_ip6(addr)->addr, 16);
    else
        out[0] = ip4_addr_get_u32(ip_2_ip4(addr));
}

static struct {
    bool set;
    u32_t seq;
} isn_least;

void port_isn_beyond(const u32_t *seq)
{
    isn_least.set = seq != NULL;
    isn_least.seq = seq ? *seq + PORT_TCP_WND_MAX : 0;
}

/*
 * RFC 6528: a clock of 4 microseconds plus a keyed hash of the connection. The clock keeps old
 * segments of the same four-tuple out of the new connection, the hash keeps strangers from
 * guessing.
 */
u32_t port_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
    static uint8_t key[16];
    static bool have_key;
    struct four_tuple tuple = {
        .local_port = local_port,
        .remote_port = remote_port,
        .version = IP_IS_V6(local) ? 6 : 4,
    };
    u32_t isn;

    if (!have_key) {
        port_rand_bytes(key, sizeof(key));
        have_key = true;
    }
    put_address(tuple.local, local);
    put_address(tuple.remote, remote);
    isn = (u32_t)(port_clock_now() / (4 * PORT_NS_PER_US)) +
          (u32_t)port_siphash(key, &tuple, sizeof(tuple));
    if (isn_least.set && isn - isn_least.seq > INT32_MAX)
        isn = isn_least.seq;
    return isn;
}
