/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Bytes are collected into one buffer; each time a line feed arrives, the line it ends is judged as
 * a whole, and an empty line ends the head. So every byte is looked at a fixed number of times,
 * nothing is looked at before it is complete, and cutting the stream elsewhere cannot change the
 * outcome. Control characters are refused as they arrive: a TLS hello on this port is answered at
 * once instead of waiting for a line feed that never comes.
 *
 * Fields we do not know are checked for form and forgotten. The table (known) holds the rest; its
 * functions return 0 or the status to refuse
 * with. What depends on several fields is decided once, in
 * finish().
 */
#include "http_parse.h"

#include <string.h>
#include <strings.h>

/* What a character may be in: each is looked at three times, and a table is quicker than rules. */
#define TOKEN 1u   /* RFC 9110, section 5.6.2 */
#define HOST 2u    /* of a host and port */
#define TARGET 4u  /* visible, and not the '#' of a fragment */
#define REFUSED 8u /* control characters but tab, CR and LF */

/* clang-format off */
static const uint8_t kinds[256] = { /* sixteen a line; those beyond ASCII are none of these */
    8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 0, 8, 8, 0, 8, 8,
    8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
    0, 7, 4, 1, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 4,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 4, 6, 4, 4,
    4, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 4, 6, 5, 7,
    5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 4, 5, 4, 7, 8,
};
/* clang-format on */

static bool is(unsigned kind, char c)
{
    return kinds[(uint8_t)c] & kind;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct http_text text_of(const struct http_parser *p, const char *at, size_t len_bytes)
{
    return (struct http_text){(uint16_t)(at - p->buf), (uint16_t)len_bytes};
}

static bool text_is(const char *at, size_t len_bytes, const char *word)
{
    return len_bytes == strlen(word) && strncasecmp(at, word, len_bytes) == 0;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* Which of a host's characters make sense is not ours to know: we have one site. */
static int take_host(struct http_parser *p, const char *at, size_t len_bytes)
{
    if (p->has_host)
        return 400;
    p->has_host = true;
    for (size_t i = 0; i < len_bytes; i++) {
        if (!is(HOST, at[i]))
            return 400;
    }
    return 0;
}

static int take_content_length(struct http_parser *p, const char *at, size_t len_bytes)
{
    if (p->has_length || len_bytes == 0)
        return 400;
    p->has_length = true;
    for (size_t i = 0; i < len_bytes; i++) {
        if (!is_digit(at[i]))
            return 400;
        if (p->body_bytes <= HTTP_BODY_BYTES_MAX) /* else it is too large whatever follows */
            p->body_bytes = p->body_bytes * 10 + (uint64_t)(at[i] - '0');
    }
    return 0;
}

static int take_transfer_encoding(struct http_parser *p, const char *at, size_t len_bytes)
{
    p->is_chunked = !p->has_coding && text_is(at, len_bytes, "chunked");
    p->has_coding = true;
    return 0;
}

static int take_connection(struct http_parser *p, const char *at, size_t len_bytes)
{
    const char *end = at + len_bytes;

    while (at < end) {
        const char *stop = memchr(at, ',', (size_t)(end - at));
        const char *next = stop ? stop + 1 : end;

        stop = stop ? stop : end;
        while (at < stop && is_blank(*at))
            at++;
        while (stop > at && is_blank(stop[-1]))
            stop--;
        p->says_close |= text_is(at, (size_t)(stop - at), "close");
        p->says_keep_alive |= text_is(at, (size_t)(stop - at), "keep-alive");
        at = next;
    }
    return 0;
}

static int take_expect(struct http_parser *p, const char *at, size_t len_bytes)
{
    (void)at;
    (void)len_bytes;
    p->expects = true;
    return 0;
}

/* Fields with a function are judged here; the others are kept for whoever knows the file. */
static const struct {
    const char *name;
    int (*take)(struct http_parser *p, const char *at, size_t len_bytes);
    size_t
        keep_off; /* of a struct http_text in struct http_parser; repeated, the last one counts */
} known[] = {
    {"Host", take_host, 0},
    {"Connection", take_connection, 0},
    {"Content-Length", take_content_length, 0},
    {"Transfer-Encoding", take_transfer_encoding, 0},
    {"Expect", take_expect, 0},
    {"If-Modified-Since", NULL, offsetof(struct http_parser, if_modified_since)},
    {"If-None-Match", NULL, offsetof(struct http_parser, if_none_match)},
    {"If-Range", NULL, offsetof(struct http_parser, if_range)},
    {"Range", NULL, offsetof(struct http_parser, range)},
};

static int take_field(struct http_parser *p, struct http_text name, const char *at,
                      size_t len_bytes)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct http_text *keep = (void *)((char *)p + known[i].keep_off);

        if (!text_is(http_parser_text(p, name), name.len_bytes, known[i].name))
            continue;
        if (known[i].take)
            return known[i].take(p, at, len_bytes);
        *keep = text_of(p, at, len_bytes);
    }
    return 0;
}

/* A field line, without its line end. Returns 0 or the status to refuse with. */
static int parse_field(struct http_parser *p, const char *line, size_t len_bytes)
{
    const char *end = line + len_bytes;
    const char *at = line;
    size_t name_bytes;

    if (p->fields++ == HTTP_FIELDS_MAX)
        return 431;
    while (at < end && is(TOKEN, *at))
        at++;
    name_bytes = (size_t)(at - line);
    if (name_bytes == 0 || at == end || *at != ':') /* folded, blank before ':', or no field */
        return 400;
    at++;
    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    if (memchr(at, '\r', (size_t)(end - at)))
        return 400;
    return take_field(p, text_of(p, line, name_bytes), at, (size_t)(end - at));
}

