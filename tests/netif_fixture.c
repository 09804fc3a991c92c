/* SPDX-License-Identifier: BSD-3-Clause */
#include "netif_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvs_reg.h"
#include "vmbus_transport.h"

#define MS 1000000ull
#define BUDGET 64u

static const uint8_t far_mac[6] = {0x02, 0xfa, 0, 0, 0, 1};
static const uint8_t card_mac[6] = {0x00, 0x15, 0x5d, 0xaa, 0xbb, 0xcc};

static void keep(uint8_t *to, size_t room, uint32_t *len, const uint8_t *data, uint32_t bytes)
{
    assert_true(bytes <= room);
    memcpy(to, data, bytes);
    *len = bytes;
}

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct netif_fixture *f = ctx;

    f->rx_calls++;
    f->rx_count += count;
    keep(f->rx_frame, sizeof(f->rx_frame), &f->rx_bytes, frames[count - 1].data,
         frames[count - 1].len_bytes);
}

static void on_event(void *ctx, enum netvsc_event event)
{
    struct netif_fixture *f = ctx;

    f->event_count[event]++;
}

static void on_far(void *ctx, const struct hvhost_frame *frame)
{
    struct netif_fixture *f = ctx;

    f->far_count++;
    keep(f->far_frame, sizeof(f->far_frame), &f->far_bytes, frame->data, frame->len_bytes);
}

void bench_init(struct netif_fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->now_ns = 1000 * MS;
    f->card_config.recv_buf_bytes = 1u << 20;
    f->card_config.send_buf_bytes = 1u << 20;
    f->card_config.ring_bytes = 1u << 17;
    memcpy(f->card_config.mac, card_mac, sizeof(card_mac));
    f->config.step_timeout_ms = 100;
    f->config.tx_aggregate_bytes = 1; /* a packet per frame */
}

void bench_start(struct netif_fixture *f)
{
    f->config.rx = on_rx;
    f->config.event = on_event;
    f->config.ctx = f;
    assert_int_equal(hvhost_create(NULL, &f->host), 0);
    assert_int_equal(hvhost_nic_add(f->host, &f->card_config, &f->card), 0);
    assert_int_equal(hvhost_port_add(f->host, on_far, f, &f->port), 0);
    assert_int_equal(netvsc_create(&f->config, &f->nic), 0);
}

void bench_attach(struct netif_fixture *f)
{
    struct vmbus_transport t;
    struct vmbus_device *dev;

    assert_int_equal(hvhost_nic_open(f->card, &t), 0);
    t.channels_max = f->channels_max;
    assert_int_equal(vmbus_device_create(&t, &dev), 0);
    assert_int_equal(netvsc_attach(f->nic, dev, f->now_ns), 0);
}

void bench_turn(struct netif_fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        netvsc_poll(f->nic, f->now_ns, BUDGET);
        hvhost_step(f->host, f->now_ns);
        f->now_ns += MS;
    }
}

void bench_until(struct netif_fixture *f, enum netvsc_state state)
{
    for (unsigned i = 0; i < 5000 && netvsc_state(f->nic) != state; i++)
        bench_turn(f, 1);
    assert_string_equal(netvsc_state_name(netvsc_state(f->nic)), netvsc_state_name(state));
}

void bench_come_up(struct netif_fixture *f)
{
    bench_start(f);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
}

void bench_up(struct netif_fixture *f)
{
    bench_init(f);
    bench_come_up(f);
}

void bench_stop(struct netif_fixture *f)
{
    const char *audit = hvhost_audit(f->host);

    check_books(f->nic, f->begins);
    if (audit)
        fail_msg("the host's books: %s", audit);
    netvsc_destroy(f->nic);
    hvhost_destroy(f->host);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void build_frame(uint8_t *frame, uint32_t len_bytes, uint8_t seed, bool to_card)
{
    memcpy(frame, to_card ? card_mac : far_mac, 6);
    memcpy(frame + 6, to_card ? far_mac : card_mac, 6);
    frame[12] = 0x88; /* an EtherType nobody acts on */
    frame[13] = 0xb5;
    for (uint32_t i = 14; i < len_bytes; i++)
        frame[i] = (uint8_t)(seed + i);
}

void bench_far_send(struct netif_fixture *f, uint32_t len_bytes, uint8_t seed)
{
    uint8_t frame[NETIF_FIXTURE_FRAME_MAX];
    const struct hvhost_frame out = {.data = frame, .len_bytes = len_bytes};

    build_frame(frame, len_bytes, seed, true);
    hvhost_port_send(f->port, &out);
}

int bench_send(struct netif_fixture *f, uint32_t len_bytes, uint8_t seed)
{
    struct netvsc_slot slot;
    int rc = netvsc_tx_begin(f->nic, len_bytes, &slot);

    f->begins++;
    if (rc)
        return rc;
    build_frame(slot.data, len_bytes, seed, false);
    netvsc_tx_commit(f->nic, &slot, len_bytes);
    return 0;
}

void bench_check_frame(const uint8_t *frame, uint32_t got_bytes, uint32_t len_bytes, uint8_t seed)
{
    assert_int_equal(got_bytes, len_bytes < 60 ? 60 : len_bytes);
    for (uint32_t i = 14; i < got_bytes; i++)
        assert_int_equal(frame[i], i < len_bytes ? (uint8_t)(seed + i) : 0);
}

/* ---- counters -------------------------------------------------------------------------------- */

struct netvsc_stats bench_stats(const struct netif_fixture *f)
{
    struct netvsc_stats stats;

    netvsc_stats(f->nic, &stats);
    return stats;
}

struct hvhost_nic_stats bench_host_stats(const struct netif_fixture *f)
{
    struct hvhost_nic_stats stats;

    hvhost_nic_stats(f->card, &stats);
    return stats;
}

void bench_check_strict(const struct netif_fixture *f)
{
    struct hvhost_nic_stats stats = bench_host_stats(f);

#define X(field, help)                                                                             \
    if (strncmp(#field, "strict_", 7) == 0 || strncmp(#field, "bad_", 4) == 0) {                   \
        if (stats.field)                                                                           \
            fail_msg("the host blames us: %s = %lu", #field, (unsigned long)stats.field);          \
    }
    HVHOST_NIC_STATS(X)
#undef X
}
