/* SPDX-License-Identifier: BSD-3-Clause */
/* Ready answers: which requests get one, and that no change of a file is hidden by one. */
#include "http_site.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lwip/memp.h"
#include "lwip/stats.h"

#define NOW_MS INT64_C(1700000000123)
#define SECOND_LEFT_MS 877   /* of NOW_MS' second */
#define SEGMENTS_MAX 131072u /* more than MEMP_NUM_TCP_SEG */

/* ---- over a real TCP ------------------------------------------------------------------------- */

/* Each time a second later, by the file: the file system's own clock may have coarse ticks. */
static void write_file(const char *name, const char *content)
{
    static struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = NOW_MS / 1000}};
    int fd = openat(server.site.root.fd, name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    times[1].tv_sec++;
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

/* The body of the answer to a GET for (path), which is 200. */
static const char *body_of(struct wire_client *c, const char *path)
{
    char request[256];
    const char *body;

    wire_clear(c);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" H "\r\n", path);
    wire_send(c, request);
    assert_true(c->len_bytes > 0);
    assert_memory_equal(c->data, "HTTP/1.1 200 ", 13);
    body = strstr(c->data, "\r\n\r\n");
    assert_non_null(body);
    return body + 4;
}

static void what_was_asked_for_just_before_is_ready(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (unsigned i = 0; i < 10; i++) {
        wire_wait_ms(i % 2);
        wire_send(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, 10);
    }
    assert_int_equal(server.stats.requests, 10);
    assert_int_equal(server.stats.status_2xx, 10);
    assert_int_equal(server.stats.ready, 9);
    wire_close(&c);
}

/* Each way in which a name can come to mean something else; equal lengths, so that only the look at
 * the file can tell. */
static void a_change_shows_in_the_next_millisecond(void **state)
{
    static struct wire_client c;
    const int root = server.site.root.fd;

    (void)state;
    wire_open(&c, SITE_PORT);
    assert_int_equal(mkdirat(root, "d", 0755), 0);
    assert_int_equal(mkdirat(root, "e", 0755), 0);
    write_file("d/f", "one..");
    write_file("e/f", "four.");
    assert_string_equal(body_of(&c, "/d/f"), "one..");
    write_file("d/f", "two..");
    wire_wait_ms(1);
    assert_string_equal(body_of(&c, "/d/f"), "two..");
    write_file("d/g", "three");
    assert_int_equal(renameat(root, "d/g", root, "d/f"), 0);
    wire_wait_ms(1);
    assert_string_equal(body_of(&c, "/d/f"), "three");
    assert_int_equal(renameat(root, "d", root, "away"), 0);
    assert_int_equal(renameat(root, "e", root, "d"), 0);
    wire_wait_ms(1);
    assert_string_equal(body_of(&c, "/d/f"), "four.");
    assert_int_equal(unlinkat(root, "d/f", 0), 0);
    wire_wait_ms(1);
    wire_clear(&c);
    wire_send(&c, "GET /d/f HTTP/1.1\r\n" H "\r\n");
    assert_refusal(&c, "404");
    assert_int_equal(server.stats.ready, 0);
    wire_close(&c);
}

static void each_size_is_whole_whether_ready_or_not(void **state)
{
    static const size_t sizes[] = {0, 1, 1200, 1460, 7000, 7900, 8000, 8192, 8193, 40000};
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (size_t i = 0; i < countof(sizes); i++) {
        site_make("sized", sizes[i]);
        for (int again = 0; again < 3; again++) {
            wire_wait_ms(1);
            wire_send(&c, "GET /sized HTTP/1.1\r\n" H "\r\n");
            assert_answer(&c, 200, 0, sizes[i]);
        }
    }
    assert_in_range(server.stats.ready, 8, 16); /* the long ones are not */
    wire_close(&c);
}

/* lwIP has segments for the request and for some of the answer: what is left of it is written when
 * those were acknowledged. */
static void a_ready_answer_that_leaves_in_two_writes_is_whole(void **state)
{
    static const char request[] = "GET /pieces HTTP/1.1\r\n" H "\r\n";
    static void *kept[SEGMENTS_MAX];
    static struct wire_client c;
    const unsigned refused_before = lwip_stats.memp[MEMP_TCP_SEG]->err;
    size_t count = 0;

    (void)state;
    site_make("pieces", 7000);
    wire_open(&c, SITE_PORT);
    wire_send(&c, request);
    assert_answer(&c, 200, 0, 7000);
    while (count < SEGMENTS_MAX && (kept[count] = memp_malloc(MEMP_TCP_SEG)))
        count++;
    for (unsigned i = 0; i < 1 + 3; i++)
        memp_free(MEMP_TCP_SEG, kept[--count]);
    wire_send(&c, request);
    while (count > 0)
        memp_free(MEMP_TCP_SEG, kept[--count]);
    assert_answer(&c, 200, 0, 7000);
    assert_int_equal(server.stats.ready, 1);
    assert_true(lwip_stats.memp[MEMP_TCP_SEG]->err > refused_before + 1);
    wire_close(&c);
}

/* ---- alone ---------------------------------------------------------------------------------- */

static struct http_cache *cache;

static const struct http_parser *parsed(const char *text)
{
    static struct http_parser parser;

    http_parser_reset(&parser);
    http_parser_feed(&parser, text, strlen(text));
    return &parser;
}

static const struct http_parser *get(const char *path)
{
    char text[512];

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H "\r\n", path);
    return parsed(text);
}

