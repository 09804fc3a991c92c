/* SPDX-License-Identifier: BSD-3-Clause */
/* A card's life: opened, rescinded, offered again, closed; and two cards on one switch. */
#include <errno.h>

#include "hvhost_fault.h"
#include "raw_guest.h"

static void card_opens_once_and_again_after_closing(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct vmbus_transport t;

    (void)state;
    raw_guest_open(g);
    assert_int_equal(hvhost_nic_open(g->nic, &t), -EBUSY);
    assert_null(t.ops);
    g->t.ops->close(g->t.ctx);
    raw_bring_up(g);
    assert_int_equal(raw_stat(g, opens), 2);
    assert_int_equal(raw_stat(g, closes), 1);
    raw_guest_destroy(g);
}

static void regions_are_laid_out_as_by_the_kernel(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_guest_open(g);
    assert_int_equal(g->t.primary.rings.len_bytes, 64 * 1024);
    assert_int_equal(g->t.int_page.len_bytes, VMBUS_PAGE_BYTES);
    assert_int_equal(g->t.monitor_page.len_bytes, VMBUS_PAGE_BYTES);
    assert_int_equal(g->t.recv_gpadl, 0xE1E10);
    assert_int_equal(g->t.send_gpadl, 0xE1E11);
    assert_int_equal(g->t.irq_fd, -1);
    assert_int_equal(g->t.primary.monitor_id, VMBUS_MONITOR_NONE);
    assert_int_equal(g->t.dma.len_bytes, 1024 * 1024);
    assert_true(g->t.dma_pfn[0] > UINT32_MAX / VMBUS_PAGE_BYTES);
    assert_int_equal(g->tx_ctl->feature_bits, VMBUS_RING_FEATURE_PENDING);
    assert_int_equal(g->rx_ctl->feature_bits, VMBUS_RING_FEATURE_PENDING);
    assert_int_equal(g->t.ops->subchannel_open(g->t.ctx, 1, &g->t.primary), -ENOTSUP);
    raw_guest_destroy(g);
}

static void card_without_dma_memory_has_no_page_numbers(void **state)
{
    const struct hvhost_nic_config config = {.dma_bytes = UINT32_MAX};
    struct raw_guest *g = raw_guest_create(&config);

    (void)state;
    raw_guest_open(g);
    assert_null(g->t.dma_pfn);
    assert_int_equal(g->t.dma.len_bytes, 0);
    raw_guest_destroy(g);
}

static void rescinded_card_says_so_until_closed(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct vmbus_transport t;

    (void)state;
    raw_bring_up(g);
    raw_port_send(g, 60, NULL);
    raw_step(g); /* lent to the guest, which will never complete it */
    hvhost_nic_rescind(g->nic);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EIO);
    assert_int_equal(g->t.ops->signal(g->t.ctx, g->t.primary.relid), -EIO);
    assert_int_equal(g->t.ops->irq_enable(g->t.ctx, true), -EIO);

    /* The memory is still there, but it gets no more frames. */
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_drop_down), 1);
    assert_int_equal(hvhost_nic_open(g->nic, &t), -ENODEV);

    hvhost_nic_offer(g->nic);
    assert_int_equal(hvhost_nic_open(g->nic, &t), -EBUSY);
    raw_port_send(g, 60, NULL);
    assert_int_equal(raw_stat(g, rx_drop_down), 2); /* it is offered to the next guest */
    g->t.ops->close(g->t.ctx);
    assert_int_equal(raw_stat(g, rx_reclaimed), 1);
    raw_bring_up(g);
    assert_int_equal(raw_stat(g, strict_close), 0); /* it had no chance */
    raw_guest_destroy(g);
}

/* hv_netvsc waits for it without a limit: seen in tests/vm, see docs/protocol-notes.md. */
static void withdrawn_card_completes_what_was_sent(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;
    uint8_t msg[256];
    uint64_t before;

    (void)state;
    raw_bring_up(g);
    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    before = raw_stat(g, rx_completed);
    raw_complete(g, pkt.desc.xid);
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    hvhost_nic_rescind(g->nic);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, g->xid);
    assert_int_equal(raw_stat(g, rx_completed), before + 1);
    assert_int_equal(g->port_frames, 0); /* it is off the switch */
    assert_int_equal(raw_stat(g, tx_drop_link), 1);
    raw_guest_destroy(g);
}

static void lent_sections_come_back_when_the_guest_dies(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    for (unsigned i = 0; i < 10; i++) {
        raw_port_send(g, 60, NULL);
        raw_step(g);
    }
    g->t.ops->close(g->t.ctx);
    g->t.ops = NULL;
    assert_int_equal(raw_stat(g, rx_reclaimed), 10);
    assert_null(hvhost_audit(g->host));
    raw_guest_destroy(g);
}

