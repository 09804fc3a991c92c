/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's pools, in place of its memp.c.
 *
 * Theory of operation
 *
 * lwIP's own pools are arrays: sized when compiled, counted in 16 bits, and touched from end to
 * end when the program starts. These are ranges of addresses the kernel backs with memory when an
 * element is first used, so that a size costs nothing until it is needed, and the sizes in
 * lwipopts.h may be run-time values (port_tcp_connections()). A pool never grows past its size:
 * strangers cannot take more memory than the program was started for.
 *
 * Given-back elements are taken again last first, while the caches still hold them; under
 * AddressSanitizer they are poisoned meanwhile. A connection's block has our own few bytes in
 * front of it (port_tcp_table.h), and when none is left the oldest connection in TIME_WAIT gives
 * its block back: lwIP would look for that one by walking all of them.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "lwip/opt.h"

#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/memp.h"
#include "lwip/mld6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ppp/ppp_opts.h" /* how many timeouts there are */
#include "port_log.h"
#include "port_tcp_table.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

/* From this size on, pages of 2 MiB where the kernel has them. */
#define HUGE_BYTES (16u << 20)

struct element {
    struct element *next;
};

struct pool {
    uint8_t *base;
    size_t bytes;
    size_t fresh_bytes;   /* from there on never used */
    size_t stride_bytes;  /* of which lwIP sees all but (head_bytes) */
    size_t head_bytes;    /* ours, in front; zero when an element is taken */
    struct element *free; /* given back */
};

static struct pool pools[MEMP_MAX];

#define LWIP_MEMPOOL(name, num, size, desc) LWIP_MEMPOOL_DECLARE(name, num, size, desc)
#include "lwip/priv/memp_std.h"

const struct memp_desc *const memp_pools[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc) &memp_##name,
#include "lwip/priv/memp_std.h"
};

static void open_pool(memp_t type, size_t count, size_t head_bytes)
{
    struct pool *pool = &pools[type];
    void *base;

    if (pool->base)
        munmap(pool->base, pool->bytes);
    *pool = (struct pool){
        .stride_bytes = head_bytes + memp_pools[type]->size,
        .head_bytes = head_bytes,
    };
    memp_init_pool(memp_pools[type]);
    lwip_stats.memp[type] = memp_pools[type]->stats;
    if (count == 0)
        return;
    base = mmap(NULL, count * pool->stride_bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        port_log(PORT_LOG_ERROR, "no address space for %zu of lwIP's %s", count,
                 memp_pools[type]->desc);
        return; /* an empty pool, which lwIP can live with */
    }
    if (count * pool->stride_bytes >= HUGE_BYTES)
        madvise(base, count * pool->stride_bytes, MADV_HUGEPAGE); /* or each element costs a walk */
    pool->base = base;
    pool->bytes = count * pool->stride_bytes;
    memp_pools[type]->stats->avail = count;
}

/* The counts are expressions of the moment, see MEMP_NUM_TCP_PCB. */
void memp_init(void)
{
    const struct pool *pcbs = &pools[MEMP_TCP_PCB];

#define LWIP_MEMPOOL(name, num, size, desc)                                                        \
    open_pool(MEMP_##name, (size_t)(num), MEMP_##name == MEMP_TCP_PCB ? PORT_TCP_LINK_BYTES : 0);
#include "lwip/priv/memp_std.h"
    port_tcp_table_open(pcbs->base, pcbs->bytes / pcbs->stride_bytes);
}

static struct element *take(struct pool *pool)
{
    struct element *taken = pool->free;

    if (taken) {
        ASAN_UNPOISON_MEMORY_REGION(taken, pool->stride_bytes);
        pool->free = taken->next;
    } else if (pool->fresh_bytes < pool->bytes) {
        taken = (struct element *)(void *)(pool->base + pool->fresh_bytes);
        pool->fresh_bytes += pool->stride_bytes;
    }
    return taken;
}

void *memp_malloc(memp_t type)
{
    struct pool *pool = &pools[type];
    struct stats_mem *stats = memp_pools[type]->stats;
    struct element *taken = take(pool);

    if (!taken && type == MEMP_TCP_PCB && port_tcp_give_up_oldest())
        taken = take(pool);
    if (!taken) {
        stats->err++;
        return NULL;
    }
    stats->used++;
    if (stats->used > stats->max)
        stats->max = stats->used;
    memset(taken, 0, pool->head_bytes);
    return (uint8_t *)taken + pool->head_bytes;
}

void memp_free(memp_t type, void *mem)
{
    struct pool *pool = &pools[type];
    struct element *given;

    if (!mem)
        return;
    if (type == MEMP_TCP_PCB)
        port_tcp_forget(mem);
    given = (struct element *)(void *)((uint8_t *)mem - pool->head_bytes);
    given->next = pool->free;
    pool->free = given;
    memp_pools[type]->stats->used--;
    ASAN_POISON_MEMORY_REGION(given, pool->stride_bytes);
}

/* ---- pools of a program's own: as many elements as there is memory --------------------------- */

void memp_init_pool(const struct memp_desc *desc)
{
    *desc->stats = (struct stats_mem){.name = desc->desc};
}

void *memp_malloc_pool(const struct memp_desc *desc)
{
    void *mem = mem_malloc(desc->size);

    if (mem)
        desc->stats->used++;
    else
        desc->stats->err++;
    return mem;
}

void memp_free_pool(const struct memp_desc *desc, void *mem)
{
    if (!mem)
        return;
    desc->stats->used--;
    mem_free(mem);
}
