/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_reply.h"

#define NOW_S 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */
#define FILE_S 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define FILE_DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static char tree[] = "/tmp/test_http_reply.XXXXXX";
static struct http_site site;

static int write_page(void *ctx, bool json, int fd)
{
    const char *text = json ? "{}" : "<p>page";

    (void)ctx;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void make(const char *name, const char *content)
{
    const struct timespec times[2] = {{FILE_S, 0}, {FILE_S, 0}};
    int fd = openat(site.root.fd, name, O_CREAT | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static int open_site(void **state)
{
    (void)state;
    if (!mkdtemp(tree) || http_root_open(&site.root, tree))
        return -1;
    site.page = write_page;
    if (mkdirat(site.root.fd, "dir", 0755) || mkdirat(site.root.fd, "a b", 0755))
        return -1;
    make("ten", "0123456789");
    make("empty", "");
    make("dir/index.html", "<p>index");
    return 0;
}

static int close_site(void **state)
{
    char command[128];

    (void)state;
    http_root_close(&site.root);
    snprintf(command, sizeof(command), "rm -rf %s", tree);
    return system(command);
}

/* A request's reply, its head as a string. */
static struct http_reply *reply_to(const char *request)
{
    static struct http_reply reply;
    static struct http_parser parser;

    http_parser_reset(&parser);
    http_parser_feed(&parser, request, strlen(request));
    assert_int_not_equal(parser.status, 0);
    http_reply_make(&site, &parser, NOW_S * INT64_C(1000), &reply);
    assert_true(reply.head_bytes < sizeof(reply.head));
    reply.head[reply.head_bytes] = '\0';
    return &reply;
}

static void assert_has(const struct http_reply *reply, const char *text)
{
    if (!strstr(reply->head, text))
        fail_msg("no '%s' in: %s", text, reply->head);
}

static void assert_has_not(const struct http_reply *reply, const char *text)
{
    if (strstr(reply->head, text))
        fail_msg("'%s' in: %s", text, reply->head);
}

#define H "Host: a\r\n"

static const struct {
    const char *request;
    int status;
    const char *has; /* in the head; NULL = nothing particular */
    uint64_t off, body_bytes;
} rows[] = {
    {"GET /ten HTTP/1.1\r\n" H "\r\n", 200, "Content-Length: 10\r\n", 0, 10},
    {"GET /ten HTTP/1.1\r\n" H "\r\n", 200, "Last-Modified: " FILE_DATE "\r\n", 0, 10},
    {"GET /ten HTTP/1.1\r\n" H "\r\n", 200, "Accept-Ranges: bytes\r\n", 0, 10},
    {"GET /ten HTTP/1.1\r\n" H "\r\n", 200, "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n", 0, 10},
    {"HEAD /ten HTTP/1.1\r\n" H "\r\n", 200, "Content-Length: 10\r\n", 0, 0},
    {"GET /empty HTTP/1.1\r\n" H "\r\n", 200, "Content-Length: 0\r\n", 0, 0},
    {"GET /dir/ HTTP/1.1\r\n" H "\r\n", 200, "Content-Type: text/html; charset=utf-8\r\n", 0, 8},
    {"GET /dir HTTP/1.1\r\n" H "\r\n", 301, "Location: /dir/\r\n", 0, 0},
    {"GET //dir?x=//y HTTP/1.1\r\n" H "\r\n", 301, "Location: /dir/?x=//y\r\n", 0, 0},
    {"GET /a%20b HTTP/1.1\r\n" H "\r\n", 301, "Location: /a%20b/\r\n", 0, 0},
    {"GET /a%20b/ HTTP/1.1\r\n" H "\r\n", 403, NULL, 0, 0},
    {"GET /none HTTP/1.1\r\n" H "\r\n", 404, "<h1>404 Not Found</h1>", 0, 0},
    {"GET /../x HTTP/1.1\r\n" H "\r\n", 403, NULL, 0, 0},
    {"GET /%2f HTTP/1.1\r\n" H "\r\n", 400, NULL, 0, 0},
    {"POST /ten HTTP/1.1\r\n" H "\r\n", 405, "Allow: GET, HEAD\r\n", 0, 0},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 405, "Allow: GET, HEAD\r\n", 0, 0},
    {"GET / HTTP/3.0\r\n\r\n", 505, "505 HTTP Version Not Supported", 0, 0},
    /* conditions */
    {"GET /ten HTTP/1.1\r\n" H "If-Modified-Since: " FILE_DATE "\r\n\r\n", 304,
     "Last-Modified: " FILE_DATE "\r\n", 0, 0},
    {"GET /ten HTTP/1.1\r\n" H "If-Modified-Since: Sunday, 06-Nov-94 08:49:38 GMT\r\n\r\n", 304,
     NULL, 0, 0},
    {"GET /ten HTTP/1.1\r\n" H "If-Modified-Since: Sun Nov  6 08:49:36 1994\r\n\r\n", 200, NULL, 0,
     10},
    {"GET /ten HTTP/1.1\r\n" H "If-Modified-Since: yesterday\r\n\r\n", 200, NULL, 0, 10},
    {"GET /ten HTTP/1.1\r\n" H "If-None-Match: \"x\"\r\nIf-Modified-Since: " FILE_DATE "\r\n\r\n",
     200, NULL, 0, 10},
    /* ranges */
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=2-4\r\n\r\n", 206, "Content-Range: bytes 2-4/10\r\n",
     2, 3},
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=-3\r\n\r\n", 206, "Content-Length: 3\r\n", 7, 3},
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=10-\r\n\r\n", 416, "Content-Range: bytes */10\r\n", 0,
     0},
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=0-1,3-4\r\n\r\n", 200, "Content-Length: 10\r\n", 0,
     10},
    {"HEAD /ten HTTP/1.1\r\n" H "Range: bytes=2-4\r\n\r\n", 200, "Content-Length: 10\r\n", 0, 0},
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=2-4\r\nIf-Range: " FILE_DATE "\r\n\r\n", 206, NULL, 2,
     3},
    {"GET /ten HTTP/1.1\r\n" H
     "Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n\r\n",
     200, NULL, 0, 10},
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=2-4\r\nIf-Range: \"tag\"\r\n\r\n", 200, NULL, 0, 10},
    {"GET /ten HTTP/1.1\r\n" H "Range: bytes=2-4\r\nIf-Modified-Since: " FILE_DATE "\r\n\r\n", 304,
     NULL, 0, 0},
    /* the built-in page */
    {"GET / HTTP/1.1\r\n" H "\r\n", 200, "Cache-Control: no-store\r\n", 0, 7},
    {"GET /_nic HTTP/1.1\r\n" H "\r\n", 200, "Content-Type: text/html; charset=utf-8\r\n", 0, 7},
    {"GET /_nic.json HTTP/1.1\r\n" H "\r\n", 200, "Content-Type: application/json\r\n", 0, 2},
    {"GET /_nic HTTP/1.1\r\n" H "Range: bytes=2-4\r\n\r\n", 200, "Content-Length: 7\r\n", 0, 7},
};

