/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP sends: chains of any shape, the backlog, its order and its references. */
#include "lwip_bench.h"

#include <string.h>

/* ---- transmit -------------------------------------------------------------------------------- */

static void chains_of_any_number_of_pieces_arrive_whole(void **state)
{
    static const uint32_t sizes[] = {60, 61, 99, 577, 1001, 1513, 1514};
    uint8_t copy[2048];

    (void)state;
    stack_setup(64);
    for (size_t s = 0; s < countof(sizes); s++) {
        for (unsigned pieces = 1; pieces <= 40; pieces++) {
            struct pbuf *p = stack_chain(sizes[s], pieces, pieces, copy);
            const struct far_frame *far = &stack.far[stack.far_count];

            assert_int_equal(stack_output(p), ERR_OK);
            assert_int_equal(p->ref, 1); /* copied, not kept */
            pbuf_free(p);
            stack_turn(1);
            assert_int_equal(far->bytes, sizes[s]);
            assert_int_equal(far->sum, stack_sum(copy, sizes[s]));
        }
    }
    stack_teardown();
}

static void short_chains_are_padded_and_wrong_ones_refused(void **state)
{
    uint8_t copy[2048];

    (void)state;
    stack_setup(64);
    for (uint32_t len = 14; len < 60; len++) {
        struct pbuf *p = stack_chain(len, 1 + len % 3, 0, copy);

        assert_int_equal(stack_output(p), ERR_OK);
        pbuf_free(p);
        stack_turn(1);
        memset(copy + len, 0, 60 - len);
        assert_int_equal(stack.far[len - 14].bytes, 60);
        assert_int_equal(stack.far[len - 14].sum, stack_sum(copy, 60));
    }
    assert_int_equal(stack_send(13, 1, 0), ERR_VAL);
    assert_int_equal(stack_send(1515, 1, 0), ERR_VAL);
    assert_int_equal(stack.nif.stats.tx_drop_size, 2);
    stack_teardown();
}

static void what_must_wait_keeps_its_order_and_gets_its_references_back(void **state)
{
    struct pbuf *p[100];
    uint8_t copy[2048];

    (void)state;
    stack_setup(8);
    for (uint32_t i = 0; i < 100; i++) {
        p[i] = stack_chain(200 + i, 1 + i % 5, i, copy);
        assert_int_equal(stack_output(p[i]), ERR_OK);
    }
    assert_int_equal(p[0]->ref, 1);
    assert_int_equal(p[99]->ref, 2); /* lwIP's TCP sees that it is still with us */
    assert_int_equal(stack.nif.stats.tx_queued, 100 - 8);
    stack_turn(100);
    assert_int_equal(stack.far_count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(stack.far[i].order, i);
        assert_int_equal(stack.far[i].bytes, 200 + i);
        assert_int_equal(p[i]->ref, 1);
        pbuf_free(p[i]);
    }
    assert_int_equal(stack.nif.stats.tx_drop_backlog, 0);
    stack_teardown();
}

static void a_late_frame_does_not_overtake_the_backlog(void **state)
{
    (void)state;
    stack_setup(8);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(stack_send(200, 1, i), ERR_OK);
    hvhost_step(stack.host, stack.now_ns); /* not yet flushed */
    netvsc_flush(stack.nif.nic);
    hvhost_step(stack.host, stack.now_ns);
    netvsc_poll(stack.nif.nic, stack.now_ns,
                64); /* sections are free again, the backlog still waits */
    assert_int_equal(netvsc_tx_outstanding(stack.nif.nic), 0);
    assert_int_equal(stack_send(200, 1, 12), ERR_OK);
    stack_turn(10);
    assert_int_equal(stack.far_count, 13);
    for (uint32_t i = 0; i < 13; i++)
        assert_int_equal(stack.far[i].order, i);
    stack_teardown();
}

static void what_waited_is_published_in_the_same_poll(void **state)
{
    (void)state;
    stack_setup(8);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(stack_send(200, 1, i), ERR_OK);
    stack_turn(1); /* the first eight go, and are completed after the poll */
    assert_int_equal(stack.far_count, 8);
    netvsc_netif_poll(&stack.nif, stack.now_ns, 64);
    hvhost_step(stack.host, stack.now_ns);
    assert_int_equal(stack.far_count, 12);
    stack_turn(2);
    stack_teardown();
}

