/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a request to what is sent for it: a head, and perhaps a file's bytes. Knows no connections.
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "http_cache.h"
#include "http_date.h"
#include "http_file.h"
#include "http_files.h"
#include "http_parse.h"

#define HTTP_REPLY_HEAD_BYTES 2048u

/* What there is to see. */
struct http_site {
    struct http_root root;
    /*
     * Writes the built-in page to (fd), as HTML or JSON: at "/" when the tree has no index.html
     * there, at "/_nic" and "/_nic.json" always. 0 or -errno. NULL = no such page.
     */
    int (*page)(void *ctx, bool json, int fd);
    void *page_ctx;
    struct http_cache *cache; /* NULL = none */
    struct http_files *files; /* NULL = none */
    int64_t date_s;           /* of the text below, which is rewritten once a second */
    char date[HTTP_DATE_BYTES];
};

struct http_reply {
    int status;
    bool keep_alive;           /* false: close after it */
    struct http_answer *ready; /* head and body are there; NULL: in (head) and (fd) */
    bool may_be_kept;          /* as a ready one, once head and body are together in memory */
    int64_t made_ms;           /* since 1970 */
    struct http_file_id file;  /* with may_be_kept */
    struct http_held *held;    /* the file in memory, or where it is read to; NULL: not held */
    int fd;                    /* of the body, or -1 */
    uint64_t off;              /* where the body starts in it */
    uint64_t body_bytes;
    uint32_t head_bytes;
    char head[HTTP_REPLY_HEAD_BYTES]; /* with the short text that explains an error */
};

/*
 * The reply at (now_ms) since 1970 to (req), which is complete or refused; a status of 408 in it
 * means that it never came. Never fails. The caller ends it with http_reply_done().
 */
void http_reply_make(struct http_site *site, const struct http_parser *req, int64_t now_ms,
                     struct http_reply *reply);
void http_reply_done(struct http_reply *reply);

#endif
