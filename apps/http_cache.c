/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A table with one place per hash of the path: a newcomer takes it from whoever had it, so there is
 * nothing to age and nothing to search. Paths are compared as received, so that a hit is found
 * before anything is decoded; two spellings of one name are two answers.
 *
 * An answer that is being sent keeps its bytes until the last of its users is done, and its place
 * as long; when its file has changed meanwhile it only loses its name.
 */
#include "http_cache.h"

#include <string.h>
#include <unistd.h>

#define MS_PER_S 1000

/* Same method, same version's rules, the whole file, whatever date it has, and more to come. */
bool http_cache_suits(const struct http_parser *req)
{
    return req->status == 200 && req->method == HTTP_METHOD_GET && req->minor == 1 &&
           req->keep_alive && !req->expects && !req->has_coding && req->range.len_bytes == 0 &&
           req->if_modified_since.len_bytes == 0 && req->path.len_bytes > 0 &&
           req->path.len_bytes <= HTTP_CACHE_PATH_BYTES;
}

static struct http_answer *place(struct http_cache *cache, const struct http_parser *req)
{
    const char *path = http_parser_text(req, req->path);
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (unsigned i = 0; i < req->path.len_bytes; i++)
        hash = (hash ^ (uint8_t)path[i]) * 16777619u;
    return &cache->slot[(hash ^ hash >> 16) % HTTP_CACHE_SLOTS];
}

static bool is_named(const struct http_answer *answer, const struct http_parser *req)
{
    return answer->path_bytes == req->path.len_bytes &&
           memcmp(answer->path, http_parser_text(req, req->path), answer->path_bytes) == 0;
}

/* Does the path still name the file the answer was made of, and is that as it was? */
static bool is_true(const struct http_answer *answer, const struct http_root *root)
{
    char path[HTTP_PATH_BYTES];
    struct http_file file;

    if (http_path_decode(answer->path, answer->path_bytes, path) ||
        http_file_open(root, path, &file) != 200)
        return false;
    close(file.fd);
    return memcmp(&file.id, &answer->file, sizeof(file.id)) == 0;
}

struct http_answer *http_cache_take(struct http_cache *cache, const struct http_root *root,
                                    const struct http_parser *req, int64_t now_ms)
{
    struct http_answer *answer = place(cache, req);

    if (!is_named(answer, req))
        return NULL;
    if (answer->date_s != now_ms / MS_PER_S ||
        (answer->looked_ms != now_ms && !is_true(answer, root))) {
        answer->path_bytes = 0;
        return NULL;
    }
    answer->looked_ms = now_ms;
    answer->users++;
    return answer;
}

void http_cache_release(struct http_answer *answer)
{
    answer->users--;
}

void http_cache_keep(struct http_cache *cache, const struct http_parser *req,
                     const struct http_cache_entry *entry)
{
    struct http_answer *answer = place(cache, req);

    if (answer->users > 0 || entry->head_bytes > sizeof(answer->bytes) ||
        entry->body_bytes > sizeof(answer->bytes) - entry->head_bytes)
        return;
    answer->file = entry->file;
    answer->looked_ms = entry->made_ms;
    answer->date_s = entry->made_ms / MS_PER_S;
    answer->head_bytes = entry->head_bytes;
    answer->body_bytes = entry->body_bytes;
    answer->path_bytes = req->path.len_bytes;
    memcpy(answer->path, http_parser_text(req, req->path), answer->path_bytes);
    memcpy(answer->bytes, entry->bytes, entry->head_bytes + entry->body_bytes);
}
