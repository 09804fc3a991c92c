/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The synthetic interrupt controller between guest and VMBus.
 *
 * A hypercall has to be answered at once and on the processor's thread, so only what needs no look
 * at the bus is judged there: connection id, alignment, lengths. The message is copied into a
 * mailbox, a signal becomes a bit, and the host's thread is woken. A full mailbox is what
 * HV_STATUS_INSUFFICIENT_BUFFERS is for: Linux waits and posts again.
 *
 * KVM injects interrupts and takes care of EOM, without telling us: an occupied message slot is
 * marked and looked at again a millisecond later.
 */
#include <string.h>
#include <unistd.h>

#include "hvh_kvm_var.h"

/* ---- guest to host, on a processor's thread --------------------------------------------- */

static uint64_t post_message(struct hvh_kvm *kvm, uint64_t gpa)
{
    const uint8_t *from = hvh_mem_at(&kvm->ram, gpa, sizeof(struct hvh_post_input));
    struct hvh_post_input in;
    struct hvh_mail *mail;
    bool full;

    if (gpa % 8 != 0)
        return HVH_HV_BAD_ALIGNMENT;
    if (!from)
        return HVH_HV_BAD_PARAMETER;
    memcpy(&in, from, sizeof(in));
    if (in.payload_bytes > sizeof(in.payload) || in.message_type != HVH_MSG_TYPE_CHANNEL)
        return HVH_HV_BAD_PARAMETER;
    if (!hvh_vmbus_takes_messages(kvm->bus, in.connection_id))
        return HVH_HV_BAD_CONNECTION;

    pthread_mutex_lock(&kvm->mail_lock);
    full = kvm->mail_count == HVH_MAILS;
    if (!full) {
        mail = &kvm->mail[(kvm->mail_first + kvm->mail_count++) % HVH_MAILS];
        mail->connection_id = in.connection_id;
        mail->bytes = in.payload_bytes;
        memcpy(mail->payload, in.payload, in.payload_bytes);
    }
    pthread_mutex_unlock(&kvm->mail_lock);
    if (full) {
        kvm->mailbox_full++;
        return HVH_HV_NO_BUFFERS;
    }
    kvm->posts++;
    hvh_kvm_wake(kvm);
    return HVH_HV_SUCCESS;
}

static uint64_t signal_event(struct hvh_kvm *kvm, uint64_t param)
{
    uint32_t connection_id = (uint32_t)param;
    uint32_t relid = connection_id & VMBUS_RELID_MAX;

    if (!hvh_vmbus_takes_signals(kvm->bus, connection_id))
        return HVH_HV_BAD_CONNECTION;
    if (param >> 32 != 0) /* flag number: our ports have one flag */
        return HVH_HV_BAD_PARAMETER;
    kvm->signals++;
    /* Release: pairs with the acquire in hvh_synic_collect(). What was sent before is seen. */
    atomic_fetch_or_explicit(&kvm->doorbell[relid / 32], 1u << (relid % 32), memory_order_release);
    hvh_kvm_wake(kvm);
    return HVH_HV_SUCCESS;
}

/* Linux signals in the fast form; the other has the parameter in memory. */
static uint64_t signal_slow(struct hvh_kvm *kvm, uint64_t gpa)
{
    const uint8_t *from = hvh_mem_at(&kvm->ram, gpa, sizeof(uint64_t));
    uint64_t param;

    if (gpa % 8 != 0)
        return HVH_HV_BAD_ALIGNMENT;
    if (!from)
        return HVH_HV_BAD_PARAMETER;
    memcpy(&param, from, sizeof(param));
    return signal_event(kvm, param);
}

static uint64_t hypercall(struct hvh_kvm *kvm, uint64_t input, uint64_t param)
{
    bool fast = input & HVH_CALL_FAST;

    switch (input & 0xFFFF) {
    case HVH_CALL_POST_MESSAGE:
        return fast ? HVH_HV_BAD_PARAMETER : post_message(kvm, param);
    case HVH_CALL_SIGNAL_EVENT:
        return fast ? signal_event(kvm, param) : signal_slow(kvm, param);
    default:
        return HVH_HV_BAD_CODE;
    }
}

/* The guest placed a page: it starts zeroed. */
static void page_placed(struct hvh_kvm *kvm, _Atomic uint64_t *reg, uint64_t value)
{
    uint64_t old = *reg;
    uint8_t *page;

    if ((value & HVH_SYNIC_ENABLED) && value != old) {
        page = hvh_mem_at(&kvm->ram, value & ~UINT64_C(0xFFF), VMBUS_PAGE_BYTES);
        if (page)
            memset(page, 0, VMBUS_PAGE_BYTES);
    }
    *reg = value;
}

