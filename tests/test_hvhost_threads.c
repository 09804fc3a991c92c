/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host and driver in two threads, as in two processes: no wake-up is lost in either direction, and
 * the host, which allows for races here, takes no due doorbell for a surplus one.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hvh_var.h"
#include "netvsc.h"
#include "vmbus.h"

#define RING_BYTES 32768u
#define BUF_BYTES (256u * 1024u)
#define FRAMES 60000u
#define WINDOW_MAX 24u
#define PATIENCE 5000000u /* turns without progress: a few seconds */

struct world {
    struct hvhost *host;
    struct hvhost_nic *nic;
    struct hvhost_port *port;
    struct vmbus_transport t;
    uint8_t *memory;
    _Atomic uint32_t bells, interrupts;
    _Atomic bool stop;
    uint32_t next;     /* number of the frame expected back */
    uint64_t guest_ns; /* each side has a clock of its own */
};

/* ---- the host's thread ------------------------------------------------------------------ */

static void on_interrupt(void *ctx, uint32_t relid)
{
    struct world *w = ctx;

    (void)relid;
    atomic_store(&w->interrupts, 1);
}

static void on_rescinded(void *ctx)
{
    (void)ctx;
}

static void echo(void *ctx, const struct hvhost_frame *frame)
{
    struct world *w = ctx;
    uint8_t data[2048];
    const struct hvhost_frame back = {.data = data, .len_bytes = frame->len_bytes};

    memcpy(data, frame->data, frame->len_bytes);
    memcpy(data, frame->data + 6, 6);
    memcpy(data + 6, frame->data, 6);
    hvhost_port_send(w->port, &back);
}

static void *host_main(void *ctx)
{
    struct world *w = ctx;

    for (uint64_t now_ns = 1; !atomic_load(&w->stop); now_ns += 1000) {
        for (uint32_t n = atomic_exchange(&w->bells, 0); n > 0; n--)
            hvh_nic_doorbell(w->nic, w->t.primary.relid);
        if (hvhost_step(w->host, now_ns) == 0)
            sched_yield();
    }
    return NULL;
}

/* ---- the guest's memory and operations -------------------------------------------------- */

static int op_signal(void *ctx, uint32_t relid)
{
    struct world *w = ctx;

    assert_int_equal(relid, w->t.primary.relid);
    atomic_fetch_add(&w->bells, 1);
    return 0;
}

static int op_irq_enable(void *ctx, bool on)
{
    (void)ctx;
    (void)on;
    return 0;
}

static int op_irq_take(void *ctx)
{
    struct world *w = ctx;

    return atomic_exchange(&w->interrupts, 0) ? 0 : -EAGAIN;
}

static int op_subchannel_open(void *ctx, uint32_t index, struct vmbus_chan_region *out)
{
    (void)ctx;
    (void)index;
    (void)out;
    return -ENOTSUP;
}

static void op_close(void *ctx)
{
    (void)ctx; /* the host's thread must be gone first: see teardown */
}

static const struct vmbus_transport_ops transport_ops = {
    .signal = op_signal,
    .irq_enable = op_irq_enable,
    .irq_take = op_irq_take,
    .subchannel_open = op_subchannel_open,
    .close = op_close,
};

static const struct hvh_face_ops face_ops = {.interrupt = on_interrupt, .rescinded = on_rescinded};

static void world_setup(struct world *w)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = BUF_BYTES,
                                             .send_buf_bytes = BUF_BYTES};
    struct hvh_guest guest = {0};

    memset(w, 0, sizeof(*w));
    w->memory = aligned_alloc(VMBUS_PAGE_BYTES, RING_BYTES + 2 * VMBUS_PAGE_BYTES + 2 * BUF_BYTES);
    assert_non_null(w->memory);
    memset(w->memory, 0, RING_BYTES + 2 * VMBUS_PAGE_BYTES + 2 * BUF_BYTES);
    assert_int_equal(hvhost_create(NULL, &w->host), 0);
    assert_int_equal(hvhost_nic_add(w->host, &config, &w->nic), 0);
    assert_int_equal(hvhost_port_add(w->host, echo, w, &w->port), 0);

    w->t = (struct vmbus_transport){
        .ops = &transport_ops,
        .ctx = w,
        .irq_fd = -1,
        .primary = {.relid = hvh_nic_relid(w->nic),
                    .monitor_id = VMBUS_MONITOR_NONE,
                    .rings = {w->memory, RING_BYTES}},
        .int_page = {w->memory + RING_BYTES, VMBUS_PAGE_BYTES},
        .monitor_page = {w->memory + RING_BYTES + VMBUS_PAGE_BYTES, VMBUS_PAGE_BYTES},
        .recv = {w->memory + RING_BYTES + 2 * VMBUS_PAGE_BYTES, BUF_BYTES},
        .send = {w->memory + RING_BYTES + 2 * VMBUS_PAGE_BYTES + BUF_BYTES, BUF_BYTES},
        .recv_gpadl = HVH_GPADL_FIRST,
        .send_gpadl = HVH_GPADL_FIRST + 1,
    };
    guest.primary = w->t.primary;
    guest.gpadl[0] = (struct hvh_gpadl){w->t.recv_gpadl, w->t.recv};
    guest.gpadl[1] = (struct hvh_gpadl){w->t.send_gpadl, w->t.send};
    guest.gpadl_count = 2;
    hvh_rings_init(&w->t.primary.rings);
    assert_int_equal(hvh_nic_connect(w->nic, &guest, &face_ops, w), 0);
}

