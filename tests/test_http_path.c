/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths decoded and encoded, types by suffix, byte ranges: no file is opened. */
#include <string.h>

#include "check.h"
#include "http_file.h"

static void paths_are_decoded_once_and_kept_inside(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *out;
    } rows[] = {
        {"", 0, ""},
        {"/", 0, ""},
        {"//", 0, ""},
        {"/.", 0, ""},
        {"/a", 0, "a"},
        {"/a/", 0, "a/"},
        {"/a//b/./c", 0, "a/b/c"},
        {"/a/.", 0, "a/"},
        {"/a%20b%2e", 0, "a b."},
        {"/%41%2fb", 400, NULL},
        {"/%2F", 400, NULL},
        {"/a%00b", 400, NULL},
        {"/%", 400, NULL},
        {"/%4", 400, NULL},
        {"/%4g", 400, NULL},
        {"/%g4", 400, NULL},
        {"/%252e%252e/x", 0, "%2e%2e/x"}, /* decoded once */
        {"/..", 403, NULL},
        {"/../etc/passwd", 403, NULL},
        {"/a/..", 403, NULL},
        {"/a/../../b", 403, NULL},
        {"/%2e%2E/x", 403, NULL},
        {"/.%2e/x", 403, NULL},
        {"/...", 0, "..."},
        {"/..a/b..", 0, "..a/b.."},
        {"/..\\x", 0, "..\\x"},
        {"a", 400, NULL},
        {"/%ff", 0, "\xff"},
    };
    char out[HTTP_PATH_BYTES];

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        assert_int_equal(http_path_decode(rows[i].path, strlen(rows[i].path), out), rows[i].status);
        if (rows[i].out)
            assert_string_equal(out, rows[i].out);
    }
}

static void a_path_of_2046_bytes_fits_and_longer_ones_are_414(void **state)
{
    char path[HTTP_PATH_BYTES + 16], out[HTTP_PATH_BYTES];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    for (size_t len = HTTP_PATH_BYTES - 4; len < sizeof(path); len++)
        assert_int_equal(http_path_decode(path, len, out), len <= HTTP_PATH_BYTES - 1 ? 0 : 414);
    for (size_t i = 0; i < sizeof(path); i += 2)
        path[i] = '/';
    for (size_t len = HTTP_PATH_BYTES - 4; len < sizeof(path); len++) {
        int status = http_path_decode(path, len, out);

        assert_true(status == 0 || status == 414);
        assert_true(status == 414 || strlen(out) < sizeof(out));
    }
}

static void a_segment_after_a_full_path_is_414_and_writes_nothing_behind_it(void **state)
{
    char path[2 * HTTP_PATH_BYTES];
    struct {
        char out[HTTP_PATH_BYTES];
        char behind[HTTP_PATH_BYTES];
    } to;

    (void)state;
    for (size_t slash = HTTP_PATH_BYTES - 4; slash < HTTP_PATH_BYTES + 4; slash++) {
        memset(&to, 'z', sizeof(to));
        memset(path, 'a', sizeof(path));
        path[0] = path[slash] = '/';
        assert_int_equal(http_path_decode(path, sizeof(path), to.out), 414);
        for (size_t i = 0; i < sizeof(to.behind); i++)
            assert_int_equal(to.behind[i], 'z');
    }
}

static void encoding_escapes_all_but_plain_characters(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(http_path_encode("a b/\xff?", out, sizeof(out)), 13);
    assert_string_equal(out, "/a%20b/%FF%3F");
    assert_int_equal(http_path_encode("aaaaaaaaaaaaaaaa", out, sizeof(out)), 0);
    assert_int_equal(http_path_encode("", out, 2), 1);
    assert_int_equal(http_path_encode("", out, 1), 0);
}

static void suffixes_choose_the_type(void **state)
{
    (void)state;
    assert_string_equal(http_file_type("a/b.html"), "text/html; charset=utf-8");
    assert_string_equal(http_file_type("a.PNG"), "image/png");
    assert_string_equal(http_file_type("a.tar.gz"), "application/gzip");
    assert_string_equal(http_file_type("a"), "application/octet-stream");
    assert_string_equal(http_file_type("a.html/b"), "application/octet-stream");
    assert_string_equal(http_file_type(".html"), "application/octet-stream");
    assert_string_equal(http_file_type("a."), "application/octet-stream");
}

static void ranges_are_read_as_rfc_9110_says(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
        int status;
        uint64_t first, last;
    } rows[] = {
        {"bytes=0-0", 10, 206, 0, 0},
        {"bytes=0-9", 10, 206, 0, 9},
        {"bytes=2-", 10, 206, 2, 9},
        {"bytes=9-10", 10, 206, 9, 9},
        {"bytes=0-99999999999999999999999", 10, 206, 0, 9},
        {"bytes=-1", 10, 206, 9, 9},
        {"bytes=-10", 10, 206, 0, 9},
        {"bytes=-99", 10, 206, 0, 9},
        {"BYTES=1-2", 10, 206, 1, 2},
        {"bytes=4294967296-4294967297", UINT64_C(1) << 40, 206, 4294967296, 4294967297},
        {"bytes=10-", 10, 416, 0, 0},
        {"bytes=10-20", 10, 416, 0, 0},
        {"bytes=99999999999999999999999-", 10, 416, 0, 0},
        {"bytes=18446744073709551617-", 10, 416, 0, 0}, /* 1, were it to wrap */
        {"bytes=-0", 10, 416, 0, 0},
        {"bytes=0-", 0, 416, 0, 0},
        {"bytes=-5", 0, 416, 0, 0},
        {"bytes=5-4", 10, 200, 0, 0},
        {"bytes=0-1,3-4", 10, 200, 0, 0},
        {"bytes=-", 10, 200, 0, 0},
        {"bytes=", 10, 200, 0, 0},
        {"bytes=1", 10, 200, 0, 0},
        {"bytes=a-b", 10, 200, 0, 0},
        {"bytes=1-2x", 10, 200, 0, 0},
        {"bytes= 1-2", 10, 200, 0, 0},
        {"lines=1-2", 10, 200, 0, 0},
        {"", 10, 200, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        uint64_t first = 77, last = 77;
        int status =
            http_range_parse(rows[i].text, strlen(rows[i].text), rows[i].size, &first, &last);

        if (status != rows[i].status)
            fail_msg("%d for %s", status, rows[i].text);
        if (status == 206) {
            assert_int_equal(first, rows[i].first);
            assert_int_equal(last, rows[i].last);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_decoded_once_and_kept_inside),
        cmocka_unit_test(a_path_of_2046_bytes_fits_and_longer_ones_are_414),
        cmocka_unit_test(a_segment_after_a_full_path_is_414_and_writes_nothing_behind_it),
        cmocka_unit_test(encoding_escapes_all_but_plain_characters),
        cmocka_unit_test(suffixes_choose_the_type),
        cmocka_unit_test(ranges_are_read_as_rfc_9110_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
