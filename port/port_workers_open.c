/* SPDX-License-Identifier: BSD-3-Clause */
/* What the processes share, made before the first fork; and looking at it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "netvsc_netif_worker.h"
#include "port_workers_var.h"

bool port_workers_gone(const struct port_workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (w->seat[i].pid)
            return false;
    return true;
}

int port_workers_failure(const struct port_workers *w)
{
    return w->failure;
}

bool port_workers_look(const struct port_workers *w, unsigned index, uint64_t now_ns,
                       struct port_worker_look *out)
{
    const struct port_seat *seat = &w->seat[index];

    if (index >= w->count)
        return false;
    *out = (struct port_worker_look){.pid = (int)seat->pid,
                                     .serving = seat->serving,
                                     .age_ns = seat->pid ? now_ns - seat->started_ns : 0,
                                     .starts = seat->starts};
    return true;
}

static int open_wakes(struct port_workers *w)
{
    w->owner_wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->owner_wake < 0)
        return -errno;
    for (unsigned i = 0; i < w->config.wanted; i++) {
        w->seat[i].wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (w->seat[i].wake < 0)
            return -errno;
    }
    return 0;
}

int port_workers_open(const struct port_workers_config *config, struct port_workers **out)
{
    struct port_workers *w = calloc(1, sizeof(*w));
    int rc;

    *out = NULL;
    if (!w)
        return -ENOMEM;
    w->config = *config;
    w->owner_wake = -1;
    for (unsigned i = 0; i < PORT_WORKERS_MAX; i++)
        w->seat[i].wake = w->seat[i].death = -1;
    w->board_bytes = sizeof(*w->board) + config->wanted * sizeof(w->board->desk[0]);
    w->board = mmap(NULL, w->board_bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    rc = w->board == MAP_FAILED || port_workers_ends_open(w) ? -errno : open_wakes(w);
    if (rc) {
        port_workers_close(w);
        return rc;
    }
    netvsc_netif_alone(config->nif);
    port_workers_hook_owner(w);
    *out = w;
    return 0;
}

void port_workers_close(struct port_workers *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < PORT_WORKERS_MAX; i++)
        if (w->seat[i].wake >= 0)
            close(w->seat[i].wake);
    if (w->owner_wake >= 0)
        close(w->owner_wake);
    if (w->board != MAP_FAILED)
        munmap(w->board, w->board_bytes);
    port_workers_ends_close(w);
    free(w);
}
