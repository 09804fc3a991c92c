/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Common log format: host - - [date] "request line" status bytes. The bytes are those of a file;
 * the sentence that explains an error counts as part of its head.
 *
 * Lines gather in memory and are written by the half buffer, or when the second is over. Who reads
 * them may stand still, a pipe into a pager for example, and the server must not: nothing here
 * waits. That is a property of the open file, which standard output shares with others; so a pipe
 * or terminal there is opened once more, and a socket is asked each time. Files on disk wait by
 * nature. What does not fit meanwhile is lost, the newest first.
 *
 * Several workers write to one log. A pipe takes up to PIPE_BUF bytes as a whole or not at all, so
 * pieces of whole lines up to that long keep their lines apart.
 */
#define _GNU_SOURCE /* memrchr() */
#include "http_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_conn.h"
#include "port_clock.h"
#include "port_log.h"

#define TEXT_BYTES 131072u
#define REST_BYTES 160u  /* of a line, but for what the client wrote */
#define ESCAPED_BYTES 4u /* of a byte of that, at most */
#define PAUSE_NS (1 * PORT_NS_PER_MS)

/* ---- open and close -------------------------------------------------------------------------- */

static int own_output(bool is_quick)
{
    int fd = -1;

    if (!is_quick)
        fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && !is_quick) /* somebody else's pipe: then not to wait is for all who have it */
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int http_log_open(struct http_log *log, const char *path)
{
    const bool is_output = strcmp(path, "-") == 0;
    struct stat what = {0};
    int rc = 0;

    *log = (struct http_log){.name = is_output ? "standard output" : path};
    if (is_output && fstat(STDOUT_FILENO, &what) == 0)
        log->fd = own_output(S_ISREG(what.st_mode) || S_ISSOCK(what.st_mode));
    else
        log->fd =
            open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (log->fd < 0 || fstat(log->fd, &what) < 0)
        rc = -errno;
    log->is_socket = S_ISSOCK(what.st_mode);
    log->piece_bytes = S_ISREG(what.st_mode) ? TEXT_BYTES : PIPE_BUF;
    log->text = rc ? NULL : malloc(TEXT_BYTES);
    if (log->text)
        return 0;
    if (log->fd >= 0)
        close(log->fd);
    return rc ? rc : -ENOMEM;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void lose(struct http_server *server, uint64_t lines, const char *why)
{
    struct http_log *log = server->config.access_log;

    server->stats.log_lost += lines;
    if (!log->said)
        port_log(PORT_LOG_WARN, "access log %s: %s, lines are lost, see log_lost in the counters",
                 log->name, why);
    log->said = true;
}

static void lose_all(struct http_server *server, const char *why)
{
    struct http_log *log = server->config.access_log;
    uint64_t lines = 0;

    for (size_t i = 0; i < log->used_bytes; i++)
        lines += log->text[i] == '\n';
    log->used_bytes = 0;
    if (lines)
        lose(server, lines, why);
}

/* How much to write of what waits: whole lines, unless one is longer than a piece. */
static size_t piece(const struct http_log *log, size_t from)
{
    const size_t rest = log->used_bytes - from;
    const char *end;

    if (rest <= log->piece_bytes)
        return rest;
    end = memrchr(log->text + from, '\n', log->piece_bytes);
    return end ? (size_t)(end + 1 - (log->text + from)) : log->piece_bytes;
}

static ssize_t put(const struct http_log *log, const char *text, size_t len_bytes)
{
    return log->is_socket ? send(log->fd, text, len_bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : write(log->fd, text, len_bytes);
}

void http_log_flush(struct http_server *server)
{
    struct http_log *log = server->config.access_log;
    size_t done = 0;
    ssize_t some = 0;

    if (!log)
        return;
    while (done < log->used_bytes && some >= 0) {
        some = put(log, log->text + done, piece(log, done));
        if (some > 0)
            done += (size_t)some;
    }
    memmove(log->text, log->text + done, log->used_bytes - done);
    log->used_bytes -= done;
    if (some >= 0 || errno == EINTR)
        return;
    if (errno == EAGAIN)
        log->retry_at_ns = port_clock_now() + PAUSE_NS;
    else
        lose_all(server, strerror(errno));
}

void http_log_close(struct http_server *server)
{
    struct http_log *log = server->config.access_log;

    if (!log)
        return;
    http_log_flush(server);
    lose_all(server, "its reader did not take the last ones");
    close(log->fd);
    free(log->text);
    server->config.access_log = NULL;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Room for a line of (len_bytes)? */
static bool make_room(struct http_server *server, size_t len_bytes)
{
    struct http_log *log = server->config.access_log;

    if (log->used_bytes + len_bytes > TEXT_BYTES / 2 && port_clock_now() >= log->retry_at_ns)
        http_log_flush(server);
    return log->used_bytes + len_bytes <= TEXT_BYTES;
}

/* What a stranger wrote, made harmless for terminals and for readers that split at quotes. */
static char *put_escaped(char *to, const char *text, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            to += sprintf(to, "\\x%02x", c);
        else
            *to++ = (char)c;
    }
    return to;
}

void http_log_reply(const struct http_conn *c)
{
    struct http_log *log = c->server->config.access_log;
    const struct http_text line = c->parser.has_line ? c->parser.line : (struct http_text){0};
    char date[HTTP_LOG_DATE_BYTES];
    char host[IPADDR_STRLEN_MAX];
    char *to;

    if (!log)
        return;
    if (!make_room(c->server, REST_BYTES + ESCAPED_BYTES * (size_t)line.len_bytes)) {
        lose(c->server, 1, "its reader does not keep up");
        return;
    }
    http_date_format_log((int64_t)(port_clock_wall() / PORT_NS_PER_S), date);
    to = log->text + log->used_bytes;
    to += sprintf(to, "%s - - [%s] \"", ipaddr_ntoa_r(&c->remote, host, sizeof(host)), date);
    if (c->parser.has_line)
        to = put_escaped(to, http_parser_text(&c->parser, line), line.len_bytes);
    else
        *to++ = '-';
    to += sprintf(to, "\" %d %" PRIu64 "\n", c->reply.status, c->body_sent);
    log->used_bytes = (size_t)(to - log->text);
    if (c->server->stopping) /* nobody may come back to flush it: workers just end */
        http_log_flush(c->server);
}
