/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Common log format: host - - [date] "request line" status bytes. The bytes are those of a file;
 * the sentence that explains an error counts as part of its head.
 */
#include <inttypes.h>

#include "http_conn.h"
#include "port_clock.h"

/* What a stranger wrote, made harmless for terminals and for readers that split at quotes. */
static void put_escaped(FILE *log, const char *text, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            fprintf(log, "\\x%02x", c);
        else
            putc(c, log);
    }
}

void http_log_reply(const struct http_conn *c)
{
    FILE *log = c->server->config.access_log;
    char date[HTTP_LOG_DATE_BYTES];
    char host[IPADDR_STRLEN_MAX];

    if (!log)
        return;
    http_date_format_log((int64_t)(port_clock_wall() / PORT_NS_PER_S), date);
    fprintf(log, "%s - - [%s] \"", ipaddr_ntoa_r(&c->remote, host, sizeof(host)), date);
    if (c->parser.has_line)
        put_escaped(log, http_parser_text(&c->parser, c->parser.line), c->parser.line.len_bytes);
    else
        putc('-', log);
    fprintf(log, "\" %d %" PRIu64 "\n", c->reply.status, c->body_sent);
}