/* ---- request line -------------------------------------------------------------------------- */

static int parse_version(struct http_parser *p, const char *at, size_t len_bytes)
{
    if (len_bytes != 8 || memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' ||
        !is_digit(at[7]))
        return 400;
    if (at[5] != '1')
        return 505;
    p->minor = at[7] == '0' ? 0 : 1;
    return 0;
}

/* Leaves (*at) at the path when the target begins with "http://host"; see RFC 9112, 3.2.2. */
static int skip_authority(const char **at, const char *end)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t scheme_bytes = strlen(schemes[i]);
        const char *host = *at + scheme_bytes;
        const char *stop = host;

        if ((size_t)(end - *at) < scheme_bytes || strncasecmp(*at, schemes[i], scheme_bytes) != 0)
            continue;
        while (stop < end && *stop != '/' && *stop != '?')
            stop++;
        if (stop == host || memchr(host, '@', (size_t)(stop - host)))
            return 400;
        *at = stop;
        return 0;
    }
    return 400;
}

static int parse_target(struct http_parser *p, const char *at, size_t len_bytes)
{
    const char *end = at + len_bytes;
    const char *query;
    int status = 0;

    for (const char *c = at; c < end; c++) {
        if (!is(TARGET, *c))
            return 400;
    }
    if (*at != '/')
        status = skip_authority(&at, end);
    if (status)
        return status;
    query = memchr(at, '?', (size_t)(end - at));
    query = query ? query : end;
    p->path = text_of(p, at, (size_t)(query - at));
    p->query = text_of(p, query, (size_t)(end - query));
    return 0;
}

/* "GET /path HTTP/1.1": exactly one space between the three. */
static int parse_request_line(struct http_parser *p, const char *line, size_t len_bytes)
{
    const char *end = line + len_bytes;
    const char *target, *version;
    size_t method_bytes = 0;
    int status;

    p->has_line = true;
    p->line = text_of(p, line, len_bytes);
    while (method_bytes < len_bytes && is(TOKEN, line[method_bytes]))
        method_bytes++;
    if (method_bytes == 0 || method_bytes == len_bytes || line[method_bytes] != ' ')
        return 400;
    target = line + method_bytes + 1;
    version = memchr(target, ' ', (size_t)(end - target));
    if (!version || version == target)
        return 400;
    status = parse_version(p, version + 1, (size_t)(end - version - 1));
    if (status)
        return status;
    if (method_bytes == 3 && memcmp(line, "GET", 3) == 0)
        p->method = HTTP_METHOD_GET;
    else if (method_bytes == 4 && memcmp(line, "HEAD", 4) == 0)
        p->method = HTTP_METHOD_HEAD;
    else
        return 0; /* its target may take forms we have no use for; 405 in any case */
    return parse_target(p, target, (size_t)(version - target));
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* The head is complete. What it means as a whole, or the status to refuse it with. */
static uint16_t finish(struct http_parser *p)
{
    p->keep_alive = !p->says_close && (p->minor > 0 || p->says_keep_alive);
    if (p->minor > 0 && !p->has_host)
        return 400;
    if (p->has_coding && (p->has_length || p->minor == 0 || !p->is_chunked))
        return 400;
    if (p->has_coding && p->method != HTTP_METHOD_OTHER) /* that one is 405, whatever its body */
        return 411;
    if (p->body_bytes > HTTP_BODY_BYTES_MAX)
        return 413;
    return 200;
}

/* The buffer ends with a line feed. Returns the parser's new status. */
static uint16_t end_of_line(struct http_parser *p)
{
    const char *line = p->buf + p->line_off;
    size_t len_bytes = (size_t)(p->len_bytes - p->line_off) - 1;

    p->line_off = p->len_bytes;
    if (len_bytes > 0 && line[len_bytes - 1] == '\r')
        len_bytes--;
    if (len_bytes == 0) /* before the request line, empty lines are to be ignored */
        return p->has_line ? finish(p) : 0;
    return (uint16_t)(p->has_line ? parse_field(p, line, len_bytes)
                                  : parse_request_line(p, line, len_bytes));
}

static bool has_control(const char *at, size_t len_bytes)
{
    unsigned any = 0;

    for (size_t i = 0; i < len_bytes; i++)
        any |= kinds[(uint8_t)at[i]];
    return any & REFUSED;
}

void http_parser_reset(struct http_parser *p)
{
    memset(p, 0, offsetof(struct http_parser, buf));
}

size_t http_parser_feed(struct http_parser *p, const void *data, size_t len_bytes)
{
    const char *at = data;
    size_t used = 0;

    while (p->status == 0 && used < len_bytes) {
        size_t room = sizeof(p->buf) - p->len_bytes;
        size_t n = len_bytes - used < room ? len_bytes - used : room;
        const char *feed = memchr(at + used, '\n', n);

        if (room == 0) {
            p->status = p->has_line ? 431 : 414;
            break;
        }
        n = feed ? (size_t)(feed - (at + used)) + 1 : n;
        memcpy(p->buf + p->len_bytes, at + used, n);
        p->len_bytes = (uint16_t)(p->len_bytes + n);
        used += n;
        if (has_control(at + used - n, n))
            p->status = 400;
        else if (feed)
            p->status = end_of_line(p);
    }
    return used;
}
