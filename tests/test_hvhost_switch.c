/* SPDX-License-Identifier: BSD-3-Clause */
/* The learning switch, with custom ports and cards on it. */
#include <errno.h>

#include "raw_guest.h"

#define SECOND_NS UINT64_C(1000000000)

struct far_end {
    struct hvhost_port *port;
    struct far_end *answer_to; /* send every frame on from within deliver */
    unsigned frames;
    uint8_t last[64];
};

static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct far_end *end = ctx;

    end->frames++;
    memcpy(end->last, frame->data, frame->len_bytes < 64 ? frame->len_bytes : 64);
    if (end->answer_to)
        hvhost_port_send(end->port, frame);
}

struct fixture {
    struct hvhost *host;
    struct far_end end[4];
    struct hvhost_switch_stats stats;
};

static void make(struct fixture *f, unsigned ends)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(hvhost_create(NULL, &f->host), 0);
    for (unsigned i = 0; i < ends; i++)
        assert_int_equal(hvhost_port_add(f->host, deliver, &f->end[i], &f->end[i].port), 0);
    hvhost_step(f->host, SECOND_NS);
}

static void done(struct fixture *f)
{
    const char *wrong = hvhost_audit(f->host);

    if (wrong)
        fail_msg("%s", wrong);
    hvhost_destroy(f->host);
}

/* A frame from address (from) to address (to); 0xFF is everybody. */
static void send(struct fixture *f, unsigned end, uint8_t from, uint8_t to)
{
    uint8_t data[60] = {2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from};
    const struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};

    if (to == 0xFF)
        memset(data, 0xFF, 6);
    hvhost_port_send(f->end[end].port, &frame);
    hvhost_switch_stats(f->host, &f->stats);
}

static void unknown_addresses_are_flooded_to_all_others(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    send(&f, 0, 1, 2);
    assert_int_equal(f.end[0].frames, 0);
    assert_int_equal(f.end[1].frames, 1);
    assert_int_equal(f.end[2].frames, 1);
    assert_int_equal(f.stats.flooded, 1);
    done(&f);
}

static void learned_addresses_get_their_frames_alone(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    send(&f, 1, 2, 0xFF);
    send(&f, 0, 1, 2);
    assert_int_equal(f.end[1].frames, 1);
    assert_int_equal(f.end[2].frames, 1); /* the broadcast only */
    assert_int_equal(f.stats.unicast, 1);
    assert_int_equal(f.stats.learned, 2);
    done(&f);
}

static void group_addresses_are_never_learned(void **state)
{
    struct fixture f;
    uint8_t data[60] = {2, 0, 0, 0, 0, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};

    (void)state;
    make(&f, 2);
    hvhost_port_send(f.end[0].port, &frame);
    hvhost_switch_stats(f.host, &f.stats);
    assert_int_equal(f.stats.learned, 0);
    done(&f);
}

static void addresses_move_with_their_frames(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    send(&f, 1, 2, 0xFF);
    send(&f, 2, 2, 0xFF);
    assert_int_equal(f.stats.moved, 1);
    send(&f, 0, 1, 2);
    assert_int_equal(f.end[2].frames, 2);
    assert_int_equal(f.end[1].frames, 1);
    done(&f);
}

static void frames_back_to_where_they_came_from_are_dropped(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 2);
    send(&f, 0, 1, 0xFF);
    send(&f, 0, 2, 1);
    assert_int_equal(f.stats.drop_hairpin, 1);
    assert_int_equal(f.end[0].frames, 0);
    assert_int_equal(f.end[1].frames, 1);
    done(&f);
}

static void addresses_are_forgotten_after_five_minutes(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    send(&f, 1, 2, 0xFF);
    hvhost_step(f.host, SECOND_NS + 300 * SECOND_NS);
    send(&f, 0, 1, 2);
    assert_int_equal(f.stats.unicast, 1);
    hvhost_step(f.host, SECOND_NS + 301 * SECOND_NS);
    send(&f, 0, 1, 2);
    assert_int_equal(f.stats.unicast, 1);
    assert_int_equal(f.stats.flooded, 2);
    done(&f);
}

