/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sub-channels found in a sysfs that changes while it is read, as it does when one program takes
 * over a card from another.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "vmbus_sysfs_var.h"

#define RING_BYTES 8192

static struct fake_sysfs fs;
static char device[VMBUS_PATH_BYTES], ring[VMBUS_PATH_BYTES];

#define with_bus(test) with_fake_sysfs(test, &fs)

static void make_ring(const char *path)
{
    fake_write(path, "");
    assert_int_equal(truncate(path, RING_BYTES), 0);
}

/* A card whose sub-channel 1 has the number 21 and this monitor, or none. */
static void card_with_subchannel(const char *monitor)
{
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    assert_int_equal(vmbus_path(device, "%s/devices/%s", fs.root, FAKE_NIC_A), 0);
    assert_int_equal(vmbus_path(ring, "%s/channels/21/ring", device), 0);
    fake_write(fake_path(&fs, "devices/%s/channels/5/ring", FAKE_NIC_A), "");
    fake_channel(&fs, FAKE_NIC_A, "21", "1\n", monitor);
    make_ring(ring);
}

static bool ring_is_mapped(void)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");

    while (maps && !found && fgets(line, sizeof(line), maps))
        found = strstr(line, ring);
    if (maps)
        fclose(maps);
    return found;
}

/* Whatever is found: nothing stays mapped. */
static int look(void)
{
    struct vmbus_chan_region found;

    const int error = vmbus_sysfs_subchannel(device, 5, 1, &found);
    if (error != 0)
        return error;
    assert_int_equal(found.relid, 21);
    assert_int_equal(found.subchannel, 1);
    assert_int_equal(found.monitor_id, 4);
    assert_int_equal(found.rings.len_bytes, RING_BYTES);
    assert_int_equal(munmap(found.rings.base, found.rings.len_bytes), 0);
    return 0;
}

static void a_file_that_went_is_looked_for_again_and_nonsense_is_not(void **state)
{
    (void)state;
    card_with_subchannel(NULL);
    const char *monitor = fake_path(&fs, "devices/%s/channels/21/monitor_id", FAKE_NIC_A);
    assert_int_equal(mkdir(monitor, 0700), 0); /* opens, and read() fails */
    assert_int_equal(look(), -EAGAIN);
    assert_false(ring_is_mapped());
    fake_remove(monitor);
    fake_write(monitor, "128\n");
    assert_int_equal(look(), -EPROTO);
    assert_false(ring_is_mapped());
    fake_write(monitor, "4\n");
    assert_int_equal(look(), 0);
}

/* What happens to the channel once its ring is mapped. */
struct change {
    int number;       /* its subchannel_id, a fifo */
    const char *ring; /* takes the place of its ring; NULL: nothing does */
    const char *then; /* what its number is afterwards */
};

static void *change(void *arg)
{
    const struct change *c = arg;

    assert_int_equal(write(c->number, "1\n", 2), 2);
    while (!ring_is_mapped())
        sched_yield();
    if (c->ring)
        assert_int_equal(rename(c->ring, ring), 0);
    assert_int_equal(write(c->number, c->then, 2), 2);
    return NULL;
}

static int look_during(const char *new_ring, const char *then)
{
    struct change c = {.ring = new_ring, .then = then};
    pthread_t thread;

    const char *number = fake_path(&fs, "devices/%s/channels/21/subchannel_id", FAKE_NIC_A);
    fake_remove(number);
    assert_int_equal(mkfifo(number, 0600), 0);
    c.number = open(number, O_RDWR | O_CLOEXEC);
    assert_int_equal(pthread_create(&thread, NULL, change, &c), 0);
    const int error = look();
    pthread_join(thread, NULL);
    close(c.number);
    assert_false(ring_is_mapped());
    return error;
}

static void a_channel_that_became_another_is_not_taken(void **state)
{
    char next[VMBUS_PATH_BYTES];

    (void)state;
    card_with_subchannel("4\n");
    assert_int_equal(look_during(NULL, "1\n"), 0);
    assert_int_equal(look_during(NULL, "2\n"), -EAGAIN);
    assert_int_equal(vmbus_path(next, "%s/next", fs.root), 0);
    make_ring(next);
    assert_int_equal(look_during(next, "1\n"), -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bus(a_file_that_went_is_looked_for_again_and_nonsense_is_not),
        with_bus(a_channel_that_became_another_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
