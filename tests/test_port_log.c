/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_clock.h"
#include "port_log.h"
#include "stderr_catcher.h"

#include <string.h>

static struct stderr_catcher catcher;

static void a_line_carries_name_and_level_but_plain_news_only_the_name(void **state)
{
    (void)state;
    port_log_setup("prog", PORT_LOG_INFO);
    stderr_catch(&catcher);
    port_log(PORT_LOG_INFO, "link %s", "up");
    port_log(PORT_LOG_WARN, "%d lost", 3);
    assert_string_equal(stderr_caught(&catcher), "prog: link up\nprog: warn: 3 lost\n");
}

static void what_is_above_the_level_is_not_said(void **state)
{
    (void)state;
    port_log_setup("prog", PORT_LOG_WARN);
    stderr_catch(&catcher);
    port_log(PORT_LOG_INFO, "no");
    port_log_debug("no");
    assert_string_equal(stderr_caught(&catcher), "");
}

static void an_overlong_line_is_cut_and_still_one_line(void **state)
{
    char text[2000];
    const char *caught;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    port_log_setup("prog", PORT_LOG_INFO);
    stderr_catch(&catcher);
    port_log(PORT_LOG_INFO, "%s", text);
    caught = stderr_caught(&catcher);
    assert_in_range(strlen(caught), 500, 530);
    assert_ptr_equal(strchr(caught, '\n'), caught + strlen(caught) - 1);
}

static void levels_have_names(void **state)
{
    enum port_log_level level = PORT_LOG_INFO;

    (void)state;
    assert_true(port_log_parse("error", &level));
    assert_int_equal(level, PORT_LOG_ERROR);
    assert_true(port_log_parse("debug", &level));
    assert_int_equal(level, PORT_LOG_DEBUG);
    assert_false(port_log_parse("Debug", &level));
    assert_false(port_log_parse("", &level));
    assert_int_equal(level, PORT_LOG_DEBUG);
}

static void a_limited_line_comes_once_a_second_with_the_number_left_out(void **state)
{
    struct port_log_limit limit = {0};
    uint64_t skipped = 99;

    (void)state;
    assert_true(port_log_allow(&limit, 10 * PORT_NS_PER_S, &skipped));
    assert_int_equal(skipped, 0);
    assert_false(port_log_allow(&limit, 10 * PORT_NS_PER_S, &skipped));
    assert_false(port_log_allow(&limit, 11 * PORT_NS_PER_S - 1, NULL));
    assert_true(port_log_allow(&limit, 11 * PORT_NS_PER_S, &skipped));
    assert_int_equal(skipped, 2);
    assert_false(port_log_allow(&limit, 11 * PORT_NS_PER_S, NULL));
    assert_true(port_log_allow(&limit, 12 * PORT_NS_PER_S, &skipped));
    assert_int_equal(skipped, 1); /* since the line before, not since ever */
}

/* An assert in lwIP must not let a stranger end the program. */
static void a_failed_assert_is_counted_each_time_and_said_once(void **state)
{
    const uint64_t before = port_asserts();
    int said = 0;

    (void)state;
    port_log_setup("prog", PORT_LOG_INFO);
    stderr_catch(&catcher);
    port_assert_failed("1 == 2", "x.c", 3, &said);
    port_assert_failed("1 == 2", "x.c", 3, &said);
    assert_string_equal(stderr_caught(&catcher),
                        "prog: error: lwIP: \"1 == 2\" does not hold in x.c:3\n");
    assert_int_equal(port_asserts() - before, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_name_and_level_but_plain_news_only_the_name),
        cmocka_unit_test(what_is_above_the_level_is_not_said),
        cmocka_unit_test(an_overlong_line_is_cut_and_still_one_line),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(a_failed_assert_is_counted_each_time_and_said_once),
        cmocka_unit_test(a_limited_line_comes_once_a_second_with_the_number_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
