/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The third face: an unmodified Linux kernel in a small virtual machine under KVM, with the cards
 * of a struct hvhost on its VMBus. Needs a KVM that emulates Hyper-V's SynIC, as Debian's does.
 */
#ifndef HVH_KVM_H
#define HVH_KVM_H

#include "hvh_vmbus.h"

struct hvh_kvm;

#define HVH_KVM_CPUS_MAX 8u
#define HVH_KVM_WHY_BYTES 256u

struct hvh_kvm_config {
    const char *kernel; /* vmlinux (ELF, boots faster) or bzImage */
    const char *initrd; /* initramfs archive */
    const char *cmdline;
    uint64_t ram_bytes;   /* multiple of 2 MiB, below 3 GiB */
    unsigned cpus;        /* 1..HVH_KVM_CPUS_MAX */
    uint32_t bus_version; /* newest VMBus version spoken, HVH_BUS_*; 0 = 5.3 */
    int console[2]; /* descriptors read from and written to by the first serial port; -1 = none */
    int com2[2];    /* of the second */
};

#define HVH_KVM_DEVICE "/dev/kvm"

/*
 * Is (device) a KVM that can run such machines? 0, or -errno with (why) in words, which names the
 * capabilities it lacks: -ENOTSUP.
 */
int hvh_kvm_check(const char *device, char why[HVH_KVM_WHY_BYTES]);

/*
 * Start the machine; it becomes a service of (*host), whose cards must be there already, and ends
 * with it. On failure (why) says in words what failed.
 */
int hvh_kvm_start(struct hvhost *host, const struct hvh_kvm_config *config,
                  char why[HVH_KVM_WHY_BYTES], struct hvh_kvm **out);

enum hvh_kvm_end {
    HVH_KVM_RUNS,
    HVH_KVM_STATUS, /* the guest wrote (*status) to port HVH_KVM_EXIT_PORT */
    HVH_KVM_RESET,  /* it reset or switched off without one */
    HVH_KVM_BROKEN, /* KVM gave up: not the guest's doing, as a rule */
};
#define HVH_KVM_EXIT_PORT 0xF4u
enum hvh_kvm_end hvh_kvm_ended(const struct hvh_kvm *kvm, int *status);

struct hvh_kvm_stats {
    uint64_t exits_io, exits_mmio, exits_hyperv;
    uint64_t posts, signals; /* hypercalls that were taken */
    uint64_t bad_hypercalls; /* unknown, or with arguments that make no sense */
    uint64_t mailbox_full;   /* the guest was told to try again */
    struct hvh_vmbus_stats bus;
};
void hvh_kvm_stats(const struct hvh_kvm *kvm, struct hvh_kvm_stats *out);

#endif