static void each_request_has_its_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct http_reply *reply = reply_to(rows[i].request);

        if (reply->status != rows[i].status)
            fail_msg("%d instead of %d for %s", reply->status, rows[i].status, rows[i].request);
        if (rows[i].has)
            assert_has(reply, rows[i].has);
        assert_int_equal(reply->body_bytes, rows[i].body_bytes);
        if (reply->body_bytes > 0)
            assert_int_equal(reply->off, rows[i].off);
        assert_int_equal(reply->fd >= 0, reply->body_bytes > 0);
        assert_has(reply, "\r\n\r\n");
        http_reply_done(reply);
        assert_int_equal(reply->fd, -1);
    }
}

/* A body after an answer that must not have one would be taken for the next answer. */
static void an_answer_to_head_ends_with_its_head(void **state)
{
    static const char *const requests[] = {
        "HEAD /ten HTTP/1.1\r\n" H "\r\n",
        "HEAD /none HTTP/1.1\r\n" H "\r\n",
        "HEAD /dir HTTP/1.1\r\n" H "\r\n",
        "HEAD / HTTP/1.1\r\n" H "\r\n",
        "GET /ten HTTP/1.1\r\n" H "If-Modified-Since: " FILE_DATE "\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < countof(requests); i++) {
        const struct http_reply *reply = reply_to(requests[i]);

        assert_string_equal(strstr(reply->head, "\r\n\r\n"), "\r\n\r\n");
        assert_int_equal(reply->body_bytes, 0);
    }
}

static void the_text_of_an_error_is_as_long_as_it_says(void **state)
{
    const struct http_reply *reply = reply_to("GET /none HTTP/1.1\r\n" H "\r\n");
    const char *body = strstr(reply->head, "\r\n\r\n") + 4;
    char want[48];

    (void)state;
    snprintf(want, sizeof(want), "Content-Length: %zu\r\n", strlen(body));
    assert_has(reply, want);
}