/* ---- the guest's thread ----------------------------------------------------------------- */

static void on_frames(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct world *w = ctx;

    for (unsigned i = 0; i < count; i++) {
        uint32_t number;

        memcpy(&number, frames[i].data + 14, sizeof(number));
        assert_int_equal(number, w->next);
        w->next++;
    }
}

static void send_burst(struct netvsc *nic, uint32_t *number, unsigned frames)
{
    while (frames-- > 0 && *number < FRAMES) {
        struct netvsc_slot slot;

        if (netvsc_tx_begin(nic, 60 + *number % 1000, &slot))
            return; /* no room: fewer this time */
        memset(slot.data, 0, 60);
        slot.data[0] = 2;
        memcpy(slot.data + 6, netvsc_info(nic)->mac, 6);
        memcpy(slot.data + 14, number, sizeof(*number));
        netvsc_tx_commit(nic, &slot, 60 + *number % 1000);
        (*number)++;
    }
}

/* Sleep as a program does: only an interrupt ends it. */
static void doze(struct world *w, struct netvsc *nic)
{
    unsigned turns;

    if (!netvsc_irq_arm(nic))
        return;
    for (turns = 0; !atomic_load(&w->interrupts) && turns < PATIENCE; turns++)
        sched_yield();
    assert_true(turns < PATIENCE);
    op_irq_take(w);
    netvsc_irq_disarm(nic);
}

static void wait_for_state(struct world *w, struct netvsc *nic, enum netvsc_state state)
{
    for (unsigned turns = 0; netvsc_state(nic) != state; turns++) {
        assert_true(turns < PATIENCE);
        w->guest_ns += 10;
        if (netvsc_poll(nic, w->guest_ns, 64) == 0)
            sched_yield();
    }
}

/*
 * A few frames at a time, and the next as soon as one is back: both sides run dry and fall asleep
 * all the time, just when the other has something for them.
 */
static void drive(struct world *w, struct netvsc *nic)
{
    uint32_t number = 0;
    unsigned idle = 0;

    while (w->next < FRAMES) {
        uint32_t window = 1 + number / 64 % WINDOW_MAX;

        if (number - w->next < window && number < FRAMES) {
            send_burst(nic, &number, 1 + number % 3);
            netvsc_flush(nic);
        }
        w->guest_ns += 10;
        if (netvsc_poll(nic, w->guest_ns, 64) > 0) {
            idle = 0;
            continue;
        }
        assert_true(idle++ < PATIENCE);
        if (number - w->next >= window && number / 1024 % 2)
            doze(w, nic);
        else
            sched_yield();
    }
}

static void no_wakeup_is_lost_and_no_doorbell_is_surplus(void **state)
{
    static struct world w;
    const struct netvsc_config config = {.rx = on_frames, .ctx = &w, .step_timeout_ms = 60000};
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;
    struct netvsc *nic;
    pthread_t thread;

    (void)state;
    world_setup(&w);
    assert_int_equal(pthread_create(&thread, NULL, host_main, &w), 0);
    assert_int_equal(vmbus_device_create(&w.t, &dev), 0);
    assert_int_equal(netvsc_create(&config, &nic), 0);
    assert_int_equal(netvsc_attach(nic, dev, w.guest_ns), 0);
    wait_for_state(&w, nic, NETVSC_UP);
    drive(&w, nic);
    netvsc_detach(nic, w.guest_ns);
    wait_for_state(&w, nic, NETVSC_DOWN);
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);

    hvhost_nic_stats(w.nic, &stats);
    assert_null(hvhost_audit(w.host));
    assert_int_equal(stats.strict_doorbell, 0);
    assert_int_equal(stats.bad_ring, 0);
    assert_int_equal(stats.rx_frames, w.next);
    assert_true(stats.interrupts > 0);
    netvsc_destroy(nic);
    hvh_nic_disconnect(w.nic);
    hvhost_destroy(w.host);
    free(w.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wakeup_is_lost_and_no_doorbell_is_surplus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
