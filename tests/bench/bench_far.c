/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The in-process face gives its guest memory that children share, so after a fork the child's copy
 * of the host serves the parent's driver, and neither sees more of the other than guest memory: as
 * across a real bus. The parent's copy of the host is never turned again.
 *
 * The generator owes frames by the clock. What it could not put on the switch in time it does not
 * pile up beyond a batch: a rate it cannot keep is seen in (offered). Orders go through a page of
 * their own: the parent writes a rate and counts up, the child writes its books and counts up too.
 */
#include "bench_far.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_min_host.h"
#include "hvh_var.h"

#define BATCH 64u           /* frames between two steps of the host, at most */
#define BATCH_BYTES 100000u /* and of long ones */
#define DEBT_MAX 256u       /* frames it may be late with */
#define FRAME_BYTES_MAX 65536u
#define STOP (UINT64_MAX - 1)

struct bench_far_shared {
    _Alignas(64) atomic_uint asked;
    uint64_t per_s;
    _Alignas(64) atomic_uint answered;
    struct bench_far_count count;
    char wrong[256];
};

struct generator {
    struct bench_far_config config;
    struct bench_min_host min;
    uint64_t per_s, begin_ns, owed; /* frames put there since (begin_ns) */
    uint64_t offered;
};

static uint64_t copied_out; /* frames, in the child */

void bench_far_deliver(void *ctx, const struct hvhost_frame *frame)
{
    static uint8_t copy[FRAME_BYTES_MAX];
    const struct vmbus_region *send = &((const struct bench_card *)ctx)->memory.send;

    if (frame->data >= send->base && frame->data < send->base + send->len_bytes &&
        frame->len_bytes <= sizeof(copy))
        memcpy(copy, frame->data, frame->len_bytes);
    atomic_signal_fence(memory_order_seq_cst); /* the copy is made although nobody looks */
    copied_out++;
}

/* ---- the child ------------------------------------------------------------------------------- */

/*
 * Frames between two steps of the host: long ones would be out of the caches before they are seen.
 */
static unsigned batch_of(const struct generator *g)
{
    const uint32_t fit = BATCH_BYTES / (g->config.frame.len_bytes + 1);

    return fit > BATCH ? BATCH : fit;
}

/* How many frames are due. */
static unsigned due(struct generator *g, uint64_t now_ns)
{
    const unsigned batch = batch_of(g);
    uint64_t wanted;

    if (g->per_s == BENCH_FAR_ROOM || g->per_s == BENCH_FAR_SILENT)
        return g->per_s ? batch : 0;
    wanted = (uint64_t)((double)(now_ns - g->begin_ns) * 1e-9 * (double)g->per_s);
    if (wanted - g->owed > DEBT_MAX)
        g->owed = wanted - DEBT_MAX;
    return wanted - g->owed < batch ? (unsigned)(wanted - g->owed) : batch;
}

/* Frames for the emulated host's switch, and its turn. */
static void turn_host(struct generator *g, unsigned count, uint64_t now_ns)
{
    struct bench_card *card = g->config.card;

    for (unsigned i = 0; i < count; i++) {
        if (g->per_s == BENCH_FAR_ROOM && hvh_switch_room(card->port, 1) == 0)
            break;
        hvhost_port_send(card->port, &g->config.frame);
        g->offered++;
    }
    hvhost_step(card->host, now_ns);
}

static void turn(struct generator *g, uint64_t now_ns)
{
    const unsigned count = due(g, now_ns);

    g->owed += count;
    if (g->config.minimal)
        bench_min_host_offer(&g->min, g->config.frame.data, g->config.frame.len_bytes, count);
    else
        turn_host(g, count, now_ns);
}

static struct bench_far_count count_of(const struct generator *g)
{
    struct hvhost_nic_stats stats;

    if (g->config.minimal)
        return (struct bench_far_count){.offered = g->min.offered,
                                        .drop_section = g->min.drop_section,
                                        .drop_ring = g->min.drop_ring};
    hvhost_nic_stats(g->config.card->card, &stats);
    return (struct bench_far_count){.offered = g->offered,
                                    .drop_section = stats.rx_drop_section,
                                    .drop_ring = stats.rx_drop_ring,
                                    .sent = copied_out};
}

/* Take the order: false for the last one. */
static bool obey(struct bench_far_shared *s, struct generator *g)
{
    const char *wrong = hvhost_audit(g->config.card->host);

    g->per_s = s->per_s;
    g->begin_ns = bench_now_ns();
    g->owed = 0;
    s->count = count_of(g);
    (void)snprintf(s->wrong, sizeof(s->wrong), "%s", wrong ? wrong : "");
    return g->per_s != STOP;
}

static void host_main(struct bench_far_shared *s, struct generator *g)
{
    unsigned seen = 0;

    for (;;) {
        const unsigned asked = atomic_load_explicit(&s->asked, memory_order_acquire);

        if (asked != seen) {
            const bool more = obey(s, g);

            seen = asked;
            atomic_store_explicit(&s->answered, asked, memory_order_release);
            if (!more)
                return;
        }
        turn(g, bench_now_ns());
    }
}

/* ---- the parent ------------------------------------------------------------------------------ */

int bench_far_start(struct bench_far *f, const struct bench_far_config *config)
{
    struct generator g = {.config = *config};
    const struct bench_card *card = config->card;
    void *shared = mmap(NULL, sizeof(struct bench_far_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *f = (struct bench_far){.shared = shared};
    if (shared == MAP_FAILED)
        return -errno;
    if (config->minimal &&
        bench_min_host_open(&g.min, &card->memory, netvsc_info(card->nic)->recv_section_bytes,
                            config->minimal)) {
        fprintf(stderr, "bench: cannot make a minimal host\n");
        return -EINVAL;
    }
    f->pid = fork();
    if (f->pid < 0) {
        perror("bench: fork");
        return -errno;
    }
    if (f->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(BENCH_FAR_CPU);
        host_main(f->shared, &g);
        _exit(0);
    }
    free(g.min.queue); /* the child has its own */
    bench_pin(BENCH_DRIVER_CPU);
    return 0;
}

void bench_far_rate(struct bench_far *f, uint64_t per_s, struct bench_far_count *out)
{
    struct bench_far_shared *s = f->shared;
    const unsigned order = atomic_load_explicit(&s->asked, memory_order_relaxed) + 1;

    s->per_s = per_s;
    atomic_store_explicit(&s->asked, order, memory_order_release);
    while (atomic_load_explicit(&s->answered, memory_order_acquire) != order)
        continue;
    if (out)
        *out = s->count;
}

void bench_far_pause(struct bench_far *f, bool on)
{
    kill(f->pid, on ? SIGSTOP : SIGCONT);
    waitpid(f->pid, NULL, on ? WUNTRACED : WCONTINUED);
}

const char *bench_far_stop(struct bench_far *f)
{
    bench_far_rate(f, STOP, NULL);
    waitpid(f->pid, NULL, 0);
    return f->shared->wrong[0] ? f->shared->wrong : NULL;
}
