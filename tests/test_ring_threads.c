/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends at once, in two threads: a stream of packets through a small ring arrives whole and in
 * order, and both ends sleep for real, so that a wake-up lost to a missing barrier ends in a
 * time-out. Under ThreadSanitizer every missing acquire or release is an error too.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "vmbus_ring_var.h"

#define PACKETS 100000u
#define PATIENCE_S 30

struct stream {
    struct vmbus_tx_ring tx;
    struct vmbus_rx_ring rx;
    sem_t data_bell;
    sem_t room_bell;
    uint64_t sent;
    uint64_t received;
    unsigned long slept_full;
    unsigned long slept_empty;
    const char *failure; /* of the consumer */
    uint8_t bounce[VMBUS_PKT_BYTES_MAX];
};

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Sum that depends on the order of bytes and packets. */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 0x100000001B3u;
    return sum;
}

/* Until the other end rings. False: it never did. */
static bool wait_for(sem_t *bell)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return sem_timedwait(bell, &until) == 0;
}

static void publish(struct stream *s)
{
    if (vmbus_tx_publish(&s->tx))
        sem_post(&s->data_bell);
}

static bool produce_one(struct stream *s, const struct vmbus_send *pkt)
{
    while (vmbus_tx_reserve(&s->tx, vmbus_tx_len(pkt) + VMBUS_PKT_TRAILER_BYTES, 0) != 0) {
        publish(s);
        if (!vmbus_tx_block(&s->tx))
            continue;
        s->slept_full++;
        if (!wait_for(&s->room_bell))
            return false;
    }
    vmbus_tx_write(&s->tx, pkt);
    return true;
}

static void *produce(void *arg)
{
    struct stream *s = arg;
    uint8_t payload[600];
    uint32_t random = 1;

    for (uint32_t i = 0; i < PACKETS; i++) {
        uint32_t len = next_random(&random) % (uint32_t)sizeof(payload);
        const struct vmbus_send pkt = {
            .type = VMBUS_PKT_INBAND, .xid = i, .payload = payload, .payload_bytes = len};
        for (uint32_t n = 0; n < len; n += 61)
            payload[n] = (uint8_t)(random >> (n % 24));
        if (!produce_one(s, &pkt))
            return s;
        uint8_t padding[8] = {0};
        s->sent = sum_bytes(s->sent, payload, len);
        s->sent = sum_bytes(s->sent, padding, (8 - len % 8) % 8);
        if (random % 8 == 0)
            publish(s);
    }
    publish(s);
    return NULL;
}

/* Sleep unless there is something after all. False: a wake-up was lost. */
static bool consumer_sleep(struct stream *s)
{
    vmbus_rx_unmask(&s->rx);
    if (!vmbus_rx_pending(&s->rx)) {
        s->slept_empty++;
        if (!wait_for(&s->data_bell))
            return false;
    }
    vmbus_rx_mask(&s->rx);
    return true;
}

static void *consume(void *arg)
{
    struct stream *s = arg;
    struct vmbus_rx_view view = {0};
    uint32_t random = 77;

    for (uint32_t i = 0; i < PACKETS;) {
        int got = vmbus_rx_peek(&s->rx, &view);
        if (got == 1) {
            if (view.desc.xid != i++)
                s->failure = "out of order";
            s->received = sum_bytes(s->received, view.bytes + 16, view.len_bytes - 16);
            vmbus_rx_consume(&s->rx, &view);
        }
        if (got < 0)
            s->failure = "corrupt";
        if ((got == 0 || next_random(&random) % 8 == 0) && vmbus_rx_publish(&s->rx))
            sem_post(&s->room_bell);
        if (got == 0 && !consumer_sleep(s))
            s->failure = "nobody woke the consumer";
        if (s->failure != NULL)
            return s;
    }
    if (vmbus_rx_publish(&s->rx))
        sem_post(&s->room_bell);
    return NULL;
}

static void stream_arrives_whole_and_nobody_sleeps_for_ever(void **state)
{
    static struct stream s;
    const size_t len = 3 * VMBUS_PAGE_BYTES;
    pthread_t thread;
    void *producer_failed;

    (void)state;
    uint8_t *base = aligned_alloc(VMBUS_PAGE_BYTES, len);
    assert_non_null(base);
    memset(base, 0, len);
    struct vmbus_ring_ctl *ctl = (struct vmbus_ring_ctl *)(void *)base;
    atomic_store(&ctl->feature_bits, VMBUS_RING_FEATURE_PENDING);
    assert_int_equal(vmbus_tx_init(&s.tx, base, len), 0);
    assert_int_equal(vmbus_rx_init(&s.rx, base, len, s.bounce), 0);
    sem_init(&s.data_bell, 0, 0);
    sem_init(&s.room_bell, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, produce, &s), 0);
    void *consumer_failed = consume(&s);
    pthread_join(thread, &producer_failed);
    if (s.failure != NULL)
        fail_msg("%s", s.failure);
    assert_null(consumer_failed);
    assert_null(producer_failed);
    assert_int_equal(s.received, s.sent);
    print_message("slept: %lu full, %lu empty\n", s.slept_full, s.slept_empty);
    sem_destroy(&s.data_bell);
    sem_destroy(&s.room_bell);
    free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_arrives_whole_and_nobody_sleeps_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
