/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_parse.h"

/* Feeds (text) in pieces of (piece) bytes until the parser has decided. */
static int parse_by(struct http_parser *p, const char *text, size_t len, size_t piece)
{
    size_t used = 0;

    http_parser_reset(p);
    while (used < len && p->status == 0) {
        size_t n = len - used < piece ? len - used : piece;
        size_t taken = http_parser_feed(p, text + used, n);

        assert_true(taken <= n);
        assert_true(taken == n || p->status != 0);
        used += taken;
    }
    return p->status;
}

static int parse(struct http_parser *p, const char *text)
{
    return parse_by(p, text, strlen(text), strlen(text));
}

static void assert_text(const struct http_parser *p, struct http_text text, const char *want)
{
    assert_int_equal(text.len_bytes, strlen(want));
    assert_memory_equal(http_parser_text(p, text), want, strlen(want));
}

#define H "Host: a\r\n"

static const struct {
    int status;
    const char *text;
} requests[] = {
    /* complete */
    {200, "GET / HTTP/1.1\r\n" H "\r\n"},
    {200, "HEAD /a/b?c HTTP/1.1\r\n" H "\r\n"},
    {200, "GET / HTTP/1.0\r\n\r\n"},
    {200, "GET / HTTP/1.1\n"
          "Host: a\n\n"},
    {200, "\r\n\n\r\nGET / HTTP/1.1\r\n" H "\r\n"},
    {200, "GET / HTTP/1.9\r\n" H "\r\n"},
    {200, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {200, "GET / HTTP/1.1\r\nHost:\t [::1]:80 \t\r\n\r\n"},
    {200, "GET / HTTP/1.1\r\n" H "X: \xc3\xa4\r\n\r\n"},
    {200, "DELETE * HTTP/1.1\r\n" H "\r\n"},
    {200, "BREW /pot HTTP/1.1\r\n" H "\r\n"},
    {200, "GET http://host:80/x HTTP/1.1\r\n" H "\r\n"},
    {200, "GET HTTPS://host?q HTTP/1.1\r\n" H "\r\n"},
    {200, "GET / HTTP/1.1\r\n" H "Content-Length: 65536\r\n\r\n"},
    {200, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"},
    /* request line */
    {400, "GET /\r\n\r\n"},
    {400, "GET  / HTTP/1.1\r\n" H "\r\n"},
    {400, "GET / HTTP/1.1 \r\n" H "\r\n"},
    {400, " GET / HTTP/1.1\r\n" H "\r\n"},
    {400, "GET\t/ HTTP/1.1\r\n" H "\r\n"},
    {400, "GET / x HTTP/1.1\r\n" H "\r\n"},
    {400, "G(T / HTTP/1.1\r\n" H "\r\n"},
    {400, "GET / http/1.1\r\n" H "\r\n"},
    {400, "GET / HTTP/1.10\r\n" H "\r\n"},
    {400, "GET / HTTP/11\r\n" H "\r\n"},
    {400, "GET / HTTP/+1.1\r\n" H "\r\n"},
    {400, "GET foo HTTP/1.1\r\n" H "\r\n"},
    {400, "GET * HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /#frag HTTP/1.1\r\n" H "\r\n"},
    {400, "GET /\xe4 HTTP/1.1\r\n" H "\r\n"},
    {400, "GET http:///x HTTP/1.1\r\n" H "\r\n"},
    {400, "GET http://u@h/x HTTP/1.1\r\n" H "\r\n"},
    {400, "GET ftp://h/x HTTP/1.1\r\n" H "\r\n"},
    {400, "\x16\x03\x01"},
    {505, "GET / HTTP/2.0\r\n" H "\r\n"},
    {505, "PRI * HTTP/2.0\r\n\r\n"},
    {505, "GET / HTTP/0.9\r\n\r\n"},
    /* fields */
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H H "\r\n"},
    {400, "GET / HTTP/1.0\r\n" H H "\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: 1\r\n folded\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: 1\r\n\tfolded\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n X: 1\r\n" H "\r\n"},
    {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H ": 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X(: 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X-\xc3: 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "\r\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"},
    /* where does it end? */
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {411, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n" H "Content-Length : 1\r\n\r\n"},
    {413, "GET / HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n"},
    {413, "GET / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n"},
    {413, "GET / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999999999999999\r\n\r\n"},
    /* more to come */
    {0, ""},
    {0, "\r\n\r\n"},
    {0, "GET / HTTP/1.1\r\n" H},
    {0, "GET / HTTP/1.1\r\n" H "\r"},
};

static void every_shape_has_its_status(void **state)
{
    struct http_parser p;

    (void)state;
    for (size_t i = 0; i < countof(requests); i++) {
        int status = parse(&p, requests[i].text);

        if (status != requests[i].status)
            fail_msg("%d for: %s", status, requests[i].text);
    }
}

static void a_cut_anywhere_changes_nothing(void **state)
{
    static struct http_parser whole, cut;

    (void)state;
    for (size_t i = 0; i < countof(requests); i++) {
        const char *text = requests[i].text;
        size_t len = strlen(text);

        parse(&whole, text);
        for (size_t at = 0; at <= len; at++) {
            size_t used;

            http_parser_reset(&cut);
            used = http_parser_feed(&cut, text, at);
            http_parser_feed(&cut, text + used, len - used);
            assert_int_equal(cut.status, whole.status);
            if (whole.status == 200)
                assert_memory_equal(&cut, &whole,
                                    offsetof(struct http_parser, buf) + whole.len_bytes);
        }
        assert_int_equal(parse_by(&cut, text, len, 1), whole.status);
    }
}

static void what_follows_a_head_is_left_alone(void **state)
{
    static const char text[] = "GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n";
    struct http_parser p;
    size_t used;

    (void)state;
    http_parser_reset(&p);
    used = http_parser_feed(&p, text, sizeof(text) - 1);
    assert_int_equal(p.status, 200);
    assert_text(&p, p.path, "/1");
    assert_int_equal(http_parser_feed(&p, text + used, 1), 0); /* not before a reset */
    http_parser_reset(&p);
    assert_int_equal(http_parser_feed(&p, text + used, sizeof(text) - 1 - used),
                     sizeof(text) - 1 - used);
    assert_text(&p, p.path, "/2");
}

static void the_parts_of_a_request_are_found(void **state)
{
    struct http_parser p;

    (void)state;
    assert_int_equal(parse(&p, "\r\nHEAD /a%20b/?q=1&r HTTP/1.1\r\nhOST: x\r\n"
                               "If-Modified-Since:  Sun, 06 Nov 1994 08:49:37 GMT \r\n"
                               "If-None-Match: \"t\"\r\nIf-Range: \"u\"\r\nRange:bytes=0-1\r\n"
                               "Expect: 100-continue\r\nContent-Length: 12\r\nX: ignored\r\n\r\n"),
                     200);
    assert_int_equal(p.method, HTTP_METHOD_HEAD);
    assert_int_equal(p.minor, 1);
    assert_int_equal(p.body_bytes, 12);
    assert_true(p.expects);
    assert_text(&p, p.line, "HEAD /a%20b/?q=1&r HTTP/1.1");
    assert_text(&p, p.path, "/a%20b/");
    assert_text(&p, p.query, "?q=1&r");
    assert_text(&p, p.if_modified_since, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_text(&p, p.if_none_match, "\"t\"");
    assert_text(&p, p.if_range, "\"u\"");
    assert_text(&p, p.range, "bytes=0-1");
}

static void an_absolute_target_is_taken_apart(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } rows[] = {
        {"http://h/x?y", "/x", "?y"},
        {"http://h", "", ""},
        {"HTTP://h:1?y/z", "", "?y/z"},
        {"https://[::1]:443/", "/", ""},
    };
    struct http_parser p;
    char text[256];

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H "\r\n", rows[i].target);
        assert_int_equal(parse(&p, text), 200);
        assert_text(&p, p.path, rows[i].path);
        assert_text(&p, p.query, rows[i].query);
    }
}

static void keep_alive_follows_version_and_connection(void **state)
{
    static const struct {
        const char *text;
        bool keep;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", true},
        {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: foo, CLOSE ,bar\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: ,, keep-alive\t,\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    struct http_parser p;

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        assert_int_equal(parse(&p, rows[i].text), 200);
        assert_int_equal(p.keep_alive, rows[i].keep);
    }
}

/* A head of exactly (len) bytes: one long field, or a long path. */
static char *head_of(size_t len, bool long_path)
{
    static const char start[] = "GET /", middle[] = " HTTP/1.1\r\n" H "X: ", end[] = "\r\n\r\n";
    size_t fixed = sizeof(start) + sizeof(middle) + sizeof(end) - 3;
    char *text = malloc(len + 1), *at = text;

    assert_non_null(text);
    at = stpcpy(at, start);
    if (long_path)
        at = (char *)memset(at, 'p', len - fixed) + (len - fixed);
    at = stpcpy(at, middle);
    if (!long_path)
        at = (char *)memset(at, 'v', len - fixed) + (len - fixed);
    strcpy(at, end);
    return text;
}

static void a_head_of_8192_bytes_fits_and_one_more_does_not(void **state)
{
    static struct http_parser p;
    char *fits = head_of(HTTP_HEAD_BYTES_MAX, false);
    char *more = head_of(HTTP_HEAD_BYTES_MAX + 1, false);

    (void)state;
    assert_int_equal(parse(&p, fits), 200);
    assert_int_equal(parse_by(&p, fits, strlen(fits), 1), 200);
    assert_int_equal(parse(&p, more), 431);
    assert_int_equal(parse_by(&p, more, strlen(more), 7), 431);
    free(fits);
    free(more);
}

static void a_request_line_that_does_not_fit_is_414(void **state)
{
    static struct http_parser p;
    char *more = head_of(2 * HTTP_HEAD_BYTES_MAX, true);

    (void)state;
    assert_int_equal(parse(&p, more), 414);
    assert_int_equal(parse_by(&p, more, strlen(more), 1), 414);
    free(more);
}

static void the_101st_field_is_one_too_many(void **state)
{
    static struct http_parser p;
    char text[4096];

    (void)state;
    for (unsigned fields = HTTP_FIELDS_MAX; fields <= HTTP_FIELDS_MAX + 1; fields++) {
        char *at = stpcpy(text, "GET / HTTP/1.1\r\n" H);

        for (unsigned i = 1; i < fields; i++)
            at = stpcpy(at, "X: 1\r\n");
        strcpy(at, "\r\n");
        assert_int_equal(parse(&p, text), fields > HTTP_FIELDS_MAX ? 431 : 200);
    }
}

static void empty_lines_before_a_request_are_bounded(void **state)
{
    static struct http_parser p;
    size_t fed = 0;

    (void)state;
    http_parser_reset(&p);
    while (p.status == 0 && fed <= HTTP_HEAD_BYTES_MAX)
        fed += http_parser_feed(&p, "\n", 1);
    assert_int_equal(p.status, 414);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Every text points into what was received; ASan watches the rest. */
static void assert_inside(const struct http_parser *p)
{
    const struct http_text texts[] = {p->line,          p->path,     p->query, p->if_modified_since,
                                      p->if_none_match, p->if_range, p->range};

    for (size_t i = 0; i < countof(texts); i++)
        assert_true(texts[i].off + texts[i].len_bytes <= p->len_bytes);
}

static void random_changes_never_depend_on_the_cut(void **state)
{
    static const char alphabet[] = " \t\r\n:,/?%#=-0123456789\x01\x7f\xffGETHPabc";
    static struct http_parser whole, bytewise, pieces;
    uint32_t seed = 42;
    char text[512];

    (void)state;
    for (int round = 0; round < 20000; round++) {
        const char *from = requests[next_random(&seed) % countof(requests)].text;
        size_t len = strlen(from);

        memcpy(text, from, len);
        for (uint32_t n = next_random(&seed) % 4; n > 0 && len > 0; n--)
            text[next_random(&seed) % len] = alphabet[next_random(&seed) % (sizeof(alphabet) - 1)];
        parse_by(&whole, text, len, len);
        parse_by(&bytewise, text, len, 1);
        parse_by(&pieces, text, len, 1 + next_random(&seed) % 16);
        assert_int_equal(bytewise.status, whole.status);
        assert_int_equal(pieces.status, whole.status);
        assert_inside(&whole);
        assert_inside(&bytewise);
    }
}

/*
 * May (c) be in (others), letters and digits? Not as the parser knows it: by the RFC's own lists.
 */
static bool one_of(const char *others, int c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80) ||
           strchr(others, c);
}

static void each_character_is_taken_where_it_may_be_and_nowhere_else(void **state)
{
    static const char token[] = "!#$%&'*+-.^_`|~", host[] = "-._~:[]%!$&'()*+,;=";
    struct http_parser p;
    char text[128];

    (void)state;
    for (int c = 1; c < 256; c++) {
        if (c == '\r' || c == '\n')
            continue;
        snprintf(text, sizeof(text), "G%cT / HTTP/1.1\r\n" H "\r\n", c);
        assert_int_equal(parse(&p, text), one_of(token, c) ? 200 : 400);
        snprintf(text, sizeof(text), "GET /a%cb HTTP/1.1\r\n" H "\r\n", c);
        assert_int_equal(parse(&p, text), c > ' ' && c < 0x7f && c != '#' ? 200 : 400);
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a%cb\r\n\r\n", c);
        assert_int_equal(parse(&p, text), one_of(host, c) ? 200 : 400);
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" H "X%cY: z\r\n\r\n", c);
        assert_int_equal(parse(&p, text), one_of(token, c) || c == ':' ? 200 : 400);
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" H "X: a%cb\r\n\r\n", c);
        assert_int_equal(parse(&p, text), (c >= ' ' && c != 0x7f) || c == '\t' ? 200 : 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_has_its_status),
        cmocka_unit_test(a_cut_anywhere_changes_nothing),
        cmocka_unit_test(what_follows_a_head_is_left_alone),
        cmocka_unit_test(the_parts_of_a_request_are_found),
        cmocka_unit_test(an_absolute_target_is_taken_apart),
        cmocka_unit_test(keep_alive_follows_version_and_connection),
        cmocka_unit_test(a_head_of_8192_bytes_fits_and_one_more_does_not),
        cmocka_unit_test(a_request_line_that_does_not_fit_is_414),
        cmocka_unit_test(the_101st_field_is_one_too_many),
        cmocka_unit_test(empty_lines_before_a_request_are_bounded),
        cmocka_unit_test(each_character_is_taken_where_it_may_be_and_nowhere_else),
        cmocka_unit_test(random_changes_never_depend_on_the_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