static void a_full_backlog_says_so_and_empties_again(void **state)
{
    (void)state;
    stack_setup(8);
    for (uint32_t i = 0; i < 8 + NETVSC_NETIF_BACKLOG; i++)
        assert_int_equal(stack_send(100, 1, i), ERR_OK);
    assert_int_equal(stack_send(100, 1, 0), ERR_MEM);
    assert_int_equal(stack_send(100, 1, 0), ERR_MEM);
    assert_int_equal(stack.nif.stats.tx_drop_backlog, 2);
    stack_turn(400);
    assert_int_equal(stack.far_count, 8 + NETVSC_NETIF_BACKLOG);
    for (uint32_t i = 0; i < stack.far_count; i++)
        assert_int_equal(stack.far[i].order, i);
    assert_int_equal(stack_send(100, 1, 0), ERR_OK);
    stack_teardown();
}

static void borrowed_memory_waits_as_a_copy(pbuf_type type)
{
    uint8_t copy[2048], before[2048];
    struct pbuf *ram, *ref;

    stack_setup(8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(stack_send(100, 1, i), ERR_OK);
    ram = stack_chain(300, 1, 8, copy);
    memcpy(before, ram->payload, 300);
    ref = pbuf_alloc(PBUF_RAW, 300, type);
    ref->payload = ram->payload;
    assert_int_equal(stack_output(ref), ERR_OK);
    assert_int_equal(ref->ref, 1);
    memset(ram->payload, 0xDD, 300);
    pbuf_free(ref);
    pbuf_free(ram);
    stack_turn(10);
    assert_int_equal(stack.far[8].sum, stack_sum(before, 300));
    stack_teardown();
}

/* Its owner may write to it as soon as linkoutput returns: a reference is not enough. */
static void volatile_memory_is_copied_before_it_waits(void **state)
{
    (void)state;
    borrowed_memory_waits_as_a_copy(PBUF_REF);
}

/* A connection that is reset gives its program the memory back while the frame still waits. */
static void memory_of_the_program_is_copied_before_it_waits(void **state)
{
    (void)state;
    borrowed_memory_waits_as_a_copy(PBUF_ROM);
}

/* One of consecutive TCP segments of 1000 bytes, its sum left to the host. */
static void send_segment(uint32_t index)
{
    uint8_t frame[14 + 20 + 20 + 1000] = {0};
    const uint32_t seq = lwip_htonl(1000 * index);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, sizeof(frame), PBUF_RAM);
    uint8_t *ip = frame + 14, *tcp = ip + 20;

    assert_non_null(p);
    memcpy(frame, stack_far_mac, 6);
    memcpy(frame + 6, stack_card_mac, 6);
    memcpy(frame + 12, "\x08\x00\x45\x00\x04\x10", 6);
    ip[8] = 64;
    ip[9] = 6;
    memcpy(tcp + 4, &seq, sizeof(seq));
    tcp[12] = 0x50;
    tcp[13] = 0x10;
    assert_int_equal(pbuf_take(p, frame, sizeof(frame)), ERR_OK);
    assert_int_equal(stack_output(p), ERR_OK);
    pbuf_free(p);
}

/* The host's word bounds what is put together, and may be less than what is there already. */
static void a_host_that_cuts_only_small_packets_gets_none_to_cut(void **state)
{
    (void)state;
    stack_card_config.lso_max_bytes = 300;
    stack_setup(16);
    for (uint32_t i = 0; i < 12; i++)
        send_segment(i);
    netvsc_netif_flush(&stack.nif);
    stack_turn(3);
    assert_int_equal(stack.far_count, 12);
    assert_int_equal(stack.nif.stats.tx_bursts, 0);
    stack_teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_cuts_only_small_packets_gets_none_to_cut),
        cmocka_unit_test(chains_of_any_number_of_pieces_arrive_whole),
        cmocka_unit_test(short_chains_are_padded_and_wrong_ones_refused),
        cmocka_unit_test(what_must_wait_keeps_its_order_and_gets_its_references_back),
        cmocka_unit_test(a_late_frame_does_not_overtake_the_backlog),
        cmocka_unit_test(what_waited_is_published_in_the_same_poll),
        cmocka_unit_test(a_full_backlog_says_so_and_empties_again),
        cmocka_unit_test(volatile_memory_is_copied_before_it_waits),
        cmocka_unit_test(memory_of_the_program_is_copied_before_it_waits),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
