/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames kept by one thread and released by two others, while the first goes on receiving: each
 * section goes back to the host once, after the last look at it. Most telling under
 * ThreadSanitizer, which sees the host write to a section that somebody still reads.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "hvhost.h"
#include "netif_books.h"
#include "netvsc.h"
#include "netvsc_hold.h"
#include "vmbus.h"
#include "vmbus_transport.h"

#define FRAME_BYTES 1000u
#define ROUNDS 1500u
#define PER_ROUND 6u
#define KEPT_MAX 512u
#define WAIT_NS 20000000000ull
#define MS 1000000ull

struct kept {
    struct netvsc_hold *hold;
    const uint8_t *data;
    uint8_t seed;
};

static struct {
    struct hvhost *host;
    struct hvhost_nic *card;
    struct hvhost_port *port;
    struct netvsc *nic;
    uint64_t now_ns;
    unsigned received, held;
    pthread_mutex_t lock; /* of (kept) */
    struct kept kept[KEPT_MAX];
    unsigned count;
    _Atomic bool go, quit;
    _Atomic unsigned released, spoilt;
} t = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    pthread_mutex_lock(&t.lock);
    for (unsigned i = 0; i < count; i++) {
        struct netvsc_hold *hold = t.count < KEPT_MAX ? netvsc_frame_hold(t.nic, &frames[i]) : NULL;

        t.received++;
        if (!hold)
            continue;
        t.held++;
        t.kept[t.count++] = (struct kept){hold, frames[i].data, frames[i].data[14]};
    }
    pthread_mutex_unlock(&t.lock);
}

static bool take(struct kept *out)
{
    bool any;

    pthread_mutex_lock(&t.lock);
    any = t.go && t.count > 0;
    if (any)
        *out = t.kept[--t.count];
    pthread_mutex_unlock(&t.lock);
    return any;
}

static void *releaser(void *ctx)
{
    struct kept one;

    (void)ctx;
    for (;;) {
        if (!take(&one)) {
            if (t.quit)
                return NULL;
            sched_yield();
            continue;
        }
        for (uint32_t i = 14; i < FRAME_BYTES; i++)
            t.spoilt += one.data[i] != one.seed;
        netvsc_hold_release(one.hold);
        t.released++;
    }
}

static void turn(void)
{
    t.now_ns += MS;
    netvsc_poll(t.nic, t.now_ns, 64);
    hvhost_step(t.host, t.now_ns);
}

static void send(uint8_t seed)
{
    uint8_t frame[FRAME_BYTES];
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

    memset(frame, seed, sizeof(frame));
    memset(frame, 0xFF, 6);
    frame[6] = 2;
    frame[12] = 0x88;
    frame[13] = 0xb5;
    hvhost_port_send(t.port, &out);
}

static void bring_up(void)
{
    const struct hvhost_nic_config card = {
        .recv_buf_bytes = 1u << 17, .send_buf_bytes = 1u << 17, .ring_bytes = 1u << 17};
    const struct netvsc_config config = {.rx = on_rx};
    struct vmbus_transport transport;
    struct vmbus_device *dev;

    assert_int_equal(hvhost_create(NULL, &t.host), 0);
    assert_int_equal(hvhost_nic_add(t.host, &card, &t.card), 0);
    assert_int_equal(hvhost_port_add(t.host, NULL, NULL, &t.port), 0);
    assert_int_equal(netvsc_create(&config, &t.nic), 0);
    assert_int_equal(hvhost_nic_open(t.card, &transport), 0);
    assert_int_equal(vmbus_device_create(&transport, &dev), 0);
    assert_int_equal(netvsc_attach(t.nic, dev, t.now_ns), 0);
    for (unsigned i = 0; i < 200 && netvsc_state(t.nic) != NETVSC_UP; i++)
        turn();
    assert_int_equal(netvsc_state(t.nic), NETVSC_UP);
}

static uint64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void frames_may_be_released_by_other_threads_and_after_the_nic(void **state)
{
    struct hvhost_nic_stats host;
    struct vmbus_transport again;
    pthread_t thread[2];
    uint64_t start;

    (void)state;
    bring_up();
    t.go = true;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, releaser, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = 0; k < PER_ROUND; k++)
            send((uint8_t)(i + k));
        turn();
    }
    start = clock_ns();
    while (netvsc_held_sections(t.nic) && clock_ns() - start < WAIT_NS)
        turn();
    turn();
    assert_int_equal(netvsc_held_sections(t.nic), 0);
    assert_int_equal(t.released, t.held);
    hvhost_nic_stats(t.card, &host);
    assert_int_equal(t.received, host.rx_frames);
    assert_int_equal(host.rx_drop_section, 0);
    assert_int_equal(host.rx_completed, host.rx_packets + host.ctl_replies);
    check_books(t.nic, 0);

    /* The last release, in whichever thread, closes the device. */
    t.go = false;
    send(1);
    send(2);
    turn();
    turn();
    assert_true(t.count > 0);
    netvsc_destroy(t.nic);
    t.go = true;
    t.quit = true;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(t.released, t.held);
    assert_int_equal(t.spoilt, 0);
    assert_int_equal(hvhost_nic_open(t.card, &again), 0);
    again.ops->close(again.ctx);
    assert_null(hvhost_audit(t.host));
    hvhost_destroy(t.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_may_be_released_by_other_threads_and_after_the_nic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
