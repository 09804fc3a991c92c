/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that has a queue dies at an instruction chosen by the test, which steps it there with
 * ptrace(2). Whatever it was at, afterwards the host has every receive section back and we every
 * send section, once, and the books of both sides balance.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netif_fixture.h"
#include "netvsc_hold.h"
#include "netvsc_worker.h"
#include "vmbus_heap.h"

#define FLOWS 64u
#define KEPT_MAX 256u
#if defined(__SANITIZE_ADDRESS__)
#define DEATHS 12u /* several times the instructions, and a system call for each */
#else
#define DEATHS 40u
#endif
#define STEPS_MAX 1000000u

static struct netif_fixture f;
static struct netvsc_hold *kept[KEPT_MAX];
static unsigned kept_count;
static bool keeping;
static uint64_t control_packets; /* that the host counts as completed, but not as data packets */

/* Every other frame is kept, as lwIP keeps what its user has not read. */
static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; keeping && i < count && kept_count < KEPT_MAX; i += 2) {
        kept[kept_count] = netvsc_frame_hold(f.nic, &frames[i]);
        kept_count += kept[kept_count] != NULL;
    }
}

static void setup(void)
{
    vmbus_heap_shared(true);
    bench_init(&f);
    f.card_config.max_queues = 2;
    f.card_config.monitor_latency_us = 1; /* a doorbell that rings in shared memory */
    f.config.queues = 2;
    f.config.tx_aggregate_bytes = 0;
    bench_start(&f);
    netvsc_destroy(f.nic);
    f.config.rx = on_rx;
    assert_int_equal(netvsc_create(&f.config, &f.nic), 0);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(netvsc_info(f.nic)->queues, 2);
    bench_turn(&f, 4);
    control_packets = bench_host_stats(&f).rx_completed - bench_host_stats(&f).rx_packets;
    keeping = false;
    kept_count = 0;
}

static void teardown(void)
{
    netvsc_detach(f.nic, f.now_ns);
    bench_until(&f, NETVSC_DOWN);
    bench_check_strict(&f);
    assert_null(hvhost_audit(f.host));
    assert_null(netvsc_audit(f.nic));
    netvsc_destroy(f.nic);
    hvhost_destroy(f.host);
    vmbus_heap_shared(false);
}

/* Segments of FLOWS flows, about half of them for queue 1. */
static void far_sends(void)
{
    static const uint8_t head[] = {0x08, 0x00, 0x45, 0,  0, 52, 0, 0,  0, 0, 64,
                                   6,    0,    0,    10, 0, 0,  1, 10, 0, 0, 2};

    for (unsigned flow = 0; flow < FLOWS; flow++) {
        uint8_t frame[66] = {0};
        const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

        memcpy(frame, f.card_config.mac, 6);
        frame[6] = 2;
        memcpy(frame + 12, head, sizeof(head));
        frame[34] = 0x10;
        frame[35] = (uint8_t)flow;
        frame[37] = 80;
        hvhost_port_send(f.port, &out);
    }
}

static void send_one(uint32_t len_bytes)
{
    struct netvsc_slot slot;

    if (netvsc_queue_tx_begin(f.nic, 1, len_bytes, &slot))
        return;
    memset(slot.data, 2, len_bytes);
    if (len_bytes == 99)
        netvsc_queue_tx_cancel(f.nic, 1, &slot);
    else
        netvsc_queue_tx_commit(f.nic, 1, &slot, len_bytes);
}

/* What a worker does in a turn, in all variants. */
static void turn(void)
{
    netvsc_queue_poll(f.nic, 1, f.now_ns, 24);
    for (unsigned i = 0; i < 6; i++)
        send_one(i % 3 ? 60 + i : 1200);
    send_one(99);
    while (kept_count > 3)
        netvsc_hold_release(kept[--kept_count]);
    netvsc_queue_flush(f.nic, 1);
}

/* ---- the child ------------------------------------------------------------------------------- */

static pid_t child_begins(void)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(77);
        raise(SIGSTOP);
        keeping = true;
        for (unsigned i = 0; i < 2; i++)
            turn();
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFSTOPPED(status));
    return pid;
}

/* Step it (steps) instructions, fewer if it ends before. Returns how many. */
static unsigned child_steps(pid_t pid, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        int status;

        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
        if (WSTOPSIG(status) == SIGSTOP)
            return i;
        assert_int_equal(WSTOPSIG(status), SIGTRAP);
    }
    return steps;
}

static void child_dies(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* Completions, frames and frames sent wait in and around the rings of queue 1. */
static void fill_rings(void)
{
    turn();
    hvhost_step(f.host, f.now_ns += 1000000);
    far_sends();
    hvhost_step(f.host, f.now_ns += 1000000);
    far_sends();
    hvhost_step(f.host, f.now_ns += 1000000);
}

static void check_order(unsigned step)
{
    struct hvhost_nic_stats s;
    const char *audit;

    bench_turn(&f, 12);
    s = bench_host_stats(&f);
    audit = hvhost_audit(f.host);
    if (s.strict_xid)
        fail_msg("step %u: a completion for nothing", step);
    if (audit || netvsc_audit(f.nic))
        fail_msg("step %u: %s / %s", step, audit ? audit : "", netvsc_audit(f.nic));
    if (s.rx_packets + control_packets != s.rx_completed)
        fail_msg("step %u: %llu packets, %llu completed", step, (unsigned long long)s.rx_packets,
                 (unsigned long long)s.rx_completed);
    if (netvsc_tx_outstanding(f.nic))
        fail_msg("step %u: %u frames outstanding", step, netvsc_tx_outstanding(f.nic));
    assert_int_equal(netvsc_held_sections(f.nic), 0);
    assert_int_equal(bench_stats(&f).host_bad_xid, 0);
    bench_check_strict(&f);
}

static void a_process_may_die_at_any_instruction(void **state)
{
    unsigned steps, step = 0;
    pid_t pid;

    (void)state;
    setup();
    fill_rings();
    pid = child_begins();
    steps = child_steps(pid, STEPS_MAX);
    assert_true(steps > 1000 && steps < STEPS_MAX);
    child_dies(pid);
    for (unsigned i = 0; i < DEATHS; i++) {
        assert_int_equal(netvsc_queue_takeover(f.nic, 1), 0);
        check_order(step);
        fill_rings();
        pid = child_begins();
        step = (unsigned)rand() % steps;
        child_steps(pid, step);
        child_dies(pid);
    }
    assert_int_equal(netvsc_queue_takeover(f.nic, 1), 0);
    check_order(step);
    assert_int_equal(bench_stats(&f).takeovers, DEATHS + 1);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_may_die_at_any_instruction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