/* All of it while the host makes no step: what is remembered of a frame must not outlive it. */
static void a_frame_like_the_one_before_goes_where_its_address_is_by_now(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    send(&f, 0, 1, 2); /* nobody knows 2 */
    send(&f, 0, 1, 2);
    assert_int_equal(f.stats.flooded, 2);
    send(&f, 1, 2, 1);
    send(&f, 0, 1, 2);
    assert_int_equal(f.end[1].frames, 3);
    assert_int_equal(f.end[2].frames, 2);
    send(&f, 2, 2, 1);
    send(&f, 0, 1, 2);
    assert_int_equal(f.end[1].frames, 3);
    assert_int_equal(f.end[2].frames, 3);
    hvhost_port_network(f.end[0].port, 7);
    send(&f, 0, 1, 2);
    assert_int_equal(f.stats.drop_no_port, 1);
    done(&f);
}

static void who_says_the_same_again_and_again_is_not_forgotten(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    send(&f, 1, 2, 1);
    for (unsigned i = 1; i <= 4; i++) {
        hvhost_step(f.host, SECOND_NS + i * 200 * SECOND_NS);
        send(&f, 1, 2, 1);
        send(&f, 0, 1, 2);
    }
    assert_int_equal(f.stats.flooded, 2); /* when 1 had not said a word */
    assert_int_equal(f.end[2].frames, 2);
    hvhost_step(f.host, SECOND_NS + 2000 * SECOND_NS);
    send(&f, 0, 1, 2); /* 2 has been silent for long */
    assert_int_equal(f.stats.flooded, 3);
    done(&f);
}

/* What no memory of a last frame looks like. */
static void a_first_frame_with_no_addresses_is_learned_from(void **state)
{
    const uint8_t data[60] = {0};
    const struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};
    struct fixture f = {0};

    (void)state;
    assert_int_equal(hvhost_create(NULL, &f.host), 0);
    assert_int_equal(hvhost_port_add(f.host, NULL, NULL, &f.end[0].port), 0);
    hvhost_port_send(f.end[0].port, &frame);
    hvhost_switch_stats(f.host, &f.stats);
    assert_int_equal(f.stats.learned, 1);
    done(&f);
}

static void address_table_is_bounded(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 2);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t data[60] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0};
        const struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};

        memcpy(data + 8, &i, sizeof(i));
        hvhost_port_send(f.end[0].port, &frame);
    }
    send(&f, 0, 7, 0xFF); /* the newest is known all the same */
    send(&f, 1, 8, 7);
    assert_int_equal(f.stats.unicast, 1);
    done(&f);
}

static void runts_and_lonely_frames_are_counted(void **state)
{
    struct fixture f;
    const uint8_t data[13] = {0};
    const struct hvhost_frame runt = {.data = data, .len_bytes = sizeof(data)};

    (void)state;
    make(&f, 1);
    hvhost_port_send(f.end[0].port, &runt);
    send(&f, 0, 1, 2);
    assert_int_equal(f.stats.drop_runt, 1);
    assert_int_equal(f.stats.drop_no_port, 1);
    done(&f);
}

static void ends_answering_each_other_are_stopped(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 3);
    f.end[1].answer_to = &f.end[2];
    f.end[2].answer_to = &f.end[1];
    send(&f, 0, 1, 0xFF);
    assert_true(f.stats.drop_loop > 0);
    done(&f);
}

static void port_without_deliver_is_a_sink(void **state)
{
    struct fixture f;
    struct hvhost_port *sink;

    (void)state;
    make(&f, 1);
    assert_int_equal(hvhost_port_add(f.host, NULL, NULL, &sink), 0);
    send(&f, 0, 1, 2);
    assert_int_equal(f.stats.flooded, 1);
    done(&f);
}

