/* SPDX-License-Identifier: BSD-3-Clause */
/* A bus in a temporary folder: ROOT/devices/... as sysfs has it, ROOT/dev/uioN as nodes. */
#ifndef FAKE_SYSFS_H
#define FAKE_SYSFS_H

#include "check.h"
#include "vmbus.h"

#define FAKE_NIC_A "635a7ae3-091e-4410-ad59-667c4f8c04c3"
#define FAKE_NIC_B "7ad35d50-c05b-47ab-b3a0-56a9a845852b"
#define FAKE_DISK "00000000-0000-8899-0000-000000000000"
#define FAKE_CLASS_DISK "{32412632-86cb-44a2-9b5c-50d1417354f5}"

struct fake_sysfs {
    char root[64];
    struct vmbus_bus bus;
};

/* A bus without devices; with its own dev/. */
void fake_sysfs_setup(struct fake_sysfs *fs);
void fake_sysfs_teardown(struct fake_sysfs *fs);
/* The same around a test whose state is (fs). */
int fake_sysfs_before(void **state);
int fake_sysfs_after(void **state);
#define with_fake_sysfs(test, fs)                                                                  \
    cmocka_unit_test_prestate_setup_teardown(test, fake_sysfs_before, fake_sysfs_after, fs)

/* printf a path below the root. Good until the next call but three. */
const char *fake_path(const struct fake_sysfs *fs, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Write (text) to the file at (path), making the folders above it. Text goes in as it is. */
void fake_write(const char *path, const char *text);
/* Remove the file or empty folder. */
void fake_remove(const char *path);

/*
 * A NIC held by hv_netvsc as interface (ifname), or by uio_hv_generic as (uio) with the five maps,
 * or by nobody (NULL, -1). Relid 5, monitor 3.
 */
void fake_nic(struct fake_sysfs *fs, const char *instance, const char *ifname, int uio);

/* dev/uio(uio) is (node): /dev/zero or /dev/null. Other processes that want it wait for our end. */
void fake_node(struct fake_sysfs *fs, const char *node, int uio);

/* A NIC that opens: its uio node is /dev/zero, whose maps are zeroes, as an idle card's are. */
void fake_nic_on_zero(struct fake_sysfs *fs, const char *instance, int uio);

/* Map (k) of uio (uio) of (instance). */
void fake_map(struct fake_sysfs *fs, const char *instance, int uio, unsigned k, const char *name,
              const char *size);

/* A channel folder below (instance). monitor NULL = no such attribute. */
void fake_channel(struct fake_sysfs *fs, const char *instance, const char *relid,
                  const char *subchannel, const char *monitor);

#endif
