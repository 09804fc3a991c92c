/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four queues, a thread each, against a host in a fifth thread behind the shared-memory face. For
 * ThreadSanitizer as much as for the counting: it sees every access of the four.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "hvh_shm.h"
#include "hvhost.h"
#include "netvsc.h"
#include "netvsc_queue.h"
#include "vmbus.h"

#define QUEUES 4u
#define FLOWS 32u
#define BURSTS 200u
#define SENT 2000u /* per queue */
#define WAIT_NS 30000000000ull

static const uint8_t card_mac[6] = {0x00, 0x15, 0x5d, 0xaa, 0xbb, 0xcc};

struct side {
    char base[64], dir[80];
    struct hvhost *host;
    struct hvhost_nic *card;
    struct hvhost_port *port;
    _Atomic bool go, over, quit; /* send bursts; they are sent; end */
    _Atomic uint64_t far_frames; /* that came out of the card */
    _Atomic uint64_t delivered;  /* to the card, once over */
    struct netvsc *nic;
    _Atomic uint64_t rx[QUEUES];
    _Atomic unsigned done; /* queues whose frames are all sent and completed */
};

struct worker {
    struct side *side;
    unsigned q;
    pthread_t thread;
    unsigned sent;
    bool done;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- the host -------------------------------------------------------------------------------- */

static void on_far(void *ctx, const struct hvhost_frame *frame)
{
    struct side *s = ctx;

    (void)frame;
    s->far_frames++;
}

static void burst(struct side *s)
{
    uint8_t frame[66] = {0};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

    memcpy(frame, card_mac, 6);
    frame[6] = 2;
    frame[12] = 8;
    frame[14] = 0x45;
    frame[23] = 6; /* TCP */
    frame[26] = frame[30] = 10;
    for (unsigned flow = 0; flow < FLOWS; flow++) {
        frame[35] = (uint8_t)flow;
        hvhost_port_send(s->port, &out);
    }
}

static void *host_thread(void *ctx)
{
    struct side *s = ctx;
    struct hvhost_nic_stats stats;
    unsigned bursts = 0;

    while (!s->quit) {
        if (s->go && bursts < BURSTS && bursts++ < BURSTS)
            burst(s);
        hvhost_step(s->host, now_ns());
        if (bursts == BURSTS && !s->over) {
            hvhost_nic_stats(s->card, &stats);
            s->delivered = stats.rx_frames;
            s->over = true;
        }
        sched_yield();
    }
    return NULL;
}

static int setup_host(void **state, bool rings)
{
    struct hvhost_nic_config config = {.recv_buf_bytes = 1u << 20,
                                       .send_buf_bytes = 1u << 20,
                                       .ring_bytes = 1u << 17,
                                       .max_queues = QUEUES,
                                       .no_subchannel_rings = !rings};
    static struct side side;
    struct side *s = &side;
    struct hvh_shm *shm;

    memset(s, 0, sizeof(*s));
    memcpy(config.mac, card_mac, sizeof(card_mac));
    strcpy(s->base, "/tmp/nvt-queues-XXXXXX");
    assert_non_null(mkdtemp(s->base));
    assert_true(snprintf(s->dir, sizeof(s->dir), "%.63s/bus", s->base) < (int)sizeof(s->dir));
    assert_int_equal(hvhost_create(NULL, &s->host), 0);
    assert_int_equal(hvhost_nic_add(s->host, &config, &s->card), 0);
    assert_int_equal(hvhost_port_add(s->host, on_far, s, &s->port), 0);
    assert_int_equal(hvh_shm_serve(s->host, s->dir, &shm), 0);
    *state = s;
    return 0;
}

static int setup(void **state)
{
    return setup_host(state, true);
}

static int setup_old_kernel(void **state)
{
    return setup_host(state, false);
}

static int teardown(void **state)
{
    struct side *s = *state;

    hvhost_destroy(s->host);
    assert_int_equal(rmdir(s->base), 0);
    return 0;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct side *s = ctx;

    for (unsigned i = 0; i < count; i++)
        s->rx[frames[i].queue]++;
}

static void open_and_attach(struct side *s)
{
    const struct netvsc_config config = {.queues = QUEUES, .rx = on_rx, .ctx = s};
    struct vmbus_device *dev;
    struct vmbus_info info;
    struct vmbus_bus bus;
    uint64_t start = now_ns();

    assert_int_equal(vmbus_bus_find(s->dir, &bus), 0);
    assert_int_equal(vmbus_scan_nics(&bus, &info, 1), 1);
    assert_int_equal(vmbus_open(&bus, &info, NULL, &dev), 0);
    assert_int_equal(netvsc_create(&config, &s->nic), 0);
    assert_int_equal(netvsc_attach(s->nic, dev, now_ns()), 0);
    while (netvsc_state(s->nic) == NETVSC_ATTACHING && now_ns() - start < WAIT_NS)
        netvsc_queue_poll(s->nic, 0, now_ns(), 64);
    assert_int_equal(netvsc_state(s->nic), NETVSC_UP);
}

/* Poll the worker's queue, and send until SENT are sent. */
static void turn(struct worker *w)
{
    struct side *s = w->side;
    struct netvsc_slot slot;
    struct netvsc_stats stats;

    netvsc_queue_poll(s->nic, w->q, now_ns(), 64);
    for (unsigned i = 0; i < 8 && w->sent < SENT; i++) {
        if (netvsc_queue_tx_begin(s->nic, w->q, 60, &slot))
            break;
        memset(slot.data, 0, 60);
        slot.data[0] = 2; /* to the far end */
        memcpy(slot.data + 6, card_mac, sizeof(card_mac));
        netvsc_queue_tx_commit(s->nic, w->q, &slot, 60);
        w->sent++;
    }
    netvsc_queue_flush(s->nic, w->q);
    if (w->done) /* queue 0's thread may be detaching, which ends the queue */
        return;
    netvsc_queue_stats(s->nic, w->q, &stats);
    w->done = stats.tx_completed == SENT;
    s->done += w->done;
}

static void *worker_thread(void *ctx)
{
    struct worker *w = ctx;

    while (!w->side->quit) {
        turn(w);
        sched_yield();
    }
    return NULL;
}

static uint64_t received(const struct side *s)
{
    uint64_t frames = 0;

    for (unsigned q = 0; q < QUEUES; q++)
        frames += s->rx[q];
    return frames;
}

/* Queue 0's thread: the table changes now and then until all is sent and received. */
static void run(struct worker *w)
{
    struct side *s = w->side;
    uint64_t start = now_ns();
    struct netvsc_rss rss;
    unsigned turns = 0;

    s->go = true;
    while ((s->done < QUEUES || !s->over || received(s) != s->delivered) &&
           now_ns() - start < WAIT_NS) {
        turn(w);
        if (++turns % 64 == 0 && netvsc_rss_get(s->nic, &rss) != -EINPROGRESS) {
            for (unsigned i = 0; i < NETVSC_RETA_ENTRIES; i++)
                rss.reta[i] = (uint8_t)((i + turns / 64) % QUEUES);
            assert_int_equal(netvsc_rss_set(s->nic, &rss), 0);
        }
        sched_yield();
    }
    start = now_ns();
    netvsc_detach(s->nic, start);
    while (netvsc_state(s->nic) != NETVSC_DOWN && now_ns() - start < WAIT_NS)
        netvsc_queue_poll(s->nic, 0, now_ns(), 64);
    assert_int_equal(netvsc_state(s->nic), NETVSC_DOWN);
}

static void each_queue_has_a_thread_and_nothing_is_lost(void **state)
{
    struct side *s = *state;
    static struct worker worker[QUEUES]; /* outlives a failed check */
    struct netvsc_stats stats;
    struct hvhost_nic_stats host_stats;
    pthread_t host;

    assert_int_equal(pthread_create(&host, NULL, host_thread, s), 0);
    open_and_attach(s);
    assert_int_equal(netvsc_info(s->nic)->queues, QUEUES);
    for (unsigned q = 0; q < QUEUES; q++)
        worker[q] = (struct worker){.side = s, .q = q};
    for (unsigned q = 1; q < QUEUES; q++)
        assert_int_equal(pthread_create(&worker[q].thread, NULL, worker_thread, &worker[q]), 0);
    run(&worker[0]);
    s->quit = true;
    for (unsigned q = 1; q < QUEUES; q++)
        pthread_join(worker[q].thread, NULL);
    pthread_join(host, NULL);
    for (unsigned q = 0; q < QUEUES; q++)
        assert_true(s->rx[q] > 0);
    assert_int_equal(received(s), s->delivered);
    assert_int_equal(s->far_frames, QUEUES * SENT);
    netvsc_stats(s->nic, &stats);
    assert_int_equal(stats.rx_frames, s->delivered);
    assert_int_equal(stats.tx_completed, QUEUES * SENT);
    assert_int_equal(stats.tx_lost, 0);
    hvhost_nic_stats(s->card, &host_stats);
    assert_int_equal(host_stats.subchannel_opens, QUEUES - 1);
    assert_int_equal(host_stats.strict_xid + host_stats.strict_nvs + host_stats.strict_close, 0);
    assert_int_equal(host_stats.strict_doorbell, 0);
    netvsc_destroy(s->nic);
}

/* uio_hv_generic before Linux 5.0: no channels/RELID/ring anywhere. */
static void a_kernel_that_shows_no_rings_has_one_queue(void **state)
{
    struct side *s = *state;
    pthread_t host;

    assert_int_equal(pthread_create(&host, NULL, host_thread, s), 0);
    open_and_attach(s);
    assert_int_equal(netvsc_info(s->nic)->queues, 1);
    s->go = true;
    for (uint64_t start = now_ns(); now_ns() - start < WAIT_NS;) {
        netvsc_poll(s->nic, now_ns(), 64);
        if (s->over && s->rx[0] == s->delivered)
            break;
        sched_yield();
    }
    assert_int_equal(s->rx[0], s->delivered);
    netvsc_destroy(s->nic);
    s->quit = true;
    pthread_join(host, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_queue_has_a_thread_and_nothing_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_kernel_that_shows_no_rings_has_one_queue,
                                        setup_old_kernel, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
