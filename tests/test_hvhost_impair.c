/* SPDX-License-Identifier: BSD-3-Clause */
/* A switch that spoils frames: by how much, when, and always the same ones. */
#include <errno.h>
#include <stdio.h>

#include "hvhost_impair.h"
#include "raw_guest.h"

#define MS_NS UINT64_C(1000000)
#define FRAMES 10000u
#define FRAME_BYTES 100u
#define NUMBER_OFF 20u /* where a frame's number is */

struct fixture {
    struct hvhost *host;
    struct hvhost_port *port[2];
    uint64_t now_ns;
    uint32_t sent;
    /* at the far end */
    uint32_t came;
    uint32_t out_of_order;
    uint32_t spoilt;
    uint64_t hash; /* of all that came, in order */
    uint32_t last;
    uint32_t last_bytes;
    bool last_csum_ok;
};

static void fill(uint8_t data[FRAME_BYTES], uint32_t number)
{
    for (unsigned i = 0; i < FRAME_BYTES; i++)
        data[i] = (uint8_t)(i * 7 + number);
    memcpy(data, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5", 14);
    memcpy(data + NUMBER_OFF, &number, sizeof(number));
}

static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct fixture *f = ctx;
    uint8_t want[FRAME_BYTES];
    uint32_t number;

    f->came++;
    f->last_bytes = frame->len_bytes;
    f->last_csum_ok = frame->csum_ok;
    if (frame->len_bytes != FRAME_BYTES)
        return;
    memcpy(&number, frame->data + NUMBER_OFF, sizeof(number));
    fill(want, number);
    if (memcmp(frame->data, want, FRAME_BYTES) != 0) {
        f->spoilt++;
        return;
    }
    f->out_of_order += number < f->last;
    f->last = number;
    f->hash = (f->hash ^ number) * UINT64_C(1099511628211);
}

static void make(struct fixture *f, const char *how)
{
    struct hvhost_impair impair = {0};
    char text[100];

    *f = (struct fixture){.now_ns = MS_NS};
    snprintf(text, sizeof(text), "%s", how);
    assert_null(hvhost_impair_parse(text, &impair));
    assert_int_equal(hvhost_create(NULL, &f->host), 0);
    assert_int_equal(hvhost_impair(f->host, &impair), 0);
    assert_int_equal(hvhost_port_add(f->host, NULL, NULL, &f->port[0]), 0);
    assert_int_equal(hvhost_port_add(f->host, deliver, f, &f->port[1]), 0);
    hvhost_step(f->host, f->now_ns);
}

static struct hvhost_switch_stats stats_of(const struct fixture *f)
{
    struct hvhost_switch_stats stats;

    hvhost_switch_stats(f->host, &stats);
    return stats;
}

static void send(struct fixture *f)
{
    uint8_t data[FRAME_BYTES];
    const struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};

    fill(data, f->sent++);
    hvhost_port_send(f->port[0], &frame);
}

static void wait_ns(struct fixture *f, uint64_t ns)
{
    f->now_ns += ns;
    hvhost_step(f->host, f->now_ns);
    assert_null(hvhost_audit(f->host));
}

/* FRAMES frames, (gap_ns) apart, and all the time they need. */
static void send_many(struct fixture *f, uint64_t gap_ns)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        send(f);
        wait_ns(f, gap_ns);
    }
    for (unsigned i = 0; hvhost_next_deadline(f->host, f->now_ns) != UINT64_MAX; i++) {
        assert_true(i < 2 * FRAMES);
        wait_ns(f, hvhost_next_deadline(f->host, f->now_ns));
    }
}

static void one_in_a_hundred_is_lost(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "loss=1%");
    send_many(&f, 1000);
    assert_in_range(stats_of(&f).impair_lost, FRAMES / 100 - 40, FRAMES / 100 + 40);
    assert_int_equal(f.came, FRAMES - stats_of(&f).impair_lost);
    assert_int_equal(f.out_of_order + f.spoilt, 0);
    hvhost_destroy(f.host);
}

static void a_seed_means_the_same_fate_again(void **state)
{
    struct fixture f;
    uint64_t hash[3];
    static const char *const how[] = {"loss=1%,seed=7", "loss=1%,seed=7", "loss=1%,seed=8"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        make(&f, how[i]);
        send_many(&f, 1000);
        hash[i] = f.hash;
        hvhost_destroy(f.host);
    }
    assert_true(hash[0] == hash[1]);
    assert_true(hash[0] != hash[2]);
}

