/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual machine from inside. Threads: one per processor, which only leaves the guest to do
 * what is noted here, and the host's, which runs everything else.
 *
 *   mailbox        processors put messages in, the host takes them: mail_lock
 *   doorbells      processors set bits, the host takes them: atomic
 *   SynIC pages    a processor says where its pages are, the host writes them: atomic
 *   serial ports   registers by processors, input by the host: port_lock
 *
 * No lock is held while another is taken, and none while the core runs.
 */
#ifndef HVH_KVM_VAR_H
#define HVH_KVM_VAR_H

#include <pthread.h>
#include <stdatomic.h>

#include <linux/kvm.h>

#include "hvh_kvm.h"
#include "hvh_kvm_reg.h"
#include "hvh_vmbus_reg.h"
#include "vmbus_reg.h"

#define HVH_MAILS 256u
#define HVH_GSI_SINT 32u /* first interrupt number after the IOAPIC's, one per processor */
#define HVH_IOAPIC_PINS 24u
#define HVH_UART_FIFO 512u

struct hvh_vcpu {
    struct hvh_kvm *kvm;
    unsigned index;
    int fd;
    struct kvm_run *run;
    pthread_t thread;
    bool started;
    _Atomic uint64_t control, messages, events; /* its SynIC registers */
};

struct hvh_mail {
    uint32_t connection_id;
    uint32_t bytes;
    uint8_t payload[HVH_MSG_BYTES_MAX];
};

/* A 16550 with an endless sender. */
struct hvh_uart {
    int in_fd, out_fd;
    uint32_t gsi;
    uint8_t ier, fcr, lcr, mcr, scratch, divisor[2];
    bool sent; /* the interrupt "transmitter empty" is due */
    bool line; /* of the interrupt */
    uint8_t input[HVH_UART_FIFO];
    unsigned first, count;
};

struct hvh_kvm {
    struct hvhost *host;
    struct hvh_kvm_config config;
    struct hvh_vmbus *bus;
    int dev_fd, vm_fd, ram_fd;
    int wake_fd; /* a processor has something for the host */
    struct vmbus_region ram;
    size_t run_bytes;
    struct hvh_vcpu vcpu[HVH_KVM_CPUS_MAX];
    _Atomic int end; /* enum hvh_kvm_end and the status above it; 0 while it runs */
    atomic_bool stop;

    pthread_mutex_t mail_lock;
    struct hvh_mail mail[HVH_MAILS];
    unsigned mail_first, mail_count;
    _Atomic uint32_t doorbell[(VMBUS_RELID_MAX + 1) / 32];

    pthread_mutex_t port_lock;
    struct hvh_uart uart[2];
    uint8_t cmos_index;

    _Atomic uint64_t exits_io, exits_mmio, exits_hyperv, posts, signals, bad_hypercalls,
        mailbox_full;
};

/* ---- hvh_kvm.c -------------------------------------------------------------------------- */

/* Any thread: the machine has come to its end. Only the first call counts. */
void hvh_kvm_finish(struct hvh_kvm *kvm, enum hvh_kvm_end end, int status);
void hvh_kvm_wake(struct hvh_kvm *kvm);
/* Any thread: interrupt line (gsi). */
void hvh_kvm_irq(struct hvh_kvm *kvm, uint32_t gsi, bool level);

/* ---- hvh_kvm_run.c ---------------------------------------------------------------------- */

/* A thread for each; 0 or -errno, after which those that run are to be stopped, too. */
int hvh_processors_start(struct hvh_kvm *kvm);
/* End its thread, if it has one, and let go what belongs to it. */
void hvh_processor_stop(struct hvh_vcpu *vcpu);

/* ---- hvh_kvm_synic.c -------------------------------------------------------------------- */

extern const struct hvh_vmbus_ops hvh_synic_ops; /* ctx is the machine */
/* A processor left the guest because it moved its SynIC pages, or made a hypercall. */
void hvh_synic_exit(struct hvh_vcpu *vcpu);
/* Host: give the bus what the processors left. Returns how much. */
unsigned hvh_synic_collect(struct hvh_kvm *kvm);

/* ---- hvh_kvm_port.c --------------------------------------------------------------------- */

void hvh_port_exit(struct hvh_vcpu *vcpu);

/* ---- hvh_kvm_uart.c --------------------------------------------------------------------- */

/* Registers; the caller holds port_lock. */
uint8_t hvh_uart_read(struct hvh_kvm *kvm, struct hvh_uart *uart, unsigned reg);
void hvh_uart_write(struct hvh_kvm *kvm, struct hvh_uart *uart, unsigned reg, uint8_t value);
/* Host: read what there is for the guest. */
unsigned hvh_uart_input(struct hvh_kvm *kvm, struct hvh_uart *uart);
/* Descriptor to wait on, or -1. */
int hvh_uart_wants(struct hvh_kvm *kvm, const struct hvh_uart *uart);

/* ---- hvh_kvm_machine.c ------------------------------------------------------------------ */

/* In this order; 0 or -errno, with (why) in words. */
int hvh_machine_memory(struct hvh_kvm *kvm);
int hvh_machine_create(struct hvh_kvm *kvm, const char **why);
/* Interrupt numbers: the IOAPIC's pins, and from HVH_GSI_SINT on VMBus' source per processor. */
int hvh_machine_routes(struct hvh_kvm *kvm);

/* ---- hvh_kvm_cpu.c ---------------------------------------------------------------------- */

/* 0 or -errno, with (why) in words. */
int hvh_cpu_create(struct hvh_kvm *kvm, struct hvh_vcpu *vcpu, const char **why);
/* Registers of the first processor as the 64-bit boot protocol wants them. */
int hvh_cpu_reset(struct hvh_vcpu *vcpu, uint64_t entry);

/* ---- hvh_kvm_boot.c, hvh_kvm_acpi.c ----------------------------------------------------- */

#define HVH_BOOT_PARAMS 0x7000u
#define HVH_BOOT_TABLES 0x9000u /* PML4, PDPT, four page directories */
#define HVH_BOOT_GDT 0x500u
#define HVH_BOOT_CMDLINE 0x20000u
#define HVH_BOOT_CMDLINE_MAX 2048u
#define HVH_BOOT_CODE_SELECTOR 0x10u
#define HVH_BOOT_DATA_SELECTOR 0x18u
#define HVH_ACPI_BASE 0xE0000u
#define HVH_ACPI_BYTES 0x10000u

/* Kernel, initramfs and what the boot protocol wants in memory; (*entry) is where to start. */
int hvh_boot_load(struct hvh_kvm *kvm, uint64_t *entry, const char **why);
/* Write the tables; returns the address of the first. */
uint64_t hvh_acpi_write(const struct vmbus_region *ram, unsigned cpus);

#endif
