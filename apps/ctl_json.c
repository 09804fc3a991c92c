/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As much JSON as the state file has: an object whose values are strings, numbers, true, false, or
 * arrays of these. The file is ours, but a person may have edited it, so the reader believes
 * nothing and stops at the first thing it does not know.
 */
#include "ctl_var.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void ctl_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

struct reader {
    char *at;
    int (*each)(void *ctx, const char *key, const char *value);
    void *ctx;
};

static char peek(struct reader *r)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
    return *r->at;
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

/* The character after a backslash, written to (*out). Only one byte each: we write no others. */
static bool take_escape(struct reader *r, char *out)
{
    unsigned code;
    int used = 0;

    if (*r->at == '"' || *r->at == '\\') {
        *out = *r->at++;
        return true;
    }
    if (sscanf(r->at, "u00%2x%n", &code, &used) != 1 || used != 5 || code == 0)
        return false;
    r->at += used;
    *out = (char)(unsigned char)code;
    return true;
}

/* A string, decoded where it stands; NULL when it is none. */
static char *take_string(struct reader *r)
{
    char *text, *out;

    if (!take(r, '"'))
        return NULL;
    text = out = r->at;
    while (*r->at != '"') {
        const char c = *r->at++;

        if (c == '\0')
            return NULL;
        if (c != '\\')
            *out++ = c;
        else if (!take_escape(r, out++))
            return NULL;
    }
    r->at++;
    *out = '\0';
    return text;
}

/* A string, or a word or number as it is written. The byte behind a word is put back. */
static int take_value(struct reader *r, const char *key)
{
    const char *text;
    char *end, kept;
    int rc;

    if (peek(r) == '"') {
        text = take_string(r);
        return text ? r->each(r->ctx, key, text) : -EPROTO;
    }
    for (end = r->at; isalnum((unsigned char)*end) || *end == '-'; end++)
        continue;
    if (end == r->at)
        return -EPROTO;
    kept = *end;
    *end = '\0';
    rc = r->each(r->ctx, key, r->at);
    *end = kept;
    r->at = end;
    return rc;
}

static int take_array(struct reader *r, const char *key)
{
    int rc = 0;

    if (take(r, ']'))
        return 0;
    do {
        rc = take_value(r, key);
    } while (rc == 0 && take(r, ','));
    return rc == 0 && !take(r, ']') ? -EPROTO : rc;
}

static int take_member(struct reader *r)
{
    const char *key = take_string(r);

    if (!key || !take(r, ':'))
        return -EPROTO;
    return take(r, '[') ? take_array(r, key) : take_value(r, key);
}

int ctl_json_read(char *text, int (*each)(void *ctx, const char *key, const char *value), void *ctx)
{
    struct reader r = {.at = text, .each = each, .ctx = ctx};
    int rc = 0;

    if (!take(&r, '{'))
        return -EPROTO;
    if (!take(&r, '}')) {
        do {
            rc = take_member(&r);
        } while (rc == 0 && take(&r, ','));
        if (rc == 0 && !take(&r, '}'))
            rc = -EPROTO;
    }
    return rc == 0 && peek(&r) != '\0' ? -EPROTO : rc;
}
