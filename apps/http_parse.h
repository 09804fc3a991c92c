/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head of one HTTP/1.x request, taken byte by byte into a bounded buffer. Pure: no socket, no
 * allocation, no clock. The result does not depend on how the bytes were cut into pieces.
 *
 * Strict where laxness lets two readers of one stream disagree about where a request ends (RFC
 * 9112, sections 2.2, 5 and 6): folded lines, blanks before a colon, bare CR, repeated or odd
 * Content-Length, and Content-Length beside Transfer-Encoding are refused.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_BYTES_MAX 8192u  /* request line and fields; more is 414 or 431 */
#define HTTP_FIELDS_MAX 100u       /* more is 431 */
#define HTTP_BODY_BYTES_MAX 65536u /* of a request; skipped up to here, more is 413 */

enum http_method {
    HTTP_METHOD_OTHER,
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
};

/* A piece of the parser's buffer. */
struct http_text {
    uint16_t off;
    uint16_t len_bytes; /* 0 = absent */
};

struct http_parser {
    uint16_t status; /* 0 = more bytes wanted, 200 = a request, else what to refuse it with */
    uint16_t len_bytes;
    uint16_t line_off; /* where the line being collected starts */
    uint16_t fields;
    bool has_line, has_host, has_length, has_coding, is_chunked;
    bool says_close, says_keep_alive;

    /* The request; complete when status is 200. What was understood of it otherwise. */
    enum http_method method;
    uint8_t minor;         /* of HTTP/1.x; 1 stands for anything newer, too */
    bool keep_alive;       /* the client's wish under the rules of its version */
    bool expects;          /* an Expect field: the client may be waiting before it sends the body */
    uint64_t body_bytes;   /* 0 with has_coding: unknown, so the connection cannot be kept */
    struct http_text line; /* without line end */
    struct http_text path; /* as received, still %-encoded; empty stands for "/" */
    struct http_text query; /* with its '?' */
    struct http_text if_modified_since, if_none_match, if_range, range;

    char buf[HTTP_HEAD_BYTES_MAX]; /* last: a reset does not touch it */
};

/* Forget the request and be ready for the next one. */
void http_parser_reset(struct http_parser *p);

/*
 * Take bytes until the head ends or is refused; see (status). Returns how many were taken: fewer
 * than (len_bytes) only when status is no longer 0. Takes nothing then until http_parser_reset().
 */
size_t http_parser_feed(struct http_parser *p, const void *data, size_t len_bytes);

static inline const char *http_parser_text(const struct http_parser *p, struct http_text text)
{
    return p->buf + text.off;
}

#endif