static void clean_close_is_no_sin(void **state)
{
    const uint32_t none = 0;
    const struct nvs_revoke_buf recv = {NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0};
    const struct nvs_revoke_buf send = {NVS_MSG_REVOKE_SEND_BUF, NVS_SEND_BUF_ID, 0};
    const struct rndis_simple halt = {RNDIS_MSG_HALT, 12, 1};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_set(g, OID_PACKET_FILTER, &none, 4);
    raw_control_send(g, &halt, sizeof(halt));
    raw_expect(g, &pkt);
    raw_nvs(g, &recv, sizeof(recv), 0);
    raw_nvs(g, &send, sizeof(send), 0);
    raw_expect_none(g);
    g->t.ops->close(g->t.ctx);
    g->t.ops = NULL;
    raw_check_strict(g, NULL);
    assert_int_equal(raw_stat(g, rx_reclaimed), 0);
    raw_guest_destroy(g);
}

/* Linux 6.1 unloads hv_netvsc so: seen in tests/vm, see docs/protocol-notes.md. */
static void halt_with_the_filter_on_is_no_sin(void **state)
{
    const struct rndis_simple halt = {RNDIS_MSG_HALT, 12, 1};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_control_send(g, &halt, sizeof(halt));
    raw_expect(g, &pkt);
    raw_step(g);
    raw_port_send(g, 60, NULL);
    raw_expect_none(g); /* and no frame comes any more */
    g->t.ops->close(g->t.ctx);
    g->t.ops = NULL;
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* DPDK revokes first and halts then: the HALT must not be held against it. */
static void halt_after_revoke_is_acknowledged(void **state)
{
    const uint32_t none = 0;
    const struct nvs_revoke_buf recv = {NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0};
    const struct rndis_simple halt = {RNDIS_MSG_HALT, 12, 1};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_set(g, OID_PACKET_FILTER, &none, 4);
    raw_nvs(g, &recv, sizeof(recv), 0);
    raw_control_send(g, &halt, sizeof(halt));
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.xid, g->xid);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void frames_out_at_a_revoke_are_reclaimed(void **state)
{
    const struct nvs_revoke_buf recv = {NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0};
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    raw_nvs(g, &recv, sizeof(recv), 0);
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_reclaimed), 1);
    raw_guest_destroy(g);
}

/* They were gathered in the turn in which the guest takes its buffer back. */
static void frames_about_to_leave_at_a_revoke_do_not(void **state)
{
    const struct nvs_revoke_buf recv = {NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0};
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    raw_nvs(g, &recv, sizeof(recv), 0);
    raw_port_send(g, 60, NULL);
    raw_expect_none(g);
    raw_guest_destroy(g);
}

static void next_guest_starts_afresh(void **state)
{
    static const uint8_t group[6] = {1, 0, 0x5E, 0, 0, 2};
    const uint32_t none = 0, filter = NDIS_FILTER_MULTICAST;
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_set(g, OID_MULTICAST_LIST, group, 6);
    raw_set(g, OID_PACKET_FILTER, &none, 4);
    raw_step(g);
    g->t.ops->close(g->t.ctx);
    raw_bring_up(g);
    raw_set(g, OID_PACKET_FILTER, &filter, 4);
    raw_port_send(g, 60, group);
    assert_int_equal(raw_stat(g, rx_drop_filter), 1);
    raw_guest_destroy(g);
}

/* ---- two cards -------------------------------------------------------------------------- */

static void frame_of_one_card_lands_in_the_other(void **state)
{
    struct raw_guest *a = raw_guest_create(NULL);
    struct raw_guest b = {.host = a->host, .port = a->port, .now_ns = a->now_ns};
    const struct hvhost_nic_config config = {.recv_buf_bytes = 128 * 1024};
    struct vmbus_xfer_range range;
    struct raw_packet pkt;
    uint8_t msg[256];
    uint32_t bytes = raw_frame_message(msg, 60, 0x42);

    (void)state;
    assert_int_equal(hvhost_nic_add(a->host, &config, &b.nic), 0);
    raw_bring_up(a);
    raw_bring_up(&b);
    memset(msg + sizeof(struct rndis_packet), 0xFF, 6);
    raw_section_send(a, 0, msg, bytes);
    raw_step(a);
    assert_true(raw_take(&b, &pkt));
    memcpy(&range, pkt.header + 8, sizeof(range));
    assert_memory_equal(b.t.recv.base + range.off_bytes + 44, msg + 44, 60);
    assert_int_equal(a->port_frames, 1);
    b.t.ops->close(b.t.ctx);
    raw_guest_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_opens_once_and_again_after_closing),
        cmocka_unit_test(regions_are_laid_out_as_by_the_kernel),
        cmocka_unit_test(card_without_dma_memory_has_no_page_numbers),
        cmocka_unit_test(rescinded_card_says_so_until_closed),
        cmocka_unit_test(withdrawn_card_completes_what_was_sent),
        cmocka_unit_test(lent_sections_come_back_when_the_guest_dies),
        cmocka_unit_test(clean_close_is_no_sin),
        cmocka_unit_test(halt_with_the_filter_on_is_no_sin),
        cmocka_unit_test(halt_after_revoke_is_acknowledged),
        cmocka_unit_test(frames_out_at_a_revoke_are_reclaimed),
        cmocka_unit_test(frames_about_to_leave_at_a_revoke_do_not),
        cmocka_unit_test(next_guest_starts_afresh),
        cmocka_unit_test(frame_of_one_card_lands_in_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
