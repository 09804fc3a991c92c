/* SPDX-License-Identifier: BSD-3-Clause */
/* What KVM is asked for before a processor runs: memory, interrupt controllers, routes. */
#define _GNU_SOURCE /* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hvh_kvm_var.h"

#define LARGE_PAGE_BYTES (UINT64_C(2) << 20)
#define RAM_MAX (UINT64_C(3) << 30)
#define TSS_ADDRESS 0xFFFBD000ul /* three pages no guest uses; Intel processors want them */
#define ROUTES_MAX (HVH_IOAPIC_PINS + HVH_KVM_CPUS_MAX)

int hvh_machine_memory(struct hvh_kvm *kvm)
{
    uint64_t bytes = kvm->config.ram_bytes;
    uint8_t *base;

    if (bytes == 0 || bytes % LARGE_PAGE_BYTES || bytes > RAM_MAX)
        return -EINVAL;
    kvm->ram_fd = memfd_create("guest", MFD_CLOEXEC);
    if (kvm->ram_fd < 0 || ftruncate(kvm->ram_fd, (off_t)bytes) != 0)
        return -errno;
    base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kvm->ram_fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    kvm->ram = (struct vmbus_region){.base = base, .len_bytes = bytes};
    return 0;
}

/* Of KVM, all that is relied on; by the names in linux/kvm.h, under which it is looked up. */
static const struct {
    const char *name;
    unsigned long number;
} capabilities[] = {
#define CAP(name)                                                                                  \
    {                                                                                              \
#name, name                                                                                \
    }
    CAP(KVM_CAP_IRQCHIP),         CAP(KVM_CAP_USER_MEMORY),      CAP(KVM_CAP_IRQ_ROUTING),
    CAP(KVM_CAP_IMMEDIATE_EXIT),  CAP(KVM_CAP_HYPERV),           CAP(KVM_CAP_HYPERV_SYNIC2),
    CAP(KVM_CAP_HYPERV_VP_INDEX), CAP(KVM_CAP_SYS_HYPERV_CPUID),
#undef CAP
};

/* Names of what is missing into (why), as many as fit. Returns how many. */
static unsigned missing(int fd, char why[HVH_KVM_WHY_BYTES])
{
    unsigned count = 0;
    size_t used = 0;

    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
        if (ioctl(fd, KVM_CHECK_EXTENSION, capabilities[i].number) > 0)
            continue;
        if (used < HVH_KVM_WHY_BYTES)
            used += (size_t)snprintf(why + used, HVH_KVM_WHY_BYTES - used, "%s%s",
                                     count ? ", " : "it lacks ", capabilities[i].name);
        count++;
    }
    return count;
}

int hvh_kvm_check(const char *device, char why[HVH_KVM_WHY_BYTES])
{
    int fd = open(device, O_RDWR | O_CLOEXEC);
    int rc = 0;

    if (fd < 0) {
        rc = -errno;
        (void)snprintf(why, HVH_KVM_WHY_BYTES, "%s", strerror(-rc));
        return rc;
    }
    if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        rc = -ENOTTY;
        (void)snprintf(why, HVH_KVM_WHY_BYTES, "this is no KVM of API version 12");
    } else if (missing(fd, why) > 0) {
        rc = -ENOTSUP;
    }
    (void)close(fd);
    return rc;
}

int hvh_machine_create(struct hvh_kvm *kvm, const char **why)
{
    struct kvm_userspace_memory_region region = {
        .memory_size = kvm->ram.len_bytes,
        .userspace_addr = (uintptr_t)kvm->ram.base,
    };
    int bytes;

    *why = "cannot open /dev/kvm";
    kvm->dev_fd = open(HVH_KVM_DEVICE, O_RDWR | O_CLOEXEC);
    if (kvm->dev_fd < 0)
        return -errno;
    *why = "KVM makes no machine";
    kvm->vm_fd = ioctl(kvm->dev_fd, KVM_CREATE_VM, 0);
    bytes = ioctl(kvm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (kvm->vm_fd < 0 || bytes < (int)sizeof(struct kvm_run) ||
        ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) != 0 ||
        ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) != 0 ||
        ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != 0)
        return -errno;
    kvm->run_bytes = (size_t)bytes;
    return 0;
}

/* Setting routes replaces all, so the IOAPIC's pins are listed again. */
int hvh_machine_routes(struct hvh_kvm *kvm)
{
    struct kvm_irq_routing *routes =
        calloc(1, sizeof(*routes) + ROUTES_MAX * sizeof(struct kvm_irq_routing_entry));
    struct kvm_irq_routing_entry *e;
    int rc;

    if (!routes)
        return -ENOMEM;
    e = routes->entries;
    for (uint32_t pin = 0; pin < HVH_IOAPIC_PINS; pin++)
        *e++ = (struct kvm_irq_routing_entry){
            .gsi = pin,
            .type = KVM_IRQ_ROUTING_IRQCHIP,
            .u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin},
        };
    for (uint32_t vp = 0; vp < kvm->config.cpus; vp++)
        *e++ = (struct kvm_irq_routing_entry){
            .gsi = HVH_GSI_SINT + vp,
            .type = KVM_IRQ_ROUTING_HV_SINT,
            .u.hv_sint = {.vcpu = vp, .sint = HVH_SINT_VMBUS},
        };
    routes->nr = HVH_IOAPIC_PINS + kvm->config.cpus;
    rc = ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, routes) ? -errno : 0;
    free(routes);
    return rc;
}
