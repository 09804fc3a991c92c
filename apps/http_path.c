/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_file.h"

#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One character of the path at (*at), unescaped, into (*c). 0 or a status. */
static int take_char(const char **at, const char *end, char *c)
{
    int high, low;

    *c = *(*at)++;
    if (*c != '%')
        return *c == '\0' ? 400 : 0;
    if (end - *at < 2)
        return 400;
    high = hex_digit((*at)[0]);
    low = hex_digit((*at)[1]);
    if (high < 0 || low < 0)
        return 400;
    *c = (char)(high * 16 + low);
    *at += 2;
    return *c == '\0' || *c == '/' ? 400 : 0; /* neither can be in a name */
}

/* One decoded segment up to the next slash into (out), NUL-terminated. 0 or a status. */
static int take_segment(const char **at, const char *end, char *out, size_t room_bytes)
{
    size_t n = 0;

    while (*at < end && **at != '/') {
        int status;

        if (n + 1 >= room_bytes) /* a slash may have taken the last byte: no room at all */
            return 414;
        status = take_char(at, end, &out[n]);
        if (status)
            return status;
        n++;
    }
    out[n] = '\0';
    return strcmp(out, "..") == 0 ? 403 : 0;
}

int http_path_decode(const char *path, size_t len_bytes, char out[HTTP_PATH_BYTES])
{
    const char *end = path + len_bytes;
    size_t used = 0;

    out[0] = '\0';
    if (len_bytes > 0 && *path != '/')
        return 400;
    while (path < end) {
        char *segment = out + used;
        int status;

        path++; /* the slash */
        status = take_segment(&path, end, segment, HTTP_PATH_BYTES - 1 - used);
        if (status)
            return status;
        if (segment[0] == '\0' || strcmp(segment, ".") == 0) {
            segment[0] = '\0';
            continue;
        }
        used += strlen(segment);
        if (path < end)
            out[used++] = '/';
        out[used] = '\0';
    }
    return 0;
}

size_t http_path_encode(const char *path, char *out, size_t room_bytes)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    if (room_bytes < 2)
        return 0;
    out[n++] = '/';
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("/-._~", c);

        if (room_bytes - n < 4)
            return 0;
        if (plain) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    out[n] = '\0';
    return n;
}

static const struct {
    const char *suffix, *type;
} types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"log", "text/plain; charset=utf-8"},
    {"c", "text/plain; charset=utf-8"},
    {"h", "text/plain; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"pdf", "application/pdf"},
    {"wasm", "application/wasm"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tgz", "application/gzip"},
    {"bz2", "application/x-bzip2"},
    {"xz", "application/x-xz"},
    {"zst", "application/zstd"},
    {"tar", "application/x-tar"},
};

const char *http_file_type(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *dot;

    name = name ? name + 1 : path;
    dot = strrchr(name, '.');
    for (size_t i = 0; dot && dot != name && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(dot + 1, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}