static void what_comes_twice_is_counted(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "duplicate=10%");
    send_many(&f, 1000);
    assert_in_range(stats_of(&f).impair_duplicated, FRAMES / 10 - 120, FRAMES / 10 + 120);
    assert_int_equal(f.came, FRAMES + stats_of(&f).impair_duplicated);
    hvhost_destroy(f.host);
}

static void a_bit_is_flipped_and_no_header_of_ethernets(void **state)
{
    struct fixture f;
    struct hvhost_switch_stats stats;

    (void)state;
    make(&f, "corrupt=100%");
    send_many(&f, 1000);
    stats = stats_of(&f);
    assert_int_equal(stats.impair_corrupted, FRAMES);
    assert_int_equal(f.came, FRAMES);
    /* One bit in thirty is of the number that the rest does not depend on. */
    assert_in_range(f.spoilt, FRAMES - FRAMES / 20, FRAMES);
    assert_int_equal(stats.flooded + stats.unicast, FRAMES);
    assert_int_equal(stats.learned, 1);
    hvhost_destroy(f.host);
}

static void a_delay_is_kept_to_the_nanosecond(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "delay=5ms");
    assert_int_equal(hvhost_next_deadline(f.host, f.now_ns), UINT64_MAX);
    send(&f);
    assert_int_equal(hvhost_next_deadline(f.host, f.now_ns), 5 * MS_NS);
    wait_ns(&f, 5 * MS_NS - 1);
    assert_int_equal(f.came, 0);
    wait_ns(&f, 1);
    assert_int_equal(f.came, 1);
    hvhost_destroy(f.host);
}

static void without_a_delay_a_frame_goes_on_in_the_next_turn(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "loss=0%");
    send(&f);
    assert_int_equal(hvhost_next_deadline(f.host, f.now_ns), 0);
    wait_ns(&f, 0);
    assert_int_equal(f.came, 1);
    hvhost_destroy(f.host);
}

static void those_held_back_are_overtaken(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "reorder=1%");
    send_many(&f, 10000);
    assert_in_range(stats_of(&f).impair_reordered, FRAMES / 100 - 40, FRAMES / 100 + 40);
    assert_int_equal(f.came, FRAMES);
    /* Each is late once; two late ones in a row may keep their order. */
    assert_in_range(f.out_of_order, stats_of(&f).impair_reordered / 2,
                    stats_of(&f).impair_reordered);
    hvhost_destroy(f.host);
}

/* 100 bytes at 800 kbit/s take 1 ms. */
static void a_port_sends_at_its_rate(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "rate=800k");
    for (unsigned i = 0; i < 3; i++)
        send(&f);
    wait_ns(&f, MS_NS - 1);
    assert_int_equal(f.came, 0);
    for (unsigned i = 1; i <= 3; i++) {
        wait_ns(&f, i == 1 ? 1 : MS_NS);
        assert_int_equal(f.came, i);
    }
    wait_ns(&f, 10 * MS_NS); /* what was not used is lost */
    send(&f);
    send(&f);
    wait_ns(&f, MS_NS);
    assert_int_equal(f.came, 4);
    hvhost_destroy(f.host);
}

static void a_queue_that_is_full_drops_by_name(void **state)
{
    struct fixture f;
    uint32_t dropped;

    (void)state;
    make(&f, "delay=1s");
    for (unsigned i = 0; i < 30000; i++)
        send(&f);
    dropped = (uint32_t)stats_of(&f).impair_drop;
    assert_in_range(dropped, 1, 29999);
    assert_null(hvhost_audit(f.host)); /* while most are held */
    while (hvhost_next_deadline(f.host, f.now_ns) != UINT64_MAX)
        wait_ns(&f, hvhost_next_deadline(f.host, f.now_ns));
    assert_int_equal(f.came, 30000 - dropped);
    assert_int_equal(f.out_of_order, 0);
    hvhost_destroy(f.host);
}

enum { HEAD = 54, PAYLOAD = 3000, MSS = 1000 };

