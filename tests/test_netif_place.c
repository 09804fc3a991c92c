/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's memory left where it is until the host has read it: which may be, and for how long. lwIP's
 * heap is one the host is told of, as in our programs.
 */
#include "lwip_bench.h"

#include <string.h>

#include "port_heap.h"

#define MTU 9000u

static void setup(void)
{
    stack_config.memory = port_heap_memory();
    stack_config.tx_copy_bytes = 1000;
    stack_config.mtu_bytes = MTU;
    stack_card_config.mtu_max_bytes = MTU;
    stack_setup(64);
    assert_true(netvsc_info(stack.nif.nic)->tx_gpa);
}

static void check_last(uint32_t bytes, const uint8_t *copy)
{
    const struct far_frame *far = &stack.far[stack.far_count - 1];

    assert_int_equal(far->bytes, bytes);
    assert_int_equal(far->sum, stack_sum(copy, bytes));
}

/* ---- chains ---------------------------------------------------------------------------------- */

/* How many pieces of stack_chain() have bytes behind the head, which is copied. */
static unsigned pieces_left(uint32_t bytes, unsigned pieces)
{
    unsigned count = 0;

    for (uint32_t i = 0, done = 0; i < pieces; i++) {
        done += (bytes - done) / (pieces - i);
        count += done > NETVSC_VECTOR_HEAD_BYTES;
    }
    return count;
}

static void chains_of_the_heap_stay_where_they_are_until_the_host_is_done(void **state)
{
    static const uint32_t sizes[] = {1000, 1001, 1514, 4097, 6053, 9014};
    uint8_t copy[MTU + 14];

    (void)state;
    setup();
    for (unsigned s = 0; s < countof(sizes); s++) {
        for (unsigned pieces = 1; pieces <= 40; pieces++) {
            bool stays = sizes[s] > 1000 && pieces_left(sizes[s], pieces) <= NETVSC_PIECES_MAX;
            struct pbuf *p = stack_chain(sizes[s], pieces, pieces, copy);
            unsigned before = stack.far_count;

            assert_int_equal(stack_output(p), ERR_OK);
            assert_int_equal(p->ref, stays ? 2 : 1);
            stack_turn(2);
            assert_int_equal(p->ref, 1);
            pbuf_free(p);
            assert_int_equal(stack.far_count, before + 1);
            check_last(sizes[s], copy);
        }
    }
    assert_int_equal(stack.nif.stats.tx_linearised, 2 * 8); /* 6053 and 9014, 33 pieces and more */
    stack_teardown();
}

static void what_is_freed_meanwhile_is_not_used_again_meanwhile(void **state)
{
    uint8_t copy[MTU + 14], other[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    p = stack_chain(5000, 3, 7, copy);
    assert_int_equal(stack_output(p), ERR_OK);
    pbuf_free(p); /* its connection was reset */
    for (unsigned i = 0; i < 50; i++)
        pbuf_free(stack_chain(5000, 3, 99, other));
    stack_turn(2);
    check_last(5000, copy);
    stack_teardown();
}

/* The last (bytes) of the chain are memory of the program's. */
static struct pbuf *with_rom(uint32_t bytes, uint8_t *copy)
{
    struct pbuf *p = stack_chain(1400, 2, 5, copy);
    struct pbuf *rom = pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_ROM);

    for (uint32_t i = 0; i < bytes; i++)
        copy[1400 + i] = (uint8_t)(i * 3);
    rom->payload = copy + 1400;
    pbuf_cat(p, rom);
    return p;
}

static void memory_of_the_program_is_copied_even_if_the_host_could_read_it(void **state)
{
    static uint8_t keep[MTU + 14];
    uint8_t *shared = port_heap_malloc(MTU + 14);

    (void)state;
    setup();
    for (unsigned round = 0; round < 4; round++) {
        uint8_t copy[MTU + 14], *at = round & 1 ? shared : copy;
        uint32_t bytes = round < 2 ? 4000 : 7000; /* fits a section, does not */
        struct pbuf *p = with_rom(bytes, at);

        memcpy(keep, at, 1400 + bytes);
        assert_int_equal(stack_output(p), ERR_OK);
        assert_int_equal(p->ref, 1);
        pbuf_free(p);
        memset(at, 0xEE, 1400 + bytes); /* the program has it back */
        stack_turn(2);
        check_last(1400 + bytes, keep);
        assert_int_equal(stack.nif.stats.tx_linearised, round < 2 ? 0 : round - 1);
    }
    port_heap_free(shared);
    stack_teardown();
}

static unsigned returned;

static void on_returned(struct pbuf *p)
{
    (void)p;
    returned++;
}

/* A program's memory at the end of a chain, lent until it is told. */
static void memory_a_program_lends_stays_where_it_is_until_the_host_is_done(void **state)
{
    static uint8_t copy[MTU + 14];
    struct pbuf_custom lent = {.custom_free_function = on_returned};
    uint8_t *shared = port_heap_malloc(MTU);
    struct pbuf *p, *rest;

    (void)state;
    setup();
    returned = 0;
    p = stack_chain(200, 1, 5, copy);
    for (unsigned i = 0; i < 7000; i++)
        copy[200 + i] = shared[i] = (uint8_t)(i * 3);
    rest = pbuf_alloced_custom(PBUF_RAW, 7000, PBUF_ROM, &lent, shared, 7000);
    pbuf_cat(p, rest);
    assert_int_equal(stack_output(p), ERR_OK);
    assert_int_equal(p->ref, 2);
    pbuf_free(p); /* its connection was reset */
    assert_int_equal(returned, 0);
    stack_turn(2);
    assert_int_equal(returned, 1);
    check_last(7200, copy);
    assert_int_equal(stack.nif.stats.tx_linearised, 0);
    port_heap_free(shared);
    stack_teardown();
}

