/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files in memory the card sends from (port_heap_apart()): a file asked for again and again is read
 * once, and its bytes go from here to the host without a copy of ours. Knows no connections.
 *
 * A held file is one state of a file, by device, inode, size and both times, so an answer made of
 * it is never half old and half new. Each request opens its file anew and finds what it may be sent
 * only if that is this state. What no comparison shows (a file written through a mapping) shows
 * after HTTP_FILES_LIFE_MS, when the file is read again.
 *
 * It is read as it is sent, by whoever needs the next bytes first, so nobody waits for more than he
 * sends. A file that changed while it was read is given up; one changed in the last
 * HTTP_FILES_QUIET_MS is not held, for it might change again within what its time can tell apart.
 */
#ifndef HTTP_FILES_H
#define HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_file.h"

#define HTTP_FILES_MAX 1024u        /* held at a time */
#define HTTP_FILES_BYTES_MIN 16384u /* smaller ones are copied in less time than it takes */
#define HTTP_FILES_QUIET_MS 2000    /* FAT's times are in steps of 2 s, others' finer */
#define HTTP_FILES_LIFE_MS 1000
#define HTTP_FILES_BUCKETS 512u

struct http_held {
    struct http_file_id id;
    uint8_t *bytes;
    uint64_t loaded_bytes;           /* in (bytes), from the start on */
    int64_t until_ms;                /* found until then, since 1970 */
    uint32_t users;                  /* answers sent from it just now */
    uint32_t loans;                  /* pieces of it that TCP or the card has */
    bool changed;                    /* while it was read: nothing is to be added */
    bool named;                      /* others may find it */
    struct http_held *below, *above; /* by address; (above) of free ones, too */
    struct http_held *older, *newer; /* by last use */
    struct http_held *next;          /* of the same bucket */
};

/* X(name, help) */
#define HTTP_FILES_STATS(X)                                                                        \
    X(file_hits, "answers made of a large file that was in memory")                                \
    X(file_loads, "large files begun to be read into memory")                                      \
    X(file_evicted, "large files that left memory for others")                                     \
    X(file_changed, "large files that changed while they were read into memory")                   \
    X(file_refused, "answers without: file too new, too large, or no room that is not in use")

struct http_files_stats {
#define X(name, help) uint64_t name;
    HTTP_FILES_STATS(X)
#undef X
};

struct http_files;

/* Over (memory), which stays the caller's. NULL: out of memory, or (len_bytes) is 0. */
struct http_files *http_files_create(void *memory, size_t len_bytes);
/*
 * When nobody uses any of it; what the card has not returned stays for it, lost. NULL is allowed.
 */
void http_files_destroy(struct http_files *files);

/*
 * The file just opened, which is (id), or room to read it into; http_files_release() it. NULL: it
 * is to be sent otherwise. (now_ms) is since 1970.
 */
struct http_held *http_files_take(struct http_files *files, const struct http_file_id *id,
                                  int64_t now_ms);
void http_files_release(struct http_held *held);

/*
 * (bytes) more were read from (fd), to behind those that are there. False: the file is not the same
 * any more, and they do not count.
 */
bool http_files_loaded(struct http_files *files, struct http_held *held, int fd, size_t bytes);

/* NULL: all zero. */
void http_files_stats(const struct http_files *files, struct http_files_stats *out);

#endif