/* Three segments in one frame, its sum left to the switch. */
static void send_burst(struct fixture *f)
{
    uint8_t data[HEAD + PAYLOAD] = "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\x00\x45";
    const struct hvhost_frame frame = {.data = data,
                                       .len_bytes = sizeof(data),
                                       .csum_partial = true,
                                       .csum_start = 34,
                                       .csum_off = 16,
                                       .mss = MSS};

    data[16] = (sizeof(data) - 14) >> 8;
    data[17] = (sizeof(data) - 14) & 0xff;
    data[23] = 6;
    data[46] = 5 << 4;
    hvhost_port_send(f->port[0], &frame);
    wait_ns(f, 0);
}

/* Or a loss of one frame would be one of 44 segments at once, and no bit flip ever noticed. */
static void bursts_are_cut_and_sums_filled_in_first(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, "loss=0%");
    send_burst(&f);
    assert_int_equal(stats_of(&f).impaired, 1);
    assert_int_equal(stats_of(&f).impair_frames, 3);
    assert_int_equal(f.came, 3);
    assert_int_equal(f.last_bytes, HEAD + MSS);
    assert_true(f.last_csum_ok);
    hvhost_destroy(f.host);
    make(&f, "corrupt=100%");
    send_burst(&f);
    assert_int_equal(f.came, 3);
    assert_false(f.last_csum_ok); /* a card must not tell its guest so */
    hvhost_destroy(f.host);
}

static void what_is_written_is_what_is_meant(void **state)
{
    char text[] = "loss=0.5%+duplicate=100%,corrupt=0%,reorder=.25%,delay=2s,rate=1.5G,seed=9";
    struct hvhost_impair how = {0};

    (void)state;
    assert_null(hvhost_impair_parse(text, &how));
    assert_int_equal(how.loss_ppm, 5000);
    assert_int_equal(how.duplicate_ppm, 1000000);
    assert_int_equal(how.corrupt_ppm, 0);
    assert_int_equal(how.reorder_ppm, 2500);
    assert_int_equal(how.delay_us, 2000000);
    assert_int_equal(how.rate_bps, 1500000000);
    assert_int_equal(how.seed, 9);
}

static void nonsense_is_refused(void **state)
{
    static const char *const nonsense[] = {
        "",          "loss",       "loss=",      "loss=1",   "loss=101%", "loss=-1%",
        "loss=nan%", "loss=0x1%",  "loss=1%%",   "delay=5",  "delay=11s", "delay=1min",
        "rate=2T",   "rate=1001G", "seed=-1",    "seed=1%",  "seed=1e3",  "seed=4294967296",
        "colour=1",  "loss=1%,,",  "loss=1..2%", "delay=ms",
    };
    struct hvhost_impair how;
    struct fixture f;
    char text[40];

    (void)state;
    for (size_t i = 0; i < countof(nonsense); i++) {
        snprintf(text, sizeof(text), "%s", nonsense[i]);
        if (!hvhost_impair_parse(text, &how))
            fail_msg("\"%s\" is taken", nonsense[i]);
    }
    make(&f, "loss=0%");
    how = (struct hvhost_impair){0};
    assert_int_equal(hvhost_impair(f.host, &how), -EEXIST);
    hvhost_destroy(f.host);
    assert_int_equal(hvhost_create(NULL, &f.host), 0);
    how.loss_ppm = 1000001;
    assert_int_equal(hvhost_impair(f.host, &how), -EINVAL);
    how = (struct hvhost_impair){.delay_us = HVHOST_IMPAIR_DELAY_US_MAX + 1};
    assert_int_equal(hvhost_impair(f.host, &how), -EINVAL);
    hvhost_destroy(f.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_a_hundred_is_lost),
        cmocka_unit_test(a_seed_means_the_same_fate_again),
        cmocka_unit_test(what_comes_twice_is_counted),
        cmocka_unit_test(a_bit_is_flipped_and_no_header_of_ethernets),
        cmocka_unit_test(a_delay_is_kept_to_the_nanosecond),
        cmocka_unit_test(without_a_delay_a_frame_goes_on_in_the_next_turn),
        cmocka_unit_test(those_held_back_are_overtaken),
        cmocka_unit_test(a_port_sends_at_its_rate),
        cmocka_unit_test(a_queue_that_is_full_drops_by_name),
        cmocka_unit_test(bursts_are_cut_and_sums_filled_in_first),
        cmocka_unit_test(what_is_written_is_what_is_meant),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
