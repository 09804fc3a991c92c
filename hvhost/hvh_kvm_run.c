/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of the processors: they run the guest and serve what it comes back for. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hvh_kvm_var.h"

#define KICK_SIGNAL SIGUSR1 /* makes KVM_RUN return */

/* How Linux restarts with reboot=t, and how it ends when nothing works any more: say where. */
static void triple_fault(struct hvh_vcpu *vcpu)
{
    struct kvm_sregs sregs = {0};
    struct kvm_regs regs = {0};

    (void)ioctl(vcpu->fd, KVM_GET_REGS, &regs);
    (void)ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
    (void)fprintf(stderr,
                  "hvhost: guest: processor %u: triple fault at %#llx, stack %#llx, fault address "
                  "%#llx, idt %#llx\n",
                  vcpu->index, regs.rip, regs.rsp, sregs.cr2, sregs.idt.base);
    hvh_kvm_finish(vcpu->kvm, HVH_KVM_RESET, 0);
}

/*
 * Its kernel reports its own end through Hyper-V's crash registers, before it has printed much of
 * it: say what is in them, and let it go on to its reboot.
 */
static void crashed(struct hvh_vcpu *vcpu)
{
    struct kvm_msrs *msrs =
        calloc(1, sizeof(*msrs) + HVH_CRASH_REGISTERS * sizeof(struct kvm_msr_entry));

    if (!msrs)
        return;
    msrs->nmsrs = HVH_CRASH_REGISTERS;
    for (uint32_t i = 0; i < HVH_CRASH_REGISTERS; i++)
        msrs->entries[i].index = HVH_MSR_CRASH_P0 + i;
    (void)ioctl(vcpu->fd, KVM_GET_MSRS, msrs);
    (void)fprintf(stderr, "hvhost: guest: processor %u: its kernel reports a crash:", vcpu->index);
    for (uint32_t i = 0; i < HVH_CRASH_REGISTERS; i++)
        (void)fprintf(stderr, " %#llx", msrs->entries[i].data);
    (void)fputc('\n', stderr);
    free(msrs);
}

/* It left the guest. */
static void serve_exit(struct hvh_vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    struct hvh_kvm *kvm = vcpu->kvm;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        hvh_port_exit(vcpu);
        break;
    case KVM_EXIT_MMIO:
        kvm->exits_mmio++;
        if (!run->mmio.is_write)
            memset(run->mmio.data, 0xFF, sizeof(run->mmio.data)); /* nobody there */
        break;
    case KVM_EXIT_HYPERV:
        hvh_synic_exit(vcpu);
        break;
    case KVM_EXIT_SHUTDOWN:
        triple_fault(vcpu);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        if (run->system_event.type == KVM_SYSTEM_EVENT_CRASH)
            crashed(vcpu);
        else
            hvh_kvm_finish(kvm, HVH_KVM_RESET, 0);
        break;
    case KVM_EXIT_INTR:
        break;
    default:
        hvh_kvm_finish(kvm, HVH_KVM_BROKEN, (int)run->exit_reason);
    }
}

static void *processor(void *ctx)
{
    struct hvh_vcpu *vcpu = ctx;
    struct hvh_kvm *kvm = vcpu->kvm;

    while (!kvm->stop) {
        if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
            serve_exit(vcpu);
        else if (errno != EINTR && errno != EAGAIN)
            hvh_kvm_finish(kvm, HVH_KVM_BROKEN, errno);
    }
    return NULL;
}

static void on_kick(int number)
{
    (void)number; /* it has done its work by interrupting KVM_RUN */
}

int hvh_processors_start(struct hvh_kvm *kvm)
{
    struct sigaction kick = {.sa_handler = on_kick};
    int rc = 0;

    (void)sigaction(KICK_SIGNAL, &kick, NULL);
    for (unsigned i = 0; i < kvm->config.cpus && !rc; i++) {
        rc = -pthread_create(&kvm->vcpu[i].thread, NULL, processor, &kvm->vcpu[i]);
        kvm->vcpu[i].started = rc == 0;
    }
    return rc;
}

void hvh_processor_stop(struct hvh_vcpu *vcpu)
{
    if (vcpu->started) {
        vcpu->run->immediate_exit = 1;
        (void)pthread_kill(vcpu->thread, KICK_SIGNAL);
        (void)pthread_join(vcpu->thread, NULL);
    }
    if (vcpu->run)
        (void)munmap(vcpu->run, vcpu->kvm->run_bytes);
    if (vcpu->fd >= 0)
        (void)close(vcpu->fd);
}
