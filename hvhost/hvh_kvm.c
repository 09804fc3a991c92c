/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A virtual machine just big enough for Linux with hv_vmbus: memory, processors, interrupt
 * controllers in KVM, two serial ports, a clock, ACPI tables, and Hyper-V's interface to VMBus.
 *
 * Memory is one file (memfd), guest-physical address = offset, mapped once as a whole for KVM and
 * the core, and once more for each buffer the guest shares (hvh_vmbus_gpadl.c).
 *
 * Each processor has a thread that runs the guest and comes back for I/O ports and hypercalls. It
 * does not enter the core, which has one thread: it leaves messages and doorbells where
 * hvh_synic_collect() finds them, and writes to wake_fd, on which the host's thread sleeps. What is
 * shared and under which lock is listed in hvh_kvm_var.h.
 *
 * The end comes from the guest (exit port, reset, triple fault) or from KVM; threads then stop by
 * themselves, or because of hvh_service_ops.close: a flag, immediate_exit, and a signal that makes
 * KVM_RUN return.
 */
#include "hvh_kvm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hvh_kvm_var.h"

/* How it ended and with which status, in one word. */
#define END_BITS 4
#define END_MASK 15

/* ---- from any thread -------------------------------------------------------------------- */

void hvh_kvm_wake(struct hvh_kvm *kvm)
{
    uint64_t one = 1;

    (void)!write(kvm->wake_fd, &one, sizeof(one)); /* full: it is awake already */
}

void hvh_kvm_finish(struct hvh_kvm *kvm, enum hvh_kvm_end end, int status)
{
    int runs = 0;

    kvm->stop = true;
    (void)atomic_compare_exchange_strong(&kvm->end, &runs, (int)end | status << END_BITS);
    hvh_kvm_wake(kvm);
}

void hvh_kvm_irq(struct hvh_kvm *kvm, uint32_t gsi, bool level)
{
    struct kvm_irq_level line = {.irq = gsi, .level = level};

    (void)ioctl(kvm->vm_fd, KVM_IRQ_LINE, &line);
}

/* ---- the host's thread ------------------------------------------------------------------ */

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct hvh_kvm *kvm = ctx;
    unsigned done = 0;
    uint64_t count;

    (void)now_ns;
    (void)!read(kvm->wake_fd, &count, sizeof(count));
    for (unsigned i = 0; i < 2; i++)
        done += hvh_uart_input(kvm, &kvm->uart[i]);
    done += hvh_synic_collect(kvm);
    return done + hvh_vmbus_turn(kvm->bus);
}

static uint64_t deadline(const void *ctx, uint64_t now_ns)
{
    const struct hvh_kvm *kvm = ctx;

    (void)now_ns;
    return hvh_vmbus_deadline(kvm->bus);
}