void hvh_synic_exit(struct hvh_vcpu *vcpu)
{
    struct kvm_hyperv_exit *exit = &vcpu->run->hyperv;
    struct hvh_kvm *kvm = vcpu->kvm;

    kvm->exits_hyperv++;
    if (exit->type == KVM_EXIT_HYPERV_SYNIC) {
        page_placed(kvm, &vcpu->events, exit->u.synic.evt_page);
        page_placed(kvm, &vcpu->messages, exit->u.synic.msg_page);
        vcpu->control = exit->u.synic.control;
        hvh_kvm_wake(kvm); /* messages may wait for these pages */
    } else if (exit->type == KVM_EXIT_HYPERV_HCALL) {
        exit->u.hcall.result = hypercall(kvm, exit->u.hcall.input, exit->u.hcall.params[0]);
        if (exit->u.hcall.result != HVH_HV_SUCCESS && exit->u.hcall.result != HVH_HV_NO_BUFFERS)
            kvm->bad_hypercalls++;
    }
}

/* ---- guest to host, on the host's thread ------------------------------------------------ */

static bool mail_take(struct hvh_kvm *kvm, struct hvh_mail *out)
{
    bool any;

    pthread_mutex_lock(&kvm->mail_lock);
    any = kvm->mail_count > 0;
    if (any) {
        *out = kvm->mail[kvm->mail_first];
        kvm->mail_first = (kvm->mail_first + 1) % HVH_MAILS;
        kvm->mail_count--;
    }
    pthread_mutex_unlock(&kvm->mail_lock);
    return any;
}

unsigned hvh_synic_collect(struct hvh_kvm *kvm)
{
    struct hvh_mail mail;
    uint32_t bits, bit;
    unsigned i, done = 0;

    while (done < HVH_MAILS && hvh_vmbus_has_room(kvm->bus) && mail_take(kvm, &mail)) {
        hvh_vmbus_message(kvm->bus, mail.connection_id, mail.payload, mail.bytes);
        done++;
    }
    for (i = 0; i < sizeof(kvm->doorbell) / sizeof(kvm->doorbell[0]); i++) {
        if (!atomic_load_explicit(&kvm->doorbell[i], memory_order_relaxed))
            continue;
        /* Acquire: pairs with the release in signal_event(). */
        bits = atomic_exchange_explicit(&kvm->doorbell[i], 0, memory_order_acquire);
        for (; bits; bits &= bits - 1, done++) {
            bit = (uint32_t)__builtin_ctz(bits);
            hvh_vmbus_signal(kvm->bus, HVH_CONN_EVENT | (i * 32 + bit));
        }
    }
    return done;
}

/* ---- host to guest ---------------------------------------------------------------------- */

/* VMBus' 256 bytes of a SynIC page of (vcpu), or NULL while the guest has none. */
static void *sint_slot(const struct hvh_vcpu *vcpu, uint64_t reg)
{
    if (!(vcpu->control & HVH_SYNIC_ENABLED) || !(reg & HVH_SYNIC_ENABLED))
        return NULL;
    return hvh_mem_at(&vcpu->kvm->ram, (reg & ~UINT64_C(0xFFF)) + HVH_SINT_VMBUS * 256u, 256);
}

static bool post(void *ctx, uint32_t vp, const void *msg, uint32_t bytes)
{
    struct hvh_kvm *kvm = ctx;
    struct hvh_synic_slot *slot = sint_slot(&kvm->vcpu[vp], kvm->vcpu[vp].messages);

    if (!slot)
        return false;
    if (atomic_load_explicit(&slot->type, memory_order_acquire) != 0) {
        /* Store-load: mark, then look again. The guest empties, then looks at the mark. */
        atomic_store(&slot->flags, HVH_SLOT_PENDING);
        if (atomic_load(&slot->type) != 0)
            return false;
    }
    slot->payload_bytes = (uint8_t)bytes;
    atomic_store_explicit(&slot->flags, 0, memory_order_relaxed);
    slot->sender = 0;
    memcpy(slot->payload, msg, bytes);
    /* Release: the guest reads the type first. */
    atomic_store_explicit(&slot->type, HVH_MSG_TYPE_CHANNEL, memory_order_release);
    hvh_kvm_irq(kvm, HVH_GSI_SINT + vp, true);
    return true;
}

static void event(void *ctx, uint32_t vp, uint32_t relid)
{
    struct hvh_kvm *kvm = ctx;
    struct hvh_synic_flags *flags = sint_slot(&kvm->vcpu[vp], kvm->vcpu[vp].events);
    uint32_t bit = 1u << (relid % 32);

    /* Full order: the guest clears the bit, then looks at the ring this bit stands for. */
    if (flags && !(atomic_fetch_or(&flags->word[relid / 32], bit) & bit))
        hvh_kvm_irq(kvm, HVH_GSI_SINT + vp, true);
}

const struct hvh_vmbus_ops hvh_synic_ops = {.post = post, .event = event};
