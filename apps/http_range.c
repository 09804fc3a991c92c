/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_file.h"

#include <string.h>
#include <strings.h>

/* Digits at (*at); saturates. False when there are none. */
static bool take_number(const char **at, const char *end, uint64_t *number)
{
    const char *start = *at;

    for (*number = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');

        if (*number > (UINT64_MAX - digit) / 10)
            *number = UINT64_MAX;
        else
            *number = *number * 10 + digit;
    }
    return *at > start;
}

int http_range_parse(const char *text, size_t len_bytes, uint64_t size_bytes, uint64_t *first,
                     uint64_t *last)
{
    static const char unit[] = "bytes=";
    const char *at = text + sizeof(unit) - 1, *end = text + len_bytes;
    bool has_first, has_last;

    if (len_bytes < sizeof(unit) || strncasecmp(text, unit, sizeof(unit) - 1) != 0)
        return 200;
    has_first = take_number(&at, end, first);
    if (at == end || *at++ != '-')
        return 200;
    has_last = take_number(&at, end, last);
    if (at != end || (!has_first && !has_last) || (has_first && has_last && *first > *last))
        return 200; /* malformed, or more ranges follow */
    if (!has_first) {
        if (*last == 0 || size_bytes == 0)
            return 416;
        *first = *last < size_bytes ? size_bytes - *last : 0;
        *last = size_bytes - 1;
        return 206;
    }
    if (*first >= size_bytes)
        return 416;
    if (!has_last || *last >= size_bytes)
        *last = size_bytes - 1;
    return 206;
}
