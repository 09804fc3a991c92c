/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests and host in processes of their own: opening, crashing on either side, opening again.
 * A guest here is vmbus_open() and one NVSP question; the driver above has tests of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "shm_fixture.h"
#include "shm_guest.h"
#include "vmbus.h"
#include "vmbus_chan.h"

/* ---- one guest ------------------------------------------------------------------------------ */

static void a_guest_in_another_process_is_answered(void **state)
{
    struct shm_fixture *f = *state;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_stats(f, &stats);
    assert_int_equal(stats.opens, 1);
    assert_int_equal(stats.strict_doorbell, 0);
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    shm_host_quit(f);
}

static void the_scan_sees_cards_as_on_a_real_bus(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_info info[4];
    struct vmbus_bus bus;
    char dev[128];

    assert_int_equal(shm_host_start(f, 2), 0);
    assert_int_equal(vmbus_bus_find(f->dir, &bus), 0);
    snprintf(dev, sizeof(dev), "%s/dev", f->dir);
    assert_string_equal(bus.dev, dev);
    assert_int_equal(vmbus_scan_nics(&bus, info, countof(info)), 2);
    assert_string_equal(info[0].driver, "uio_hv_generic");
    assert_string_not_equal(info[0].instance, info[1].instance);
    assert_int_not_equal(info[0].relid, info[1].relid);
    assert_int_equal(info[0].uio + info[1].uio, 1);
    assert_int_equal(info[0].channels, 1);
    assert_int_equal(info[0].monitor_id, VMBUS_MONITOR_NONE);
    shm_host_quit(f);
}

static void guest_memory_is_named_by_file_offset(void **state)
{
    struct shm_fixture *f = *state;
    const struct vmbus_transport *memory;
    struct vmbus_device *dev;
    char path[128];
    char text[6] = "";
    int fd;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    memory = vmbus_memory(dev);
    assert_int_equal(memory->dma.len_bytes, 64u << 10);
    memcpy(memory->dma.base + 5 * 4096, "hello", 5);
    snprintf(path, sizeof(path), "%s/dev/uio0.ram", f->dir);
    fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, text, 5, (off_t)(memory->dma_pfn[5] * 4096)), 5);
    assert_string_equal(text, "hello");
    close(fd);
    vmbus_close(dev);
    shm_host_quit(f);
}

static void two_cards_are_open_at_once(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev[2];

    assert_int_equal(shm_host_start(f, 2), 0);
    assert_int_equal(shm_guest_open(f, 0, &dev[0]), 0);
    assert_int_equal(shm_guest_open(f, 1, &dev[1]), 0);
    assert_int_equal(shm_guest_talks(dev[1], 1), 0);
    assert_int_equal(shm_guest_talks(dev[0], 2), 0);
    vmbus_close(dev[0]);
    assert_int_equal(shm_guest_talks(dev[1], 3), 0);
    vmbus_close(dev[1]);
    shm_host_quit(f);
}

/* ---- two guests for one card ---------------------------------------------------------------- */

static void a_second_guest_is_told_that_the_card_is_in_use(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    pid_t first;

    assert_int_equal(shm_host_start(f, 1), 0);
    first = shm_guest_process(f);
    assert_int_equal(shm_guest_open(f, 0, &dev), -EBUSY);
    assert_non_null(strstr(shm_why.what, "another program uses this NIC"));
    assert_true(shm_why.remedy[0] != '\0');
    shm_guest_kill(first);
    shm_host_quit(f);
}

static void a_guest_that_ignores_the_lock_is_hung_up_on(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    int intruder;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    intruder = shm_raw_connect(f);
    assert_true(shm_hangs_up(intruder));
    assert_int_equal(shm_guest_talks(dev, 2), 0); /* the rightful guest notices nothing */
    close(intruder);
    vmbus_close(dev);
    shm_host_quit(f);
}

/* ---- the guest dies or leaves --------------------------------------------------------------- */

static void a_killed_guest_makes_room_for_the_next_at_once(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    unsigned i;

    assert_int_equal(shm_host_start(f, 1), 0);
    for (i = 0; i < 10; i++) {
        shm_guest_kill(shm_guest_process(f));
        dev = shm_guest_opened(f); /* the host may not have noticed yet */
        assert_int_equal(shm_guest_talks(dev, i), 0);
        vmbus_close(dev);
    }
    shm_host_await_closes(f, 20);
    shm_host_quit(f);
}

static void closing_and_opening_at_once_never_meets_the_old_rings(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    unsigned i;

    assert_int_equal(shm_host_start(f, 1), 0);
    for (i = 0; i < 100; i++) {
        dev = shm_guest_opened(f);
        /* Every other guest leaves in the middle of a question: the answer is written to nobody. */
        if (i % 2 == 0)
            assert_int_equal(shm_guest_talks(dev, i), 0);
        else
            assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 0)), 0);
        vmbus_close(dev);
    }
    shm_host_quit(f);
}

static void the_card_says_whether_it_is_open(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    struct vmbus_info info;
    struct vmbus_bus bus;
    char path[128];

    assert_int_equal(shm_host_start(f, 1), 0);
    assert_int_equal(vmbus_bus_find(f->dir, &bus), 0);
    assert_int_equal(vmbus_scan_nics(&bus, &info, 1), 1);
    snprintf(path, sizeof(path), "bus/devices/%s/state", info.instance);
    assert_string_equal(shm_read(f, path), "2\n");
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    assert_string_equal(shm_read(f, path), "3\n");
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    assert_string_equal(shm_read(f, path), "2\n");
    shm_host_quit(f);
}