/* The same behind a card that is busy, and in memory the host cannot read. */
static void what_is_lent_waits_without_a_copy_and_is_copied_if_it_must(void **state)
{
    static uint8_t copy[MTU + 14], elsewhere[MTU];
    struct pbuf_custom lent = {.custom_free_function = on_returned};
    struct pbuf *p;

    (void)state;
    setup();
    returned = 0;
    p = stack_chain(200, 1, 5, copy);
    for (unsigned i = 0; i < 4000; i++)
        copy[200 + i] = elsewhere[i] = (uint8_t)(i * 5);
    pbuf_cat(p, pbuf_alloced_custom(PBUF_RAW, 4000, PBUF_ROM, &lent, elsewhere, 4000));
    while (stack.nif.stats.tx_queued == 0)
        assert_int_equal(stack_output(p), ERR_OK);
    assert_true(p->ref > 1);
    pbuf_free(p);
    assert_int_equal(returned, 0);
    for (unsigned i = 0; i < 20 && returned == 0; i++)
        stack_turn(2);
    assert_int_equal(returned, 1);
    check_last(4200, copy);
    stack_teardown();
}

static void a_tag_inside_is_left_out(void **state)
{
    static const uint8_t tag[] = {0x81, 0, 0x20, 0x05};
    uint8_t copy[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    for (unsigned pieces = 1; pieces <= 34; pieces += 33) {
        p = stack_chain(8000, pieces, 1, copy);
        pbuf_take_at(p, tag, sizeof(tag), 12);
        assert_int_equal(stack_output(p), ERR_OK);
        pbuf_free(p);
        stack_turn(2);
        memmove(copy + 12, copy + 16, 8000 - 16);
        check_last(7996, copy);
    }
    stack_teardown();
}

static void what_the_heap_has_no_room_for_is_copied_or_refused(void **state)
{
    static void *all[4096];
    unsigned count = 0;
    uint8_t copy[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    for (size_t len = 128u << 10; len >= 64; len /= 2) {
        struct port_heap_stats stats;

        do {
            all[count++] = port_heap_malloc(len);
            port_heap_stats(&stats);
        } while (stats.beyond == 0 || netvsc_gather_reaches(stack.nif.nic, all[count - 1], len));
        assert_true(count < countof(all));
    }
    p = stack_chain(5000, 2, 1, copy);
    assert_int_equal(stack_output(p), ERR_OK);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    stack_turn(2);
    check_last(5000, copy);
    p = stack_chain(9014, 2, 1, copy);
    assert_int_equal(stack_output(p), ERR_MEM);
    pbuf_free(p);
    assert_int_equal(stack.nif.stats.tx_drop_heap, 1);
    while (count)
        port_heap_free(all[--count]);
    stack_teardown();
}

/* ---- a device that goes, a host that errs ---------------------------------------------------- */

static void references_come_back_when_the_device_goes(void **state)
{
    struct pbuf *p[20];
    uint8_t copy[MTU + 14];

    (void)state;
    setup();
    for (unsigned i = 0; i < countof(p); i++) {
        p[i] = stack_chain(3000, 2, i, copy);
        assert_int_equal(stack_output(p[i]), ERR_OK);
        assert_int_equal(p[i]->ref, 2);
    }
    hvhost_nic_rescind(stack.card);
    for (unsigned i = 0; i < 20; i++) {
        netvsc_netif_poll(&stack.nif, stack.now_ns, 64);
        stack.now_ns += STACK_MS;
    }
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_GONE);
    for (unsigned i = 0; i < countof(p); i++) {
        assert_int_equal(p[i]->ref, 1);
        pbuf_free(p[i]);
    }
    stack_teardown();
}

static void a_completion_for_something_else_frees_nothing(void **state)
{
    const struct hvhost_fault wrong = {.on = HVH_ON_TX_DONE, .act = HVH_ACT_WRONG_ID, .count = 1};
    uint8_t copy[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    p = stack_chain(3000, 2, 1, copy);
    hvhost_fault_arm(stack.card, &wrong);
    assert_int_equal(stack_output(p), ERR_OK);
    stack_turn(5);
    check_last(3000, copy);
    assert_int_equal(p->ref, 2);
    netvsc_detach(stack.nif.nic, stack.now_ns); /* waits for it, then goes on */
    for (unsigned i = 0; i < 20000 && netvsc_state(stack.nif.nic) != NETVSC_DOWN; i++)
        stack_turn(1);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    stack_teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_the_heap_stay_where_they_are_until_the_host_is_done),
        cmocka_unit_test(what_is_freed_meanwhile_is_not_used_again_meanwhile),
        cmocka_unit_test(memory_of_the_program_is_copied_even_if_the_host_could_read_it),
        cmocka_unit_test(memory_a_program_lends_stays_where_it_is_until_the_host_is_done),
        cmocka_unit_test(what_is_lent_waits_without_a_copy_and_is_copied_if_it_must),
        cmocka_unit_test(a_tag_inside_is_left_out),
        cmocka_unit_test(references_come_back_when_the_device_goes),
        cmocka_unit_test(a_completion_for_something_else_frees_nothing),
        /* Last: the heap's pages keep the sizes they were given. */
        cmocka_unit_test(what_the_heap_has_no_room_for_is_copied_or_refused),
    };

    return cmocka_run_group_tests(tests, stack_start_in_heap, NULL);
}
