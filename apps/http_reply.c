/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* memfd_create */
#include "http_reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS_PER_S 1000

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

/* What the head says about the body, beyond struct http_reply. */
struct entity {
    struct http_file file; /* fd -1 = none */
    bool is_page;          /* made for this request: no date, no ranges, not to be kept */
    uint64_t first, last;  /* the range, with 206 */
    char path[HTTP_PATH_BYTES];
};

/* ---- choosing ------------------------------------------------------------------------------ */

/* The built-in page as a file in memory, so that sending knows only files. 200 or a status. */
static int open_page(const struct http_site *site, bool json, struct entity *entity)
{
    int fd = memfd_create("http-page", MFD_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return 503;
    if (site->page(site->page_ctx, json, fd) || fstat(fd, &st) < 0) {
        close(fd);
        return 500;
    }
    entity->is_page = true;
    entity->file = (struct http_file){
        .fd = fd,
        .size_bytes = (uint64_t)st.st_size,
        .type = json ? "application/json" : "text/html; charset=utf-8",
    };
    return 200;
}

/* Opens what was asked for. 200 or a status. */
static int find(const struct http_site *site, const struct http_parser *req, struct entity *entity)
{
    int status =
        http_path_decode(http_parser_text(req, req->path), req->path.len_bytes, entity->path);

    if (status)
        return status;
    if (site->page && strcmp(entity->path, "_nic") == 0)
        return open_page(site, false, entity);
    if (site->page && strcmp(entity->path, "_nic.json") == 0)
        return open_page(site, true, entity);
    status = http_file_open(&site->root, entity->path, &entity->file);
    if (site->page && entity->path[0] == '\0' && (status == 403 || status == 404))
        return open_page(site, false, entity);
    return status;
}

/*
 * If-None-Match makes If-Modified-Since void (RFC 9110, 13.1.3); we have no tags that could match.
 */
static bool is_unmodified(const struct http_parser *req, const struct http_file *file)
{
    int64_t since_s;

    if (req->if_modified_since.len_bytes == 0 || req->if_none_match.len_bytes > 0)
        return false;
    if (http_date_parse(http_parser_text(req, req->if_modified_since),
                        req->if_modified_since.len_bytes, &since_s))
        return false;
    return file->modified_s <= since_s;
}

/* If-Range asks for the whole unless the file is the very one of that date; tags never match. */
static bool range_applies(const struct http_parser *req, const struct http_file *file)
{
    int64_t date_s;

    if (req->method != HTTP_METHOD_GET || req->range.len_bytes == 0)
        return false;
    if (req->if_range.len_bytes == 0)
        return true;
    return http_date_parse(http_parser_text(req, req->if_range), req->if_range.len_bytes,
                           &date_s) == 0 &&
           date_s == file->modified_s;
}

/* The status for a file that is open, with its range in (entity). */
static int judge(const struct http_parser *req, struct entity *entity)
{
    if (entity->is_page)
        return 200;
    if (is_unmodified(req, &entity->file))
        return 304;
    if (!range_applies(req, &entity->file))
        return 200;
    return http_range_parse(http_parser_text(req, req->range), req->range.len_bytes,
                            entity->file.size_bytes, &entity->first, &entity->last);
}

/* ---- writing ------------------------------------------------------------------------------- */

/*
 * Appends to the head. What does not fit is left out; the longest is bounded, see put_location().
 */
__attribute__((format(printf, 2, 3))) static void put(struct http_reply *reply, const char *format,
                                                      ...)
{
    size_t room = sizeof(reply->head) - reply->head_bytes;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(reply->head + reply->head_bytes, room, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < room)
        reply->head_bytes += (uint32_t)n;
}

/* "Location: /dir/?query", made from the decoded path: "//host" in a request must not become a
 * host. */
static int make_location(const struct http_parser *req, const char *path, char out[], size_t room)
{
    size_t n = http_path_encode(path, out, room);

    if (n == 0 || n + req->query.len_bytes + 2 > room)
        return 414;
    out[n++] = '/';
    memcpy(out + n, http_parser_text(req, req->query), req->query.len_bytes);
    out[n + req->query.len_bytes] = '\0';
    return 301;
}

static void put_common(struct http_site *site, const struct http_parser *req, int64_t now_s,
                       struct http_reply *reply)
{
    if (site->date_s != now_s || site->date[0] == '\0') {
        http_date_format(now_s, site->date);
        site->date_s = now_s;
    }
    put(reply, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: netvsc-http\r\n", reply->status,
        reason_of(reply->status), site->date);
    if (!reply->keep_alive)
        put(reply, "Connection: close\r\n");
    else if (req->minor == 0)
        put(reply, "Connection: keep-alive\r\n");
}

/* The fields of a file, and the piece of it to send. */
static void put_file(const struct entity *entity, int64_t now_s, struct http_reply *reply)
{
    const struct http_file *file = &entity->file;
    char date[HTTP_DATE_BYTES];

    reply->body_bytes = file->size_bytes;
    if (reply->status == 206) {
        reply->off = entity->first;
        reply->body_bytes = entity->last - entity->first + 1;
        put(reply, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", entity->first,
            entity->last, file->size_bytes);
    }
    if (reply->status == 304)
        reply->body_bytes = 0;
    else
        put(reply, "Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n", file->type,
            reply->body_bytes);
    if (entity->is_page) {
        put(reply, "Cache-Control: no-store\r\n\r\n");
        return;
    }
    /* A date still to come would be wrong by the time it is compared (RFC 9110, 8.8.2.1). */
    http_date_format(file->modified_s < now_s ? file->modified_s : now_s, date);
    put(reply, "Last-Modified: %s\r\nAccept-Ranges: bytes\r\n\r\n", date);
}

/* Everything without a file: a sentence instead of a body, and what its status calls for. */
static void put_error(const struct http_parser *req, const struct entity *entity,
                      const char *location, struct http_reply *reply)
{
    char text[160];
    int n =
        snprintf(text, sizeof(text), "<!doctype html><title>%d %s</title><h1>%d %s</h1>\n",
                 reply->status, reason_of(reply->status), reply->status, reason_of(reply->status));

    if (reply->status == 301)
        put(reply, "Location: %s\r\n", location);
    if (reply->status == 405)
        put(reply, "Allow: GET, HEAD\r\n");
    if (reply->status == 416)
        put(reply, "Content-Range: bytes */%" PRIu64 "\r\n", entity->file.size_bytes);
    put(reply, "Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n", n);
    if (req->method != HTTP_METHOD_HEAD)
        put(reply, "%s", text);
}

/*
 * After a request that was refused, or whose body may or may not follow, the next one is not found.
 */
static bool may_keep(const struct http_parser *req)
{
    return req->status == 200 && req->keep_alive && !req->has_coding &&
           !(req->expects && req->body_bytes > 0);
}

/* The reply was made before, for somebody else. False: it was not. */
static bool take_ready(const struct http_site *site, const struct http_parser *req,
                       struct http_reply *reply)
{
    struct http_answer *ready = http_cache_take(site->cache, &site->root, req, reply->made_ms);

    if (!ready)
        return false;
    reply->ready = ready;
    reply->status = 200;
    reply->keep_alive = true;
    reply->head_bytes = ready->head_bytes;
    reply->body_bytes = ready->body_bytes;
    return true;
}

static void make(struct http_site *site, const struct http_parser *req, struct http_reply *reply)
{
    const int64_t now_s = reply->made_ms / MS_PER_S;
    struct entity entity = {.file.fd = -1};
    char location[HTTP_REPLY_HEAD_BYTES / 2] = "";
    int status = req->status;

    reply->keep_alive = may_keep(req);
    reply->off = reply->body_bytes = 0;
    reply->head_bytes = 0;
    if (status == 200)
        status = req->method == HTTP_METHOD_OTHER ? 405 : find(site, req, &entity);
    reply->fd = status == 200 ? entity.file.fd : -1;
    if (status == 200)
        status = judge(req, &entity);
    if (status == 301)
        status = make_location(req, entity.path, location, sizeof(location));
    reply->status = status;
    put_common(site, req, now_s, reply);
    if (status == 200 || status == 206 || status == 304)
        put_file(&entity, now_s, reply);
    else
        put_error(req, &entity, location, reply);
    if (status == 416 || req->method == HTTP_METHOD_HEAD)
        reply->body_bytes = 0;
    reply->may_be_kept = status == 200 && !entity.is_page;
    reply->file = entity.file.id;
    if (reply->body_bytes == 0)
        http_reply_done(reply);
    else if (site->files && !entity.is_page && reply->body_bytes >= HTTP_FILES_BYTES_MIN)
        reply->held = http_files_take(site->files, &reply->file, reply->made_ms);
}

void http_reply_make(struct http_site *site, const struct http_parser *req, int64_t now_ms,
                     struct http_reply *reply)
{
    const bool suits = site->cache && http_cache_suits(req);

    reply->made_ms = now_ms;
    reply->ready = NULL;
    reply->held = NULL;
    reply->fd = -1;
    if (suits && take_ready(site, req, reply))
        return;
    make(site, req, reply);
    reply->may_be_kept &= suits;
}

void http_reply_done(struct http_reply *reply)
{
    if (reply->ready)
        http_cache_release(reply->ready);
    reply->ready = NULL;
    if (reply->held)
        http_files_release(reply->held);
    reply->held = NULL;
    if (reply->fd >= 0)
        close(reply->fd);
    reply->fd = -1;
}
