/* SPDX-License-Identifier: BSD-3-Clause */
/* Dates as HTTP writes them (RFC 9110, section 5.6.7), independent of locale and time zone. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_DATE_BYTES 30u     /* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL */
#define HTTP_LOG_DATE_BYTES 27u /* "06/Nov/1994:08:49:37 +0000" and its NUL */

/* Seconds since 1970 as an HTTP date. Times outside the years 0..9999 become the epoch. */
void http_date_format(int64_t unix_s, char out[HTTP_DATE_BYTES]);

/* The same for an access log in common log format. */
void http_date_format_log(int64_t unix_s, char out[HTTP_LOG_DATE_BYTES]);

/* Any of the three forms a recipient must accept. 0 or -EINVAL. */
int http_date_parse(const char *text, size_t len_bytes, int64_t *unix_s);

#endif
