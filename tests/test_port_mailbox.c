/* SPDX-License-Identifier: BSD-3-Clause */
/* Mail between two processes, here both ends in one. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "port_mailbox.h"

static struct port_mailbox box;

static int setup(void **state)
{
    (void)state;
    memset(&box, 0xA5, sizeof(box));
    port_mailbox_reset(&box);
    return 0;
}

/* A mail of (bytes), each (seed) and up. False: full. */
static bool put(uint32_t bytes, uint8_t seed, uint32_t tag)
{
    uint8_t *to = port_mailbox_begin(&box, bytes);

    for (uint32_t i = 0; to && i < bytes; i++)
        to[i] = (uint8_t)(seed + i);
    if (to)
        port_mailbox_post(&box, bytes, tag);
    return to != NULL;
}

static void check_next(uint32_t bytes, uint8_t seed, uint32_t tag)
{
    uint32_t got_bytes, got_tag;
    const uint8_t *mail = port_mailbox_peek(&box, &got_bytes, &got_tag);

    assert_non_null(mail);
    assert_int_equal(got_bytes, bytes);
    assert_int_equal(got_tag, tag);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(mail[i], (uint8_t)(seed + i));
    port_mailbox_take(&box);
}

static bool nothing_there(void)
{
    uint32_t bytes, tag;

    return port_mailbox_peek(&box, &bytes, &tag) == NULL;
}

static void mail_comes_out_as_it_went_in_and_in_order(void **state)
{
    (void)state;
    assert_true(nothing_there());
    assert_true(port_mailbox_empty(&box));
    assert_true(put(60, 1, 0));
    assert_true(put(0, 0, 7));
    assert_true(put(PORT_MAILBOX_MAIL_BYTES_MAX, 3, 2));
    assert_false(port_mailbox_empty(&box));
    check_next(60, 1, 0);
    check_next(0, 0, 7);
    check_next(PORT_MAILBOX_MAIL_BYTES_MAX, 3, 2);
    assert_true(nothing_there());
    assert_true(port_mailbox_empty(&box));
}

static void what_does_not_fit_is_refused_and_leaves_no_trace(void **state)
{
    unsigned count = 0;

    (void)state;
    assert_false(put(PORT_MAILBOX_MAIL_BYTES_MAX + 1, 0, 0));
    assert_true(nothing_there());
    while (put(1500, (uint8_t)count, count))
        count++;
    assert_in_range(count, 600, PORT_MAILBOX_BYTES / 1500);
    for (unsigned i = 0; i < count; i++)
        check_next(1500, (uint8_t)i, i);
    assert_true(nothing_there());
}

static void mails_of_all_lengths_pass_the_end_of_the_ring(void **state)
{
    uint32_t put_bytes[8];

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned count = 1 + round % 8;

        for (unsigned i = 0; i < count; i++) {
            put_bytes[i] = (uint32_t)rand() % (round % 16 ? 1515 : 65600);
            assert_true(put(put_bytes[i], (uint8_t)i, round));
        }
        for (unsigned i = 0; i < count; i++)
            check_next(put_bytes[i], (uint8_t)i, round);
    }
    assert_true(nothing_there());
}

/* The putter died between begin and post: the next one begins where it did. */
static void mail_that_was_not_posted_was_never_there(void **state)
{
    (void)state;
    assert_true(put(100, 1, 1));
    memset(port_mailbox_begin(&box, 200), 0xEE, 200);
    assert_true(put(50, 2, 2));
    check_next(100, 1, 1);
    check_next(50, 2, 2);
    assert_true(nothing_there());
}

/* The taker died with a mail in hand: its successor gets it again. */
static void mail_that_was_not_taken_is_there_again(void **state)
{
    uint32_t bytes, tag;

    (void)state;
    assert_true(put(100, 1, 1));
    assert_non_null(port_mailbox_peek(&box, &bytes, &tag));
    check_next(100, 1, 1);
    assert_true(nothing_there());
}

static void a_ring_that_was_scribbled_on_loses_its_mail_and_goes_on(void **state)
{
    (void)state;
    assert_true(put(100, 1, 1));
    memset(box.bytes, 0x7F, 8);
    assert_true(nothing_there());
    assert_true(put(100, 5, 1));
    check_next(100, 5, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(mail_comes_out_as_it_went_in_and_in_order, setup),
        cmocka_unit_test_setup(what_does_not_fit_is_refused_and_leaves_no_trace, setup),
        cmocka_unit_test_setup(mails_of_all_lengths_pass_the_end_of_the_ring, setup),
        cmocka_unit_test_setup(mail_that_was_not_posted_was_never_there, setup),
        cmocka_unit_test_setup(mail_that_was_not_taken_is_there_again, setup),
        cmocka_unit_test_setup(a_ring_that_was_scribbled_on_loses_its_mail_and_goes_on, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
