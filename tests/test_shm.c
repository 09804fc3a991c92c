/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests and host in processes of their own: opening, crashing on either side, opening again.
 * A guest here is vmbus_open() and one NVSP question; the driver above has tests of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "nvs_reg.h"
#include "shm_fixture.h"
#include "vmbus.h"
#include "vmbus_chan.h"

/* ---- a guest -------------------------------------------------------------------------------- */

static struct vmbus_error why;

/* Find card (index) as a program would, and open it. */
static int guest_open(const struct shm_fixture *f, unsigned index, struct vmbus_device **dev)
{
    struct vmbus_info info[8];
    struct vmbus_bus bus;
    int found;

    *dev = NULL;
    if (vmbus_bus_find(f->dir, &bus) != 0)
        return -ENOENT;
    found = vmbus_scan_nics(&bus, info, countof(info));
    if (found <= (int)index)
        return -ENODEV;
    return vmbus_open(&bus, &info[index], &why, dev);
}

static struct vmbus_device *guest_opened(const struct shm_fixture *f)
{
    struct vmbus_device *dev;
    int rc = guest_open(f, 0, &dev);

    if (rc != 0)
        fail_msg("open: %d, %s; %s", rc, why.what, why.remedy);
    return dev;
}

/*
 * Sleep as a driver does until the host has something to say. 0, -EIO when it is gone, -ETIME
 * when it says nothing. No assertion: this runs in processes of its own, too.
 */
static int guest_sleep(struct vmbus_device *dev)
{
    struct pollfd p = {.fd = vmbus_irq_fd(dev), .events = POLLIN};
    int rc = 0;

    if (vmbus_irq_arm(dev)) {
        rc = poll(&p, 1, SHM_WAIT_MS) == 1 ? vmbus_irq_take(dev) : -ETIME;
        vmbus_irq_disarm(dev);
    }
    return rc == -EAGAIN ? 0 : rc;
}

/* A host refuses it, so that one may ask again: after a version is settled, one may not. */
#define NVS_UNHEARD_OF 0x00ff0000u

/* Ask for a version and get the answer. 0, or what stood in the way. */
static int guest_talks(struct vmbus_device *dev, uint64_t xid)
{
    const uint32_t init[NVS_MSG_BYTES / 4] = {NVS_MSG_INIT, NVS_UNHEARD_OF, NVS_UNHEARD_OF};
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = xid,
                                   .payload = init,
                                   .payload_bytes = sizeof(init)};
    struct nvs_init_complete answer = {0};
    struct vmbus_chan *chan = vmbus_chan(dev, 0);
    struct vmbus_packet got;
    int rc = vmbus_chan_send(chan, &pkt);

    if (rc == 0)
        rc = vmbus_chan_flush(chan);
    while (rc == 0 && (rc = vmbus_chan_recv(chan, &got)) == 0)
        rc = guest_sleep(dev);
    if (rc < 0)
        return rc;
    if (got.type != VMBUS_PKT_COMPLETION || got.xid != xid || got.payload_bytes < sizeof(answer))
        return -EPROTO;
    memcpy(&answer, got.payload, sizeof(answer));
    vmbus_chan_recv_done(chan);
    return answer.type == NVS_MSG_INIT_COMPLETE ? 0 : -EPROTO;
}

/* The host hangs up within our patience: -EIO. */
static int guest_awaits_end(struct vmbus_device *dev)
{
    int rc = 0;

    while (rc == 0)
        rc = guest_sleep(dev);
    return rc;
}

/* A guest in a process of its own that opens the card, talks, says so, and hangs around. */
static pid_t guest_process(const struct shm_fixture *f)
{
    struct vmbus_device *dev;
    int ready[2];
    char byte = 0;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (guest_open(f, 0, &dev) != 0 || guest_talks(dev, 7) != 0)
            _exit(1);
        (void)!write(ready[1], "!", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1); /* end of file when it failed */
    close(ready[0]);
    return pid;
}

static void guest_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Connect to the node without the lock, as no proper guest does. */
static int raw_connect(const struct shm_fixture *f)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%.90s/dev/uio0", f->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static bool hangs_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&p, 1, SHM_WAIT_MS) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* ---- one guest ------------------------------------------------------------------------------ */

static void a_guest_in_another_process_is_answered(void **state)
{
    struct shm_fixture *f = *state;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
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
    dev = guest_opened(f);
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
    assert_int_equal(guest_open(f, 0, &dev[0]), 0);
    assert_int_equal(guest_open(f, 1, &dev[1]), 0);
    assert_int_equal(guest_talks(dev[1], 1), 0);
    assert_int_equal(guest_talks(dev[0], 2), 0);
    vmbus_close(dev[0]);
    assert_int_equal(guest_talks(dev[1], 3), 0);
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
    first = guest_process(f);
    assert_int_equal(guest_open(f, 0, &dev), -EBUSY);
    assert_non_null(strstr(why.what, "another program uses this NIC"));
    assert_true(why.remedy[0] != '\0');
    guest_kill(first);
    shm_host_quit(f);
}