/* ---- the host dies or withdraws ------------------------------------------------------------- */

static void a_killed_host_ends_the_guests_device(void **state)
{
    struct shm_fixture *f = *state;
    const struct vmbus_transport *memory;
    struct vmbus_device *dev, *none;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_kill(f);
    memory = vmbus_memory(dev);
    assert_int_equal(memory->ops->signal(memory->ctx, memory->primary.relid), -EIO);
    assert_int_equal(shm_guest_awaits_end(dev), -EIO);
    assert_int_equal(shm_guest_talks(dev, 2), -EIO);
    vmbus_close(dev);
    assert_int_equal(shm_guest_open(f, 0, &none), -ENODEV);
    assert_non_null(strstr(shm_why.what, "not running"));
}

static void a_new_host_takes_over_while_the_guest_still_holds_on(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *old, *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    old = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(old, 1), 0);
    shm_host_kill(f);
    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    assert_int_equal(shm_guest_awaits_end(old), -EIO);
    vmbus_close(old);
    assert_int_equal(shm_guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

static void a_guest_outlives_an_orderly_end_of_the_host(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_quit(f);
    assert_false(shm_exists(f, "bus"));
    assert_int_equal(shm_guest_awaits_end(dev), -EIO);
    assert_int_equal(shm_guest_talks(dev, 2), -EIO);
    vmbus_close(dev);
}

static void a_withdrawn_card_disappears_and_comes_back(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev, *none;
    struct hvhost_nic_stats stats;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_rescind(f);
    assert_int_equal(shm_guest_awaits_end(dev), -EIO);
    assert_int_equal(shm_guest_open(f, 0, &none), -ENODEV);
    shm_host_stats(f, &stats);
    assert_int_equal(stats.closes, 0); /* served until it lets go */
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    shm_host_offer(f);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

/* Its memory stays where the host can reach it: the guest's driver waits for what it has sent. */
static void a_guest_of_a_withdrawn_card_is_answered_until_it_lets_go(void **state)
{
    struct shm_fixture *f = *state;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;
    int rc = -EAGAIN;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_rescind(f);
    shm_host_stats(f, &stats); /* it has had its turn */
    assert_false(shm_exists(f, "bus/dev/uio0"));
    assert_int_equal(shm_guest_asks(dev, 2), 0);
    for (unsigned turns = 0; turns < 100 && rc == -EAGAIN; turns++) {
        shm_host_stats(f, &stats);
        rc = shm_guest_answered(dev, 2);
    }
    assert_int_equal(rc, 0);
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    shm_host_quit(f);
}

static void a_card_withdrawn_and_offered_in_one_breath_hangs_up(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_offer_anew(f);
    assert_int_equal(shm_guest_awaits_end(dev), -EIO);
    vmbus_close(dev);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

/* Whoever died in the queue must not be served: map0 is by then the living guest's. */
static void guests_that_died_while_waiting_are_turned_away(void **state)
{
    struct shm_fixture *f = *state;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;
    unsigned i;

    assert_int_equal(shm_host_start(f, 1), 0);
    kill(f->host, SIGSTOP);
    for (i = 0; i < 4; i++)
        close(shm_raw_connect(f));
    dev = shm_guest_opened(f);
    kill(f->host, SIGCONT);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    shm_host_stats(f, &stats);
    assert_int_equal(stats.opens, 1);
    vmbus_close(dev);
    shm_host_quit(f);
}

/* A host that does not turn must not hold a program up. */
static void a_stopped_host_does_not_block_opening(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    int rc = 0;
    unsigned i;

    assert_int_equal(shm_host_start(f, 1), 0);
    kill(f->host, SIGSTOP);
    for (i = 0; rc == 0 && i < 64; i++) {
        rc = shm_guest_open(f, 0, &dev);
        vmbus_close(dev);
    }
    assert_int_equal(rc, -EBUSY);
    assert_non_null(strstr(shm_why.what, "does not answer"));
    kill(f->host, SIGCONT);
    do {
        rc = shm_guest_open(f, 0, &dev);
    } while (rc == -EBUSY);
    assert_int_equal(rc, 0);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shm_setup, shm_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_in_another_process_is_answered),
        TEST(the_scan_sees_cards_as_on_a_real_bus),
        TEST(guest_memory_is_named_by_file_offset),
        TEST(two_cards_are_open_at_once),
        TEST(a_second_guest_is_told_that_the_card_is_in_use),
        TEST(a_guest_that_ignores_the_lock_is_hung_up_on),
        TEST(a_killed_guest_makes_room_for_the_next_at_once),
        TEST(closing_and_opening_at_once_never_meets_the_old_rings),
        TEST(the_card_says_whether_it_is_open),
        TEST(a_killed_host_ends_the_guests_device),
        TEST(a_new_host_takes_over_while_the_guest_still_holds_on),
        TEST(a_guest_outlives_an_orderly_end_of_the_host),
        TEST(a_withdrawn_card_disappears_and_comes_back),
        TEST(a_guest_of_a_withdrawn_card_is_answered_until_it_lets_go),
        TEST(a_card_withdrawn_and_offered_in_one_breath_hangs_up),
        TEST(guests_that_died_while_waiting_are_turned_away),
        TEST(a_stopped_host_does_not_block_opening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
