/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A made-up machine for tests of netvscctl: files below a temporary folder, and a kernel that
 * answers writes to bind, unbind, driver_override and new_id as the real one does. Every write is
 * recorded, any can be made to fail. Time is virtual.
 */
#ifndef CTL_KERNEL_H
#define CTL_KERNEL_H

#include "ctl_var.h"
#include "fake_sysfs.h"
#include "stderr_catcher.h"

#define KERNEL_MAC_A "00:15:5d:00:00:0a"
#define KERNEL_MAC_B "00:15:5d:00:00:0b"
#define KERNEL_SAVED "run/netvsc/" FAKE_NIC_A ".json"   /* what bind remembers of card A */
#define KERNEL_KEPT "etc/driverctl.d/vmbus-" FAKE_NIC_A /* and for the next boot */

struct ctl_kernel {
    char root[32];
    struct fake_sysfs fs; /* the bus below root */
    struct ctl ctl;       /* looks at card A */
    char log[8192];       /* "bus path < text", "modprobe x", "restore eth1", one a line */
    unsigned writes;
    unsigned fail_at; /* number of the write to fail from 1 on; 0 none */
    int fail_with;    /* -errno */
    bool no_module;   /* modprobe finds none */
    bool bind_lies;   /* uio_hv_generic's bind says 0 and takes nothing */
    bool late_name;   /* the interface comes back as "eth9" and is renamed after a second */
    int ends_at;      /* the signal that ends a program that has the card; 0 none does */
    bool id;          /* the class is in new_id */
    int net_error;    /* of net_save and net_restore */
    struct ctl_net net;
    unsigned passed_ms;
    struct stderr_catcher catcher;
};

/* Cards A as eth1 and B as eth2 with the kernel, both with driver_override; eth2 is harmless. */
void ctl_kernel_setup(struct ctl_kernel *k);
void ctl_kernel_teardown(struct ctl_kernel *k);
/* The same around a test whose state is (k). */
int ctl_kernel_before(void **state);
int ctl_kernel_after(void **state);
#define with_ctl_kernel(test, k)                                                                   \
    cmocka_unit_test_prestate_setup_teardown(test, ctl_kernel_before, ctl_kernel_after, k)

/* The attribute of both cards vanishes, as on an old kernel. */
void ctl_kernel_without_override(struct ctl_kernel *k);

/* printf a path below the machine's root. Good until the next call but three. */
const char *ctl_kernel_path(const struct ctl_kernel *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* First line of an attribute, driver name or file below the root; "" when there is none. */
const char *ctl_kernel_read(const struct ctl_kernel *k, const char *relative);
const char *ctl_kernel_driver(const struct ctl_kernel *k, const char *instance);

/* Program 4711 has card A's uio device, by descriptor or mapping; and nobody has. */
void ctl_kernel_open(const struct ctl_kernel *k, bool mapped);
void ctl_kernel_close(const struct ctl_kernel *k);

/* (text) as /proc/net/route has it. */
void ctl_kernel_default_route(const struct ctl_kernel *k, const char *ifname);

/* What is printed in between: at most one at a time. */
void ctl_kernel_catch_stdout(void);
const char *ctl_kernel_stdout(void);

/* netvscctl's commands for card A, whatever they say; unbind forgets the log first. Exit status. */
int ctl_kernel_bind(struct ctl_kernel *k, const struct ctl_bind_options *options);
int ctl_kernel_unbind(struct ctl_kernel *k, bool once);
/* Card A is hv_netvsc's, and nothing remembers that it was not. */
void ctl_kernel_expect_as_before(const struct ctl_kernel *k);

#endif
