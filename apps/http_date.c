/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static struct tm split(int64_t unix_s)
{
    time_t seconds = (time_t)unix_s;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099) {
        seconds = 0;
        gmtime_r(&seconds, &tm);
    }
    return tm;
}

void http_date_format(int64_t unix_s, char out[HTTP_DATE_BYTES])
{
    struct tm tm = split(unix_s);
    char text[80]; /* room for any int, so that the compiler can see that nothing is cut */

    snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
             tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(out, text, HTTP_DATE_BYTES);
}

void http_date_format_log(int64_t unix_s, char out[HTTP_LOG_DATE_BYTES])
{
    struct tm tm = split(unix_s);
    char text[80];

    snprintf(text, sizeof(text), "%02d/%s/%04d:%02d:%02d:%02d +0000", tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(out, text, HTTP_LOG_DATE_BYTES);
}

static int month_number(const char *name)
{
    for (int i = 0; i < 12; i++) {
        if (strcmp(name, months[i]) == 0)
            return i;
    }
    return -1;
}

/* The three forms, the day's name left out: it says nothing the rest does not. */
static int scan(const char *text, struct tm *tm, char month[4])
{
    static const char *const forms[] = {
        "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", /* the one we write */
        "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", /* RFC 850 */
    };
    int end = 0;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (sscanf(text, forms[i], &tm->tm_mday, month, &tm->tm_year, &tm->tm_hour, &tm->tm_min,
                   &tm->tm_sec, &end) == 6 &&
            end > 0 && text[end] == '\0')
            return 0;
        end = 0;
    }
    if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month,
               &tm->tm_mday, /* asctime */
               &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &tm->tm_year, &end) == 6 &&
        end > 0 && text[end] == '\0')
        return 0;
    return -EINVAL;
}

int http_date_parse(const char *text, size_t len_bytes, int64_t *unix_s)
{
    struct tm tm = {0};
    char copy[48], month[4] = "";

    if (len_bytes >= sizeof(copy) || memchr(text, '\0', len_bytes))
        return -EINVAL;
    memcpy(copy, text, len_bytes);
    copy[len_bytes] = '\0';
    if (scan(copy, &tm, month))
        return -EINVAL;
    tm.tm_mon = month_number(month);
    if (tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
        tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60 || tm.tm_year < 0)
        return -EINVAL;
    if (tm.tm_year < 100) /* RFC 850 wrote two digits; nothing on disk is older than 1970 */
        tm.tm_year += tm.tm_year < 70 ? 100 : 0;
    else
        tm.tm_year -= 1900;
    *unix_s = (int64_t)timegm(&tm);
    return 0;
}
