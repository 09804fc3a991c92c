/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE 1 /* nftw() */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_sysfs.h"

const char *fake_path(const struct fake_sysfs *fs, const char *format, ...)
{
    static char ring[4][512];
    static unsigned next;
    char *out = ring[next++ % 4];
    va_list ap;

    int len = snprintf(out, sizeof(ring[0]), "%s/", fs->root);
    va_start(ap, format);
    len += vsnprintf(out + len, sizeof(ring[0]) - (size_t)len, format, ap);
    va_end(ap);
    assert_true((size_t)len < sizeof(ring[0]));
    return out;
}

/* All folders above the last slash of (path). */
static void make_parents(const char *path)
{
    char part[512];

    assert_true(strlen(path) < sizeof(part));
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        memcpy(part, path, (size_t)(slash - path));
        part[slash - path] = '\0';
        assert_true(mkdir(part, 0755) == 0 || errno == EEXIST);
    }
}

void fake_write(const char *path, const char *text)
{
    make_parents(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void fake_remove(const char *path)
{
    assert_int_equal(remove(path), 0);
}

void fake_sysfs_setup(struct fake_sysfs *fs)
{
    memset(fs, 0, sizeof(*fs));
    (void)snprintf(fs->root, sizeof(fs->root), "/tmp/nvt-vmbus-XXXXXX");
    assert_non_null(mkdtemp(fs->root));
    assert_int_equal(mkdir(fake_path(fs, "devices"), 0755), 0);
    assert_int_equal(mkdir(fake_path(fs, "dev"), 0755), 0);
    assert_int_equal(vmbus_bus_find(fs->root, &fs->bus), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void fake_sysfs_teardown(struct fake_sysfs *fs)
{
    assert_int_equal(nftw(fs->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int fake_sysfs_before(void **state)
{
    fake_sysfs_setup(*state);
    return 0;
}

int fake_sysfs_after(void **state)
{
    fake_sysfs_teardown(*state);
    return 0;
}

static void attribute(struct fake_sysfs *fs, const char *instance, const char *name,
                      const char *text)
{
    fake_write(fake_path(fs, "devices/%s/%s", instance, name), text);
}

void fake_map(struct fake_sysfs *fs, const char *instance, int uio, unsigned k, const char *name,
              const char *size)
{
    char at[128];

    (void)snprintf(at, sizeof(at), "devices/%s/uio/uio%d/maps/map%u", instance, uio, k);
    fake_write(fake_path(fs, "%s/name", at), name);
    fake_write(fake_path(fs, "%s/size", at), size);
    fake_write(fake_path(fs, "%s/offset", at), "0x0\n");
    fake_write(fake_path(fs, "%s/addr", at), "0xffff888000000000\n");
}

void fake_channel(struct fake_sysfs *fs, const char *instance, const char *relid,
                  const char *subchannel, const char *monitor)
{
    fake_write(fake_path(fs, "devices/%s/channels/%s/subchannel_id", instance, relid), subchannel);
    if (monitor != NULL)
        fake_write(fake_path(fs, "devices/%s/channels/%s/monitor_id", instance, relid), monitor);
}

void fake_nic(struct fake_sysfs *fs, const char *instance, const char *ifname, int uio)
{
    char braces[64];

    attribute(fs, instance, "class_id", "{" VMBUS_CLASS_NIC "}\n");
    (void)snprintf(braces, sizeof(braces), "{%s}\n", instance);
    attribute(fs, instance, "device_id", braces);
    attribute(fs, instance, "id", "5\n");
    attribute(fs, instance, "monitor_id", "3\n");
    attribute(fs, instance, "numa_node", "0\n");
    fake_channel(fs, instance, "5", "0\n", "3\n");
    const char *link = fake_path(fs, "devices/%s/driver", instance);
    if (ifname != NULL) {
        fake_write(fake_path(fs, "devices/%s/net/%s/address", instance, ifname), "\n");
        assert_int_equal(symlink("../../../../bus/vmbus/drivers/hv_netvsc", link), 0);
    }
    if (uio < 0)
        return;
    assert_int_equal(symlink("../../../../bus/vmbus/drivers/uio_hv_generic", link), 0);
    fake_map(fs, instance, uio, 0, "txrx_rings\n", "0x400000\n");
    fake_map(fs, instance, uio, 1, "int_page\n", "0x1000\n");
    fake_map(fs, instance, uio, 2, "monitor_page\n", "0x1000\n");
    fake_map(fs, instance, uio, 3, "recv:925200\n", "0x1f00000\n");
    fake_map(fs, instance, uio, 4, "send:925201\n", "0x1000000\n");
}

/* The uio provider locks a node it opens, and this one is every process's: one of them at a time
 * has it, until it ends. */
void fake_node(struct fake_sysfs *fs, const char *node, int uio)
{
    static int mutex_fd = -1;

    if (mutex_fd < 0)
        mutex_fd = open("/dev/full", O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(mutex_fd, LOCK_EX), 0);
    assert_int_equal(symlink(node, fake_path(fs, "dev/uio%d", uio)), 0);
}

void fake_nic_on_zero(struct fake_sysfs *fs, const char *instance, int uio)
{
    fake_nic(fs, instance, NULL, uio);
    fake_node(fs, "/dev/zero", uio);
    fake_map(fs, instance, uio, 0, "txrx_rings\n", "0x6000\n");
    fake_map(fs, instance, uio, 3, "recv:925200\n", "0x4000\n");
}