static unsigned pollfds(const void *ctx, struct pollfd *out, unsigned max)
{
    const struct hvh_kvm *kvm = ctx;
    struct hvh_kvm *mine = kvm->vcpu[0].kvm; /* the same: its lock is no part of its state */
    unsigned i, n = 0;
    int fd;

    if (n < max)
        out[n++] = (struct pollfd){.fd = kvm->wake_fd, .events = POLLIN};
    for (i = 0; i < 2; i++) {
        fd = hvh_uart_wants(mine, &kvm->uart[i]);
        if (fd >= 0 && n < max)
            out[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return n;
}

static void release(void *ctx)
{
    struct hvh_kvm *kvm = ctx;

    kvm->stop = true;
    for (unsigned i = 0; i < kvm->config.cpus; i++)
        hvh_processor_stop(&kvm->vcpu[i]);
    hvh_vmbus_destroy(kvm->bus);
    if (kvm->ram.base)
        (void)munmap(kvm->ram.base, kvm->ram.len_bytes);
    if (kvm->ram_fd >= 0)
        (void)close(kvm->ram_fd);
    if (kvm->wake_fd >= 0)
        (void)close(kvm->wake_fd);
    if (kvm->vm_fd >= 0)
        (void)close(kvm->vm_fd);
    if (kvm->dev_fd >= 0)
        (void)close(kvm->dev_fd);
    (void)pthread_mutex_destroy(&kvm->mail_lock);
    (void)pthread_mutex_destroy(&kvm->port_lock);
    free(kvm);
}

static const struct hvh_service_ops service_ops = {
    .step = step,
    .deadline = deadline,
    .pollfds = pollfds,
    .close = release,
};

/* ---- building --------------------------------------------------------------------------- */

static int bus_create(struct hvh_kvm *kvm)
{
    struct hvh_vmbus_config config = {
        .version_max = kvm->config.bus_version,
        .vps = kvm->config.cpus,
        .ram_fd = kvm->ram_fd,
        .ram = kvm->ram,
    };

    return hvh_vmbus_create(kvm->host, &config, &hvh_synic_ops, kvm, &kvm->bus);
}

static int build(struct hvh_kvm *kvm, const char **why)
{
    uint64_t entry = 0;
    int rc;

    *why = "no memory of that size for the guest: it is a multiple of 2 MiB up to 3 GiB";
    rc = hvh_machine_memory(kvm);
    rc = rc ? rc : hvh_boot_load(kvm, &entry, why);
    rc = rc ? rc : hvh_machine_create(kvm, why);
    for (unsigned i = 0; i < kvm->config.cpus && !rc; i++)
        rc = hvh_cpu_create(kvm, &kvm->vcpu[i], why);
    if (rc)
        return rc;
    *why = "KVM does not take the first processor's registers";
    rc = hvh_cpu_reset(&kvm->vcpu[0], entry);
    if (rc)
        return rc;
    *why = "KVM does not route Hyper-V's interrupts";
    rc = hvh_machine_routes(kvm);
    if (rc)
        return rc;
    *why = "no memory for the bus";
    kvm->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = kvm->wake_fd < 0 ? -errno : bus_create(kvm);
    return rc ? rc : hvh_service_add(kvm->host, &service_ops, kvm);
}

static struct hvh_kvm *blank(struct hvhost *host, const struct hvh_kvm_config *config)
{
    static const uint32_t irq[2] = {4, 3};
    const int *fd[2] = {config->console, config->com2};
    struct hvh_kvm *kvm = calloc(1, sizeof(*kvm));

    if (!kvm)
        return NULL;
    kvm->host = host;
    kvm->config = *config;
    kvm->dev_fd = kvm->vm_fd = kvm->ram_fd = kvm->wake_fd = -1;
    (void)pthread_mutex_init(&kvm->mail_lock, NULL);
    (void)pthread_mutex_init(&kvm->port_lock, NULL);
    for (unsigned i = 0; i < HVH_KVM_CPUS_MAX; i++) {
        kvm->vcpu[i].kvm = kvm;
        kvm->vcpu[i].index = i;
        kvm->vcpu[i].fd = -1;
    }
    for (unsigned i = 0; i < 2; i++)
        kvm->uart[i] = (struct hvh_uart){.in_fd = fd[i][0], .out_fd = fd[i][1], .gsi = irq[i]};
    return kvm;
}

int hvh_kvm_start(struct hvhost *host, const struct hvh_kvm_config *config,
                  char why[HVH_KVM_WHY_BYTES], struct hvh_kvm **out)
{
    struct hvh_kvm *kvm = NULL;
    const char *what = "a machine has 1 to 8 processors";
    int rc = -EINVAL;

    *out = NULL;
    if (config->cpus >= 1 && config->cpus <= HVH_KVM_CPUS_MAX) {
        kvm = blank(host, config);
        rc = kvm ? build(kvm, &what) : -ENOMEM;
    }
    if (rc == 0) {
        what = "cannot start a thread";
        rc = hvh_processors_start(kvm);
        if (rc != 0)
            hvh_service_remove(host, kvm);
    }
    if (rc != 0) {
        (void)snprintf(why, HVH_KVM_WHY_BYTES, "%s (%s)", what, strerror(-rc));
        if (kvm)
            release(kvm);
        return rc;
    }
    *out = kvm;
    return 0;
}

enum hvh_kvm_end hvh_kvm_ended(const struct hvh_kvm *kvm, int *status)
{
    int end = kvm->end;

    *status = end >> END_BITS;
    return (enum hvh_kvm_end)(end & END_MASK);
}

void hvh_kvm_stats(const struct hvh_kvm *kvm, struct hvh_kvm_stats *out)
{
    *out = (struct hvh_kvm_stats){
        .exits_io = kvm->exits_io,
        .exits_mmio = kvm->exits_mmio,
        .exits_hyperv = kvm->exits_hyperv,
        .posts = kvm->posts,
        .signals = kvm->signals,
        .bad_hypercalls = kvm->bad_hypercalls,
        .mailbox_full = kvm->mailbox_full,
    };
    hvh_vmbus_stats(kvm->bus, &out->bus);
}
