/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest kernel sees of its Hyper-V processor: SynIC pages and the two hypercalls VMBus uses.
 * Source: docs/protocol.md, "SynIC", and Microsoft's hypervisor specification.
 */
#ifndef HVH_KVM_REG_H
#define HVH_KVM_REG_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* HvPostMessage's input, in guest memory. */
struct hvh_post_input {
    uint32_t connection_id;
    uint32_t reserved;
    uint32_t message_type;
    uint32_t payload_bytes;
    uint8_t payload[240];
};
static_assert(sizeof(struct hvh_post_input) == 256, "wire layout");
static_assert(offsetof(struct hvh_post_input, payload) == 16, "wire layout");

/* One slot of the message page; slot number = synthetic interrupt source. */
struct hvh_synic_slot {
    _Atomic uint32_t type; /* 0: empty, the host may write it */
    uint8_t payload_bytes;
    _Atomic uint8_t flags; /* HVH_SLOT_PENDING */
    uint16_t reserved;
    uint64_t sender;
    uint8_t payload[240];
};
#define HVH_SLOT_PENDING 0x1u
static_assert(sizeof(struct hvh_synic_slot) == 256, "wire layout");
static_assert(offsetof(struct hvh_synic_slot, flags) == 5, "wire layout");
static_assert(offsetof(struct hvh_synic_slot, payload) == 16, "wire layout");

/* One slot of the event flags page: a bit per channel. */
struct hvh_synic_flags {
    _Atomic uint32_t word[64];
};
static_assert(sizeof(struct hvh_synic_flags) == 256, "wire layout");

/* The registers that place those pages: this bit, and the page's address above bit 12. */
#define HVH_SYNIC_ENABLED 0x1u

/* Hypercall input value: code in the low 16 bits. */
#define HVH_CALL_POST_MESSAGE 0x5Cu
#define HVH_CALL_SIGNAL_EVENT 0x5Du
#define HVH_CALL_FAST (1u << 16)

#define HVH_HV_SUCCESS 0x0u
#define HVH_HV_BAD_CODE 0x2u
#define HVH_HV_BAD_ALIGNMENT 0x4u
#define HVH_HV_BAD_PARAMETER 0x5u
#define HVH_HV_BAD_CONNECTION 0x12u
#define HVH_HV_NO_BUFFERS 0x13u /* the guest tries again */

/* Five registers in which a kernel says why it ends: for Linux error code, its version, where. */
#define HVH_MSR_CRASH_P0 0x40000100u
#define HVH_CRASH_REGISTERS 5u

/* Leaves of CPUID that speak of the hypervisor: above this they are KVM's own or its debugger's. */
#define HVH_LEAF_FIRST 0x40000000u
#define HVH_LEAF_LAST 0x4000000Au

#endif
