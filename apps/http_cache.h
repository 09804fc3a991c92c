/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers that are ready: whole ones, head and body, to plain requests for small files. Making one
 * costs four system calls and a dozen formats, more than the card, the host and TCP together.
 *
 * What is sent from here is what the file was a millisecond ago at most: the first request of each
 * millisecond opens the file again, by its whole path, and compares. An answer is given up with the
 * second its Date names, so that what no comparison shows (a file written through a mapping) shows
 * then. Nothing here waits for a disk: an answer is kept as it was sent to the first who asked.
 */
#ifndef HTTP_CACHE_H
#define HTTP_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "http_file.h"
#include "http_parse.h"

#define HTTP_CACHE_SLOTS 128u
#define HTTP_CACHE_PATH_BYTES 128u    /* longer ones are not kept */
#define HTTP_CACHE_ANSWER_BYTES 8192u /* head and body */

struct http_answer {
    struct http_file_id file;
    int64_t date_s;                   /* of its Date field, since 1970 */
    int64_t looked_ms;                /* when the file was last seen to be this one, since 1970 */
    uint32_t users;                   /* replies sent from it just now: it stays as it is */
    uint32_t head_bytes, body_bytes;  /* in (bytes) */
    uint16_t path_bytes;              /* 0 = nobody finds it any more */
    char path[HTTP_CACHE_PATH_BYTES]; /* as received, still %-encoded */
    char bytes[HTTP_CACHE_ANSWER_BYTES];
};

/* All zero is empty. */
struct http_cache {
    struct http_answer slot[HTTP_CACHE_SLOTS];
};

/* Is (req), complete, one to which everybody gets the same answer? */
bool http_cache_suits(const struct http_parser *req);

/*
 * The answer to (req), which suits, for a file below (root); the caller returns it with
 * http_cache_release(). NULL: make it.
 */
struct http_answer *http_cache_take(struct http_cache *cache, const struct http_root *root,
                                    const struct http_parser *req, int64_t now_ms);
void http_cache_release(struct http_answer *answer);

/* What was just sent, whole. */
struct http_cache_entry {
    struct http_file_id file;
    int64_t made_ms; /* since 1970; the file was looked at then */
    uint32_t head_bytes, body_bytes;
    const char *bytes; /* head and body */
};

/* Keeps the answer to (req), which suits; or does not: it is too long, or its place is in use. */
void http_cache_keep(struct http_cache *cache, const struct http_parser *req,
                     const struct http_cache_entry *entry);

#endif
