/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the path of a request to an open file: decoding, staying inside the root, content type, byte
 * ranges. Pure POSIX (and openat2); knows neither connections nor messages. Failures are HTTP
 * status codes, because that is all anybody does with them.
 */
#ifndef HTTP_FILE_H
#define HTTP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define HTTP_PATH_BYTES 2048u /* decoded, with its NUL; a longer one is 414 */

/* A directory tree to serve. */
struct http_root {
    int fd;       /* -1 = no tree: every file is 404 */
    bool beneath; /* openat2() works; without it symbolic links are refused altogether */
};

/* Two looks with equal bytes here: the same file, not written to in between. No padding. */
struct http_file_id {
    uint64_t device, inode, size_bytes;
    struct timespec modified, changed;
};

struct http_file {
    int fd;
    struct http_file_id id;
    uint64_t size_bytes;
    int64_t modified_s; /* since 1970 */
    const char *type;   /* static */
};

/* Opens (dir) for reading below it. 0, or -errno and (root) is one without a tree. */
int http_root_open(struct http_root *root, const char *dir);
void http_root_close(struct http_root *root);

/*
 * Decodes %XX once and normalises: (out) has no leading slash, no empty and no "." segments; a
 * directory asked for as such keeps its final slash; the root itself is "". Returns 0; 400 for bad
 * escapes, NUL and encoded slashes; 403 for ".." segments, escaped or not; 414.
 */
int http_path_decode(const char *path, size_t len_bytes, char out[HTTP_PATH_BYTES]);

/*
 * The reverse, fit for a Location field: "/" (path), %-encoded. Returns its length, 0 when
 * (room_bytes), NUL included, is too small.
 */
size_t http_path_encode(const char *path, char *out, size_t room_bytes);

/*
 * Opens what a decoded path names; index.html for a directory with its slash. Returns 200 and the
 * caller closes (file)->fd; or 301 (a directory named without its slash), 403, 404, 500 or 503, and
 * nothing is open. 403 for a directory without index.html.
 */
int http_file_open(const struct http_root *root, const char *path, struct http_file *file);

/* What is open at (fd) now: 0 or -errno. */
int http_file_identify(int fd, struct http_file_id *out);

/* Content type by suffix. */
const char *http_file_type(const char *path);

/*
 * A Range field for a file of (size_bytes). 206 and the inclusive range; 416; or 200 when the field
 * is to be ignored: another unit, malformed, or more than one range.
 */
int http_range_parse(const char *text, size_t len_bytes, uint64_t size_bytes, uint64_t *first,
                     uint64_t *last);

#endif
