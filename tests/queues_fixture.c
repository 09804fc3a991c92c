/* SPDX-License-Identifier: BSD-3-Clause */
#include "queues_fixture.h"

#include <string.h>

#define FRAME_BYTES 66u

void queues_start(struct netif_fixture *f, uint32_t queues)
{
    bench_init(f);
    f->card_config.max_queues = 64;
    f->config.queues = queues;
    bench_start(f);
}

void queues_up(struct netif_fixture *f, uint32_t queues)
{
    queues_start(f, queues);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
}

void queues_stop(struct netif_fixture *f)
{
    bench_check_strict(f);
    netvsc_detach(f->nic, f->now_ns);
    bench_until(f, NETVSC_DOWN);
    bench_check_strict(f);
    bench_stop(f);
}

void queues_fault(struct netif_fixture *f, enum hvhost_fault_on on, enum hvhost_fault_act act,
                  uint64_t arg)
{
    const struct hvhost_fault what = {.on = on, .act = act, .arg = arg};

    hvhost_fault_arm(f->card, &what);
}

void queues_flow_send(struct netif_fixture *f, unsigned flow)
{
    static const uint8_t head[] = {0x08, 0x00, 0x45, 0,  0, 52, 0, 0,  0, 0, 64,
                                   6,    0,    0,    10, 0, 0,  1, 10, 0, 0, 2};
    uint8_t frame[FRAME_BYTES] = {0};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

    memcpy(frame, f->card_config.mac, 6);
    frame[6] = 2;
    memcpy(frame + 12, head, sizeof(head));
    frame[34] = 0x10;
    frame[35] = (uint8_t)flow;
    frame[37] = 80;
    hvhost_port_send(f->port, &out);
}

void queues_flows_send(struct netif_fixture *f, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned flow = 0; flow < QUEUES_FLOWS; flow++)
            queues_flow_send(f, flow);
        bench_turn(f, 2);
    }
}

uint64_t queues_received(const struct netif_fixture *f, unsigned q)
{
    struct netvsc_stats stats;

    netvsc_queue_stats(f->nic, q, &stats);
    return stats.rx_frames;
}

void queues_each_sends(struct netif_fixture *f)
{
    uint32_t queues = netvsc_info(f->nic)->queues;
    struct netvsc_stats stats;
    struct netvsc_slot slot;

    bench_turn(f, 1);
    for (unsigned q = 0; q < queues; q++) {
        assert_int_equal(netvsc_queue_tx_begin(f->nic, q, 60, &slot), 0);
        f->begins++;
        memset(slot.data, (int)q, 60);
        netvsc_queue_tx_commit(f->nic, q, &slot, 60);
    }
    bench_turn(f, 3);
    for (unsigned q = 0; q < queues; q++) {
        netvsc_queue_stats(f->nic, q, &stats);
        assert_int_equal(stats.tx_completed, 1);
        assert_int_equal(netvsc_queue_outstanding(f->nic, q), 0);
    }
}