static void a_guest_that_ignores_the_lock_is_hung_up_on(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;
    int intruder;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    intruder = raw_connect(f);
    assert_true(hangs_up(intruder));
    assert_int_equal(guest_talks(dev, 2), 0); /* the rightful guest notices nothing */
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
        guest_kill(guest_process(f));
        dev = guest_opened(f); /* the host may not have noticed yet */
        assert_int_equal(guest_talks(dev, i), 0);
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
        dev = guest_opened(f);
        /* Every other guest leaves in the middle of a question: the answer is written to nobody. */
        if (i % 2 == 0)
            assert_int_equal(guest_talks(dev, i), 0);
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
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    assert_string_equal(shm_read(f, path), "3\n");
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    assert_string_equal(shm_read(f, path), "2\n");
    shm_host_quit(f);
}

/* ---- the guest misbehaves ------------------------------------------------------------------- */

static void garbage_in_the_rings_costs_the_guest_its_channel_only(void **state)
{
    struct shm_fixture *f = *state;
    const struct vmbus_transport *memory;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    memory = vmbus_memory(dev);
    memset(memory->primary.rings.base, 0xff, memory->primary.rings.len_bytes);
    (void)memory->ops->signal(memory->ctx, memory->primary.relid);
    do {
        shm_host_stats(f, &stats);
    } while (stats.bad_ring == 0);
    vmbus_close(dev);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

static void odd_messages_on_the_socket_are_ignored(void **state)
{
    struct shm_fixture *f = *state;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;
    const int32_t zero = 0;
    char long_one[100] = {1};
    int fd;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    fd = vmbus_irq_fd(dev);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(fd, long_one, sizeof(long_one), MSG_NOSIGNAL), sizeof(long_one));
    assert_int_equal(send(fd, &zero, sizeof(zero), MSG_NOSIGNAL), sizeof(zero));
    assert_int_equal(guest_talks(dev, 2), 0);
    shm_host_stats(f, &stats);
    assert_int_equal(stats.doorbells, 2); /* the questions' own */
    vmbus_close(dev);
    shm_host_quit(f);
}

static void rings_of_the_wrong_size_are_not_mapped(void **state)
{
    struct shm_fixture *f = *state;
    char path[128];
    int fd;

    assert_int_equal(shm_host_start(f, 1), 0);
    snprintf(path, sizeof(path), "%s/dev/uio0.map0", f->dir);
    assert_int_equal(truncate(path, 4096), 0);
    fd = raw_connect(f);
    assert_true(hangs_up(fd));
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = raw_connect(f);
    assert_true(hangs_up(fd));
    close(fd);
    shm_host_quit(f);
}

/* ---- the host dies or withdraws ------------------------------------------------------------- */

static void a_killed_host_ends_the_guests_device(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev, *none;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    shm_host_kill(f);
    assert_int_equal(guest_awaits_end(dev), -EIO);
    assert_int_equal(guest_talks(dev, 2), -EIO);
    vmbus_close(dev);
    assert_int_equal(guest_open(f, 0, &none), -ENODEV);
    assert_non_null(strstr(why.what, "not running"));
}

static void a_new_host_takes_over_while_the_guest_still_holds_on(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *old, *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    old = guest_opened(f);
    assert_int_equal(guest_talks(old, 1), 0);
    shm_host_kill(f);
    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    assert_int_equal(guest_awaits_end(old), -EIO);
    vmbus_close(old);
    assert_int_equal(guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

static void a_guest_outlives_an_orderly_end_of_the_host(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    shm_host_quit(f);
    assert_false(shm_exists(f, "bus"));
    assert_int_equal(guest_awaits_end(dev), -EIO);
    assert_int_equal(guest_talks(dev, 2), -EIO);
    vmbus_close(dev);
}

static void a_withdrawn_card_disappears_and_comes_back(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev, *none;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    shm_host_rescind(f);
    assert_int_equal(guest_awaits_end(dev), -EIO);
    shm_host_await_closes(f, 1);
    assert_int_equal(guest_open(f, 0, &none), -ENODEV);
    vmbus_close(dev);
    shm_host_offer(f);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f);
}

static void a_card_withdrawn_and_offered_in_one_breath_hangs_up(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 1), 0);
    shm_host_rescind(f);
    shm_host_offer(f);
    assert_int_equal(guest_awaits_end(dev), -EIO);
    vmbus_close(dev);
    dev = guest_opened(f);
    assert_int_equal(guest_talks(dev, 2), 0);
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
        rc = guest_open(f, 0, &dev);
        vmbus_close(dev);
    }
    assert_int_equal(rc, -EBUSY);
    assert_non_null(strstr(why.what, "does not answer"));
    kill(f->host, SIGCONT);
    do {
        rc = guest_open(f, 0, &dev);
    } while (rc == -EBUSY);
    assert_int_equal(rc, 0);
    assert_int_equal(guest_talks(dev, 1), 0);
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
        TEST(garbage_in_the_rings_costs_the_guest_its_channel_only),
        TEST(odd_messages_on_the_socket_are_ignored),
        TEST(rings_of_the_wrong_size_are_not_mapped),
        TEST(a_killed_host_ends_the_guests_device),
        TEST(a_new_host_takes_over_while_the_guest_still_holds_on),
        TEST(a_guest_outlives_an_orderly_end_of_the_host),
        TEST(a_withdrawn_card_disappears_and_comes_back),
        TEST(a_card_withdrawn_and_offered_in_one_breath_hangs_up),
        TEST(a_stopped_host_does_not_block_opening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