/* Keep "head" and (body) as the answer for (path), which is some name of "ten". */
static void keep(const char *path, const char *body, int64_t made_ms)
{
    char bytes[256];
    struct http_cache_entry entry = {
        .made_ms = made_ms, .head_bytes = 4, .body_bytes = (uint32_t)strlen(body), .bytes = bytes};
    struct http_file file;

    snprintf(bytes, sizeof(bytes), "head%s", body);
    assert_int_equal(http_file_open(&server.site.root, "ten", &file), 200);
    close(file.fd);
    entry.file = file.id;
    http_cache_keep(cache, get(path), &entry);
}

static struct http_answer *take(const char *path, int64_t now_ms)
{
    return http_cache_take(cache, &server.site.root, get(path), now_ms);
}

static int cache_open(void **state)
{
    cache = calloc(1, sizeof(*cache));
    return cache ? site_open(state) : -1;
}

static int cache_close(void **state)
{
    free(cache);
    return site_close(state);
}

static void only_plain_requests_suit(void **state)
{
    static const struct {
        const char *text;
        bool suits;
    } rows[] = {
        {"GET /ten HTTP/1.1\r\n" H "\r\n", true},
        {"GET /ten HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n", true},
        {"GET /ten HTTP/1.1\r\n" H "If-None-Match: \"x\"\r\n\r\n", true},
        {"HEAD /ten HTTP/1.1\r\n" H "\r\n", false},
        {"POST /ten HTTP/1.1\r\n" H "\r\n", false},
        {"GET /ten HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n" H "Range: bytes=1-2\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n" H "If-Modified-Since: yesterday\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        if (http_cache_suits(parsed(rows[i].text)) != rows[i].suits)
            fail_msg("wrong about: %s", rows[i].text);
    }
}

static void an_answer_ends_with_the_second_of_its_date(void **state)
{
    struct http_answer *answer;

    (void)state;
    keep("/ten", "body", NOW_MS);
    answer = take("/ten", NOW_MS + SECOND_LEFT_MS - 1);
    assert_non_null(answer);
    assert_memory_equal(answer->bytes, "headbody", 8);
    http_cache_release(answer);
    assert_null(take("/ten", NOW_MS + SECOND_LEFT_MS));
    keep("/ten", "body", NOW_MS);
    assert_null(take("/ten", NOW_MS - 1000)); /* somebody set the clock */
}

static void an_answer_in_use_keeps_its_bytes(void **state)
{
    struct http_answer *answer;

    (void)state;
    keep("/ten", "old", NOW_MS);
    answer = take("/ten", NOW_MS);
    assert_non_null(answer);
    site_make("ten", 11);
    assert_null(take("/ten", NOW_MS + 1));
    keep("/ten", "new", NOW_MS + 1);
    assert_memory_equal(answer->bytes, "headold", 7);
    assert_null(take("/ten", NOW_MS + 1));
    http_cache_release(answer);
    keep("/ten", "new", NOW_MS + 1);
    answer = take("/ten", NOW_MS + 1);
    assert_non_null(answer);
    assert_memory_equal(answer->bytes, "headnew", 7);
    http_cache_release(answer);
    site_make("ten", 10);
}

/* The (i)th of many ways to write "/ten". */
static const char *spelling(unsigned i)
{
    static const char *const plain = "ten", *const escaped[] = {"%74", "%65", "%6e"};
    static char path[HTTP_CACHE_PATH_BYTES];
    size_t used = 0;

    for (unsigned dots = i / 8; dots > 0; dots--)
        used += (size_t)snprintf(path + used, sizeof(path) - used, "/.");
    path[used++] = '/';
    for (unsigned c = 0; c < 3; c++)
        used += (size_t)snprintf(path + used, sizeof(path) - used, i >> c & 1 ? "%s" : "%.1s",
                                 i >> c & 1 ? escaped[c] : plain + c);
    return path;
}

static void names_that_share_a_place_are_not_confused(void **state)
{
    const unsigned names = 3 * HTTP_CACHE_SLOTS;
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < names; i++)
        keep(spelling(i), spelling(i), NOW_MS);
    for (unsigned i = 0; i < names; i++) {
        struct http_answer *answer = take(spelling(i), NOW_MS);

        if (!answer)
            continue;
        found++;
        assert_int_equal(answer->body_bytes, strlen(spelling(i)));
        assert_memory_equal(answer->bytes + 4, spelling(i), answer->body_bytes);
        http_cache_release(answer);
    }
    assert_in_range(found, HTTP_CACHE_SLOTS / 2, HTTP_CACHE_SLOTS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, site_open, site_close)
#define A(name) cmocka_unit_test_setup_teardown(name, cache_open, cache_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_asked_for_just_before_is_ready),
        T(a_change_shows_in_the_next_millisecond),
        T(each_size_is_whole_whether_ready_or_not),
        A(only_plain_requests_suit),
        T(a_ready_answer_that_leaves_in_two_writes_is_whole),
        A(an_answer_ends_with_the_second_of_its_date),
        A(an_answer_in_use_keeps_its_bytes),
        A(names_that_share_a_place_are_not_confused),
    };

    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
