/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the program hvhost-kvm: its options and its control pipe. */
#ifndef HVHOST_KVM_VAR_H
#define HVHOST_KVM_VAR_H

#include "hvh_kvm.h"
#include "hvhost_main_var.h"

struct kvm_options {
    struct main_options cards; /* nic, tap, spin, json; no folder */
    struct hvh_kvm_config machine;
    const char *agent;   /* command at the second serial port */
    const char *control; /* named pipe */
    bool check;          /* run no guest, look at KVM */
};

/* Parse the command line. Exits with status 2, having said why, when it is wrong. */
void kvm_options_parse(int argc, char **argv, struct kvm_options *out);

/*
 * Do as the lines of the named pipe (path) say, as a service of (*host): "rescind N", as
 * hvhost_nic_leave(), "rescind N now", "offer N", "link N up", "link N down" for card N, "books
 * PATH" saves all counters. 0 or -errno.
 */
int kvm_control_open(struct hvhost *host, const char *path);

#endif
