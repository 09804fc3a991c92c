/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A processor of the virtual machine: what it says it is, and how it starts.
 *
 * It claims to run on Hyper-V: KVM's own leaves, which Linux would prefer, are left out, and those
 * of Hyper-V that KVM can emulate are passed on under Microsoft's name. KVM_CAP_HYPERV_SYNIC2 makes
 * KVM hand writes to the SynIC's page registers and VMBus' hypercalls to us.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "hvh_kvm_var.h"

#define CPUID_MAX 256u
#define HV_CPUID_MAX 64u

#define LEAF1_HYPERVISOR (1u << 31)
#define LEAF1_TSC_DEADLINE (1u << 24)

#define CR0_PROTECTED 0x11u
#define CR0_PAGING 0x80000000u
#define CR4_PAE 0x20u
#define EFER_LONG 0x500u /* enabled and active */
#define RFLAGS_FIXED 0x2u
#define GDT_BYTES 32u

static struct kvm_cpuid2 *cpuid_alloc(unsigned entries)
{
    struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + entries * sizeof(struct kvm_cpuid_entry2));

    if (list)
        list->nent = entries;
    return list;
}

/* What the physical processor has, as processor (vcpu) of this machine. */
static void native_leaf(const struct hvh_vcpu *vcpu, struct kvm_cpuid_entry2 *e)
{
    if (e->function == 1) {
        e->ebx = (e->ebx & 0xFFFFu) | vcpu->kvm->config.cpus << 16 | vcpu->index << 24;
        e->ecx |= LEAF1_HYPERVISOR | LEAF1_TSC_DEADLINE;
    }
    if (e->function == 0xB || e->function == 0x1F)
        e->edx = vcpu->index; /* its APIC id */
}

static void merge(const struct hvh_vcpu *vcpu, const struct kvm_cpuid2 *native,
                  const struct kvm_cpuid2 *hyperv, struct kvm_cpuid2 *out)
{
    unsigned i, n = 0;

    for (i = 0; i < native->nent && n < CPUID_MAX; i++) {
        if (native->entries[i].function >> 28 == HVH_LEAF_FIRST >> 28)
            continue;
        out->entries[n] = native->entries[i];
        native_leaf(vcpu, &out->entries[n++]);
    }
    for (i = 0; i < hyperv->nent && n < CPUID_MAX; i++) {
        if (hyperv->entries[i].function > HVH_LEAF_LAST)
            continue;
        out->entries[n] = hyperv->entries[i];
        if (out->entries[n].function == HVH_LEAF_FIRST) {
            out->entries[n].eax = HVH_LEAF_LAST;
            memcpy(&out->entries[n].ebx, "Microsoft Hv", 12);
        }
        n++;
    }
    out->nent = n;
}

static int cpuid_set(struct hvh_vcpu *vcpu, const char **why)
{
    struct kvm_cpuid2 *native = cpuid_alloc(CPUID_MAX);
    struct kvm_cpuid2 *hyperv = cpuid_alloc(HV_CPUID_MAX);
    struct kvm_cpuid2 *merged = cpuid_alloc(CPUID_MAX);
    int rc = -ENOMEM;

    *why = "KVM does not say which processor features it has";
    if (native && hyperv && merged)
        rc = ioctl(vcpu->kvm->dev_fd, KVM_GET_SUPPORTED_CPUID, native) ||
                     ioctl(vcpu->kvm->dev_fd, KVM_GET_SUPPORTED_HV_CPUID, hyperv)
                 ? -errno
                 : 0;
    if (rc == 0) {
        merge(vcpu, native, hyperv, merged);
        rc = ioctl(vcpu->fd, KVM_SET_CPUID2, merged) ? -errno : 0;
    }
    free(native);
    free(hyperv);
    free(merged);
    return rc;
}

int hvh_cpu_create(struct hvh_kvm *kvm, struct hvh_vcpu *vcpu, const char **why)
{
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};

    *why = "KVM makes no processor";
    /* The number doubles as the virtual processor index the guest reads. */
    vcpu->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->index);
    if (vcpu->fd < 0)
        return -errno;
    vcpu->run = mmap(NULL, kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (vcpu->run == MAP_FAILED) {
        vcpu->run = NULL;
        return -errno;
    }
    *why = "this KVM does not emulate Hyper-V's interrupt controller";
    if (ioctl(vcpu->fd, KVM_ENABLE_CAP, &synic) != 0)
        return -errno;
    vcpu->control = HVH_SYNIC_ENABLED; /* KVM's initial value, of which it tells us nothing */
    return cpuid_set(vcpu, why);
}

int hvh_cpu_reset(struct hvh_vcpu *vcpu, uint64_t entry)
{
    struct kvm_regs regs = {.rip = entry, .rsi = HVH_BOOT_PARAMS, .rflags = RFLAGS_FIXED};
    struct kvm_segment data = {
        .limit = UINT32_MAX,
        .selector = HVH_BOOT_DATA_SELECTOR,
        .type = 3, /* writable */
        .present = 1,
        .db = 1,
        .s = 1,
        .g = 1,
    };
    struct kvm_segment code = data;
    struct kvm_sregs sregs;

    code.selector = HVH_BOOT_CODE_SELECTOR;
    code.type = 11; /* executable, readable */
    code.db = 0;
    code.l = 1;
    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) != 0)
        return -errno;
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cr0 = CR0_PROTECTED | CR0_PAGING;
    sregs.cr3 = HVH_BOOT_TABLES;
    sregs.cr4 |= CR4_PAE;
    sregs.efer |= EFER_LONG;
    sregs.gdt.base = HVH_BOOT_GDT;
    sregs.gdt.limit = GDT_BYTES - 1;
    if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) != 0)
        return -errno;
    return ioctl(vcpu->fd, KVM_SET_REGS, &regs) ? -errno : 0;
}
