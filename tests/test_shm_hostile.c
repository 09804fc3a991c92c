/* SPDX-License-Identifier: BSD-3-Clause */
/* Guests of the shared-memory face that do what no proper one does: the host outlives them all. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "shm_fixture.h"
#include "shm_guest.h"
#include "vmbus_chan.h"

static void garbage_in_the_rings_costs_the_guest_its_channel_only(void **state)
{
    struct shm_fixture *f = *state;
    const struct vmbus_transport *memory;
    struct hvhost_nic_stats stats;
    struct vmbus_device *dev;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    memory = vmbus_memory(dev);
    memset(memory->primary.rings.base, 0xff, memory->primary.rings.len_bytes);
    (void)memory->ops->signal(memory->ctx, memory->primary.relid);
    do {
        shm_host_stats(f, &stats);
    } while (stats.bad_ring == 0);
    vmbus_close(dev);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 2), 0);
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
    uint64_t own;
    int fd;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 1), 0);
    fd = vmbus_irq_fd(dev);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(fd, long_one, sizeof(long_one), MSG_NOSIGNAL), sizeof(long_one));
    assert_int_equal(send(fd, &zero, sizeof(zero), MSG_NOSIGNAL), sizeof(zero));
    assert_int_equal(shm_guest_talks(dev, 2), 0);
    /* The second question needs one only if the host has gone to sleep since the first. */
    own = vmbus_chan_stats(vmbus_chan(dev, 0))->tx_doorbells;
    vmbus_close(dev);
    shm_host_await_closes(f, 1); /* every message has been read then */
    shm_host_stats(f, &stats);
    assert_int_equal(stats.doorbells, own);
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
    fd = shm_raw_connect(f);
    assert_true(shm_hangs_up(fd));
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = shm_raw_connect(f);
    assert_true(shm_hangs_up(fd));
    close(fd);
    shm_host_quit(f);
}

/* ---- scribbling ----------------------------------------------------------------------------- */

static uint32_t random_state = 1;

static uint32_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* Words that mean something here and there: types, lengths, offsets on and beside the bounds. */
static uint32_t likely_word(void)
{
    static const uint32_t words[] = {
        0,          1,          2,          4,          8,          16,         100,
        101,        104,        107,        108,        125,        0xCAFE,     0xFACE,
        0xE1E10,    0xE1E11,    0x00020006, 0x00010005, 0x00020009, 0x000B0002, 0x00ff0000,
        0x7ffffff8, 0xfffffff8, 0xffffffff, 0x80000001, 0x80000002, 4096,       6144};

    return random_word() % 4 == 0 ? random_word() : words[random_word() % countof(words)];
}

static void scribble(const struct vmbus_region *region, uint32_t span)
{
    uint32_t off = random_word() % span / 4 * 4;
    uint32_t word = likely_word();

    memcpy(region->base + off, &word, sizeof(word));
}

/* The words the host looks at first: both control pages and what the write index points at. */
static void scribble_on_rings(const struct vmbus_transport *t)
{
    struct vmbus_region rings = t->primary.rings;
    struct vmbus_region half = {rings.base + rings.len_bytes / 2, rings.len_bytes / 2};
    uint32_t write = random_word() % 512 * 8;

    scribble(&rings, 20);
    scribble(&half, 20);
    rings.base += VMBUS_PAGE_BYTES;
    scribble(&rings, 256);
    scribble(&rings, 4096);
    memcpy(t->primary.rings.base, &write, sizeof(write));
}

static void a_guest_that_scribbles_everywhere_does_not_hurt_the_host(void **state)
{
    const char *rounds = getenv("NETVSC_SCRIBBLES");
    struct shm_fixture *f = *state;
    const struct vmbus_transport *t;
    struct vmbus_device *dev;
    long round, i;

    assert_int_equal(shm_host_start(f, 1), 0);
    for (round = 0; round < (rounds ? atol(rounds) : 50); round++) {
        dev = shm_guest_opened(f);
        t = vmbus_memory(dev);
        if (round % 2 == 0)
            assert_int_equal(shm_guest_talks(dev, 1), 0);
        for (i = 0; i < 100; i++) {
            scribble_on_rings(t);
            scribble(&t->send, 512);
            scribble(&t->recv, 512);
            scribble(&t->dma, 512);
            (void)t->ops->signal(t->ctx, t->primary.relid);
        }
        vmbus_close(dev);
    }
    dev = shm_guest_opened(f);
    assert_int_equal(shm_guest_talks(dev, 2), 0);
    vmbus_close(dev);
    shm_host_quit(f); /* it was still there to be asked, and ended in good order */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shm_setup, shm_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(garbage_in_the_rings_costs_the_guest_its_channel_only),
        TEST(odd_messages_on_the_socket_are_ignored),
        TEST(rings_of_the_wrong_size_are_not_mapped),
        TEST(a_guest_that_scribbles_everywhere_does_not_hurt_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
