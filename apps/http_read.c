/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Reading a file that is not in memory waits for the disk, and with the one thread that reads waits
 * the card, every other connection and lwIP's timers. So only what is in memory is read
 * (RWF_NOWAIT). For the rest the kernel is asked to fetch it, the connection joins the server's
 * list of cold ones, and a timer looks again every millisecond.
 *
 * Some file systems do not know the flag, and one under pressure may drop pages before we come for
 * them: then, and after COLD_PATIENCE_MS, the reply is read as everybody else reads, which waits.
 * Opening a file still does: the kernel has no way of asking for a directory.
 */
#define _GNU_SOURCE /* preadv2 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http_conn.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define COLD_LOOK_MS 1u
#define COLD_PATIENCE_MS 500u
#define FETCH_BYTES (8 * (off_t)HTTP_SCRATCH_BYTES)

/* Those that are still cold join the list again, behind all that were there. */
static void look_again(void *arg)
{
    struct http_server *server = arg;
    const struct http_conn *last = server->cold.newest;
    struct http_conn *c = NULL;

    server->is_looking = false;
    while (c != last) {
        c = server->cold.oldest;
        http_server_list(c, NULL);
        http_conn_go_on(c);
    }
}

void http_read_close(struct http_server *server)
{
    sys_untimeout(look_again, server);
    server->is_looking = false;
}

static ssize_t wait_for(struct http_conn *c, char *to, size_t n, off_t off)
{
    ssize_t got;

    do {
        got = pread(c->reply.fd, to, n, off);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? got : -EIO;
}

static ssize_t put_off(struct http_conn *c, off_t off)
{
    struct http_server *server = c->server;

    if (!c->is_cold) {
        c->is_cold = true;
        c->cold_ms = sys_now();
        server->stats.cold_reads++;
        posix_fadvise(c->reply.fd, off, FETCH_BYTES, POSIX_FADV_WILLNEED);
    }
    if (!server->is_looking)
        sys_timeout(COLD_LOOK_MS, look_again, server);
    server->is_looking = true;
    http_server_list(c, &server->cold);
    return -EAGAIN;
}

ssize_t http_read(struct http_conn *c, char *to, size_t n, off_t off)
{
    const struct iovec part = {.iov_base = to, .iov_len = n};
    ssize_t got;

    if (c->may_wait)
        return wait_for(c, to, n, off);
    got = preadv2(c->reply.fd, &part, 1, off, RWF_NOWAIT);
    if (got > 0) {
        c->is_cold = false;
        return got;
    }
    if (got == 0)
        return -EIO;
    if (errno != EAGAIN) { /* the flag is not known here, or the error will show again */
        c->may_wait = true;
        return wait_for(c, to, n, off);
    }
    if (c->is_cold && sys_now() - c->cold_ms > COLD_PATIENCE_MS) {
        c->may_wait = true;
        c->server->stats.slow_reads++;
        return wait_for(c, to, n, off);
    }
    return put_off(c, off);
}
