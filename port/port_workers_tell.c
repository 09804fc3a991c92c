/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peers of a worker that died.
 *
 * Theory of operation. Its connections died with it. A peer that sends learns so, for the worker
 * that gets its segments now answers them with a reset; one that only waits would wait for ever.
 * Nobody can send it a reset: it believes one with the number it waits for and no other (RFC 5961),
 * which no more than the dead lwIP's memory knew.
 *
 * But it can be made to speak. Each worker's lwIP notes on its desk between whom it has connections
 * (port_tcp_note()). Once the host's table names living workers only, the owner sends to each of
 * those peers a segment that is older than the connection, like a keep-alive probe. Whoever has the
 * connection must answer that with an acknowledgement; it comes to a worker that knows nothing of
 * it, whose reset has the right number then.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "port_workers_var.h"

#define BUDGET 64u /* per turn */

int port_workers_ends_open(struct port_workers *w)
{
    w->ends_bytes = (size_t)w->config.wanted * port_connections * sizeof(*w->ends);
    w->ends = mmap(NULL, w->ends_bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return w->ends == MAP_FAILED ? -1 : 0;
}

void port_workers_ends_close(struct port_workers *w)
{
    if (w->ends && w->ends != MAP_FAILED)
        munmap(w->ends, w->ends_bytes);
    free(w->untold);
}

struct port_tcp_end *port_workers_ends_of(const struct port_workers *w, unsigned index)
{
    return &w->ends[(size_t)index * port_connections];
}

void port_workers_ends_bury(struct port_workers *w, unsigned index)
{
    struct port_tcp_end *ends = port_workers_ends_of(w, index);
    const uint32_t used = w->board->desk[index].ends_used;
    const uint32_t most = used < port_connections ? used : port_connections;
    struct port_tcp_end *more =
        realloc(w->untold, (w->untold_count + (size_t)most) * sizeof(*more) + 1);

    for (uint32_t i = 0; more && i < most; i++)
        if (ends[i].remote_port)
            memcpy(&more[w->untold_count++], &ends[i], sizeof(*more));
    if (more)
        w->untold = more;
    memset(ends, 0, most * sizeof(*ends));
    w->board->desk[index].ends_used = 0;
}

bool port_workers_may_tell(const struct port_workers *w)
{
    if (w->untold_count == 0 || w->ending || w->steer || w->steering)
        return false;
    if (netvsc_state(w->config.nif->nic) != NETVSC_UP)
        return false;
    for (unsigned i = 0; i < w->count; i++)
        if (w->seat[i].serving)
            return true;
    return false;
}

static err_t tell(const struct port_tcp_end *end)
{
    /* As much of a connection as a probe is made of. */
    struct tcp_pcb pcb = {.local_ip = end->local,
                          .remote_ip = end->remote,
                          .local_port = end->local_port,
                          .remote_port = end->remote_port,
                          .snd_nxt = end->isn,
                          .ttl = TCP_TTL};

    return tcp_keepalive(&pcb);
}

unsigned port_workers_tell_step(struct port_workers *w)
{
    const struct netvsc_netif *nif = w->config.nif;
    unsigned done = 0;

    if (!port_workers_may_tell(w))
        return 0;
    while (done < BUDGET && w->untold_count > 0 && nif->backlog_head == nif->backlog_tail) {
        if (tell(&w->untold[w->untold_count - 1]) == ERR_MEM)
            break;
        w->untold_count--;
        w->board->stats.told++;
        done++;
    }
    return done;
}