static void the_connection_is_kept_only_where_the_next_request_is_found(void **state)
{
    static const struct {
        const char *request;
        bool keep;
    } kept[] = {
        {"GET /ten HTTP/1.1\r\n" H "\r\n", true},
        {"GET /none HTTP/1.1\r\n" H "\r\n", true},
        {"POST /ten HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", true},
        {"POST /ten HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", false},
        {"POST /ten HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n\r\n", false},
        {"GET /ten HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET /ten HTTP/1.0\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < countof(kept); i++) {
        struct http_reply *reply = reply_to(kept[i].request);

        assert_int_equal(reply->keep_alive, kept[i].keep);
        (kept[i].keep ? assert_has_not : assert_has)(reply, "Connection: close\r\n");
        http_reply_done(reply);
    }
    assert_has(reply_to("HEAD /ten HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
               "Connection: keep-alive\r\n");
}

static void a_file_from_the_future_was_modified_now(void **state)
{
    const struct timespec times[2] = {{NOW_S + 5, 0}, {NOW_S + 5, 0}};
    int fd = openat(site.root.fd, "future", O_CREAT | O_WRONLY, 0644);

    (void)state;
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_has(reply_to("GET /future HTTP/1.1\r\n" H "\r\n"),
               "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n");
}

static void a_location_that_does_not_fit_is_414(void **state)
{
    char request[4096];
    int n = snprintf(request, sizeof(request), "GET /dir?%01200d HTTP/1.1\r\n" H "\r\n", 0);

    (void)state;
    assert_true(n > 0 && n < (int)sizeof(request));
    assert_int_equal(reply_to(request)->status, 414);
}

/* Every character of the name takes three in the answer. */
static void a_directory_whose_location_does_not_fit_is_414(void **state)
{
    char name[2 * 200 + 2], request[sizeof(name) + 64];

    (void)state;
    memset(name, '+', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    name[200] = '\0';
    assert_int_equal(mkdirat(site.root.fd, name, 0755), 0);
    name[200] = '/';
    assert_int_equal(mkdirat(site.root.fd, name, 0755), 0);
    snprintf(request, sizeof(request), "GET /%s HTTP/1.1\r\n" H "\r\n", name);
    assert_int_equal(reply_to(request)->status, 414);
}

static void without_a_tree_there_is_only_the_page(void **state)
{
    struct http_root root = site.root;

    (void)state;
    site.root.fd = -1;
    assert_int_equal(reply_to("HEAD / HTTP/1.1\r\n" H "\r\n")->status, 200);
    assert_int_equal(reply_to("HEAD /ten HTTP/1.1\r\n" H "\r\n")->status, 404);
    site.page = NULL;
    assert_int_equal(reply_to("HEAD / HTTP/1.1\r\n" H "\r\n")->status, 404);
    assert_int_equal(reply_to("HEAD /_nic HTTP/1.1\r\n" H "\r\n")->status, 404);
    site.page = write_page;
    site.root = root;
}

static void dates_come_back_as_they_went(void **state)
{
    static const int64_t times[] = {0, 951782400, 951868800, FILE_S, NOW_S, 4102444799};
    char text[HTTP_DATE_BYTES];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < countof(times); i++) {
        http_date_format(times[i], text);
        assert_int_equal(strlen(text), HTTP_DATE_BYTES - 1);
        assert_int_equal(http_date_parse(text, strlen(text), &back), 0);
        assert_int_equal(back, times[i]);
    }
    http_date_format(FILE_S, text);
    assert_string_equal(text, FILE_DATE);
}

static void all_three_forms_of_a_date_are_read(void **state)
{
    static const char *const forms[] = {
        FILE_DATE,
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    int64_t back;

    (void)state;
    for (size_t i = 0; i < countof(forms); i++) {
        assert_int_equal(http_date_parse(forms[i], strlen(forms[i]), &back), 0);
        assert_int_equal(back, FILE_S);
    }
    assert_int_equal(http_date_parse("Friday, 06-Nov-26 08:49:37 GMT", 30, &back), 0);
    assert_int_equal(back, 1793954977);
}

static void dates_of_other_shapes_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37 GMT and a lot of text after it",
    };
    int64_t back;

    (void)state;
    for (size_t i = 0; i < countof(bad); i++)
        assert_int_equal(http_date_parse(bad[i], strlen(bad[i]), &back), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_its_reply),
        cmocka_unit_test(an_answer_to_head_ends_with_its_head),
        cmocka_unit_test(the_text_of_an_error_is_as_long_as_it_says),
        cmocka_unit_test(the_connection_is_kept_only_where_the_next_request_is_found),
        cmocka_unit_test(a_file_from_the_future_was_modified_now),
        cmocka_unit_test(a_location_that_does_not_fit_is_414),
        cmocka_unit_test(a_directory_whose_location_does_not_fit_is_414),
        cmocka_unit_test(without_a_tree_there_is_only_the_page),
        cmocka_unit_test(dates_come_back_as_they_went),
        cmocka_unit_test(all_three_forms_of_a_date_are_read),
        cmocka_unit_test(dates_of_other_shapes_are_refused),
    };

    return cmocka_run_group_tests(tests, open_site, close_site);
}