static void ports_and_cards_run_out(void **state)
{
    const struct hvhost_config config = {.max_nics = 2, .max_ports = 1};
    struct hvhost_port *port;
    struct hvhost_nic *nic;
    struct hvhost *host;

    (void)state;
    assert_int_equal(hvhost_create(&config, &host), 0);
    assert_int_equal(hvhost_nic_add(host, NULL, &nic), 0);
    assert_int_equal(hvhost_nic_add(host, NULL, &nic), 0);
    assert_int_equal(hvhost_nic_add(host, NULL, &nic), -ENOSPC);
    assert_null(nic);
    assert_int_equal(hvhost_port_add(host, NULL, NULL, &port), 0);
    assert_int_equal(hvhost_port_add(host, NULL, NULL, &port), -ENOSPC);
    hvhost_destroy(host);
}

static void bad_cards_are_refused(void **state)
{
    static const char guid[] = "f8615163-0000-4000-8000-000000000001";
    const struct hvhost_nic_config good = {.instance = guid};
    const struct {
        int error;
        struct hvhost_nic_config config;
    } rows[] = {
        {-EINVAL, {.instance = "not-a-guid"}},
        {-EINVAL, {.mtu_max_bytes = 67}},
        {-EINVAL, {.mtu_max_bytes = 65523}},
        {-EINVAL, {.ring_bytes = 8192}},
        {-EINVAL, {.ring_bytes = 20480}}, /* halves of two and a half pages */
        {-EINVAL, {.recv_buf_bytes = 100000}},
        {-EINVAL, {.send_section_bytes = 67}},
        {-EINVAL, {.recv_section_bytes = 100}},
        {-EINVAL, {.batch_frames = 65}},
        {-EINVAL, {.mac = {1, 0, 0, 0, 0, 1}}},
        {-EEXIST, {.instance = "F8615163-0000-4000-8000-000000000001"}},
        {-EEXIST, {.mac = {0, 0x15, 0x5D, 0, 0, 1}}},
    };
    struct hvhost_nic *nic;
    struct hvhost *host;

    (void)state;
    assert_int_equal(hvhost_create(NULL, &host), 0);
    assert_int_equal(hvhost_nic_add(host, &good, &nic), 0);
    for (unsigned i = 0; i < countof(rows); i++) {
        assert_int_equal(hvhost_nic_add(host, &rows[i].config, &nic), rows[i].error);
        assert_null(nic);
    }
    hvhost_destroy(host);
}

/* What a guest that bridges two networks does: the same addresses on both. */
static void networks_of_one_host_do_not_meet(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 4);
    hvhost_port_network(f.end[2].port, 7);
    hvhost_port_network(f.end[3].port, 7);
    send(&f, 0, 1, 0xFF); /* address 1 is at end 0, and at end 2 */
    send(&f, 2, 1, 0xFF);
    assert_int_equal(f.end[1].frames, 1);
    assert_int_equal(f.end[3].frames, 1);
    send(&f, 1, 9, 1);
    send(&f, 3, 9, 1);
    assert_int_equal(f.end[0].frames, 1);
    assert_int_equal(f.end[2].frames, 1);
    assert_int_equal(f.stats.moved, 0);
    assert_int_equal(f.stats.unicast, 2);
    hvhost_port_network(f.end[3].port, 8);
    send(&f, 3, 9, 5);
    assert_int_equal(f.stats.drop_no_port, 1);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_addresses_are_flooded_to_all_others),
        cmocka_unit_test(learned_addresses_get_their_frames_alone),
        cmocka_unit_test(group_addresses_are_never_learned),
        cmocka_unit_test(addresses_move_with_their_frames),
        cmocka_unit_test(frames_back_to_where_they_came_from_are_dropped),
        cmocka_unit_test(addresses_are_forgotten_after_five_minutes),
        cmocka_unit_test(a_frame_like_the_one_before_goes_where_its_address_is_by_now),
        cmocka_unit_test(who_says_the_same_again_and_again_is_not_forgotten),
        cmocka_unit_test(a_first_frame_with_no_addresses_is_learned_from),
        cmocka_unit_test(address_table_is_bounded),
        cmocka_unit_test(runts_and_lonely_frames_are_counted),
        cmocka_unit_test(ends_answering_each_other_are_stopped),
        cmocka_unit_test(port_without_deliver_is_a_sink),
        cmocka_unit_test(ports_and_cards_run_out),
        cmocka_unit_test(networks_of_one_host_do_not_meet),
        cmocka_unit_test(bad_cards_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
