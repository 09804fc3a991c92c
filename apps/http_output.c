/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Output is copied. lwIP would take references, but they must stay valid until acknowledged, or
 * longer: a reset connection's segments may still wait in the NIC's backlog. A mapped file can
 * change or shrink under a reference (SIGBUS, or a checksum that no longer fits on a
 * retransmission). So bytes go file -> scratch -> segment; the second copy reads what the first
 * left in the cache, and the scratch buffer serves all connections because nothing stays in it.
 *
 * The head and the first bytes of the body go in one tcp_write(), hence in one segment. Pieces but
 * the last are whole segments, so that none is short in mid-stream. To save system calls a file
 * is read again only once there is room for a scratch buffer full, or half of TCP's send buffer:
 * the other part of that buffer keeps the link busy meanwhile.
 */
#include "http_conn.h"

#include <errno.h>
#include <string.h>

static uint64_t left_bytes(const struct http_conn *c)
{
    return c->reply.head_bytes - c->head_sent + (c->reply.body_bytes - c->body_sent);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * How much to write now; 0 = better wait for room. That is bytes of the send buffer and segments in
 * the queue: a client that wants tiny ones would else have us read for each what does not fit.
 */
static size_t portion(const struct http_conn *c)
{
    size_t mss = tcp_mss(c->pcb), queued = tcp_sndqueuelen(c->pcb);
    size_t slots = queued < TCP_SND_QUEUELEN ? TCP_SND_QUEUELEN - queued : 0;
    size_t room = least(tcp_sndbuf(c->pcb), slots * mss);
    size_t enough = least(TCP_SND_BUF, (size_t)TCP_SND_QUEUELEN * mss) / 2;

    if (left_bytes(c) <= room && left_bytes(c) <= HTTP_SCRATCH_BYTES)
        return (size_t)left_bytes(c);
    enough = least(enough, HTTP_SCRATCH_BYTES);
    if (room < enough)
        return 0;
    return enough > mss ? enough - enough % mss : enough;
}

/*
 * The next (n) bytes of the reply into the scratch buffer, or as many as are at hand: returns how
 * many. -EAGAIN none yet, -EIO the file does not have them.
 */
static ssize_t fill(struct http_conn *c, size_t n)
{
    char *scratch = c->server->scratch;
    size_t head = c->reply.head_bytes - c->head_sent, used;
    off_t off = (off_t)(c->reply.off + c->body_sent);

    if (c->reply.ready) {
        memcpy(scratch, c->reply.ready->bytes + c->head_sent + c->body_sent, n);
        return (ssize_t)n;
    }
    head = head < n ? head : n;
    memcpy(scratch, c->reply.head + c->head_sent, head);
    for (used = head; used < n;) {
        ssize_t got = http_read(c, scratch + used, n - used, off);

        if (got == -EAGAIN && used > head)
            break;
        if (got < 0)
            return got;
        used += (size_t)got;
        off += got;
    }
    return (ssize_t)used;
}

/* The scratch buffer has the whole of an answer that others may ask for, too. */
static void keep(const struct http_conn *c)
{
    const struct http_cache_entry entry = {.file = c->reply.file,
                                           .made_ms = c->reply.made_ms,
                                           .head_bytes = c->reply.head_bytes,
                                           .body_bytes = (uint32_t)c->reply.body_bytes,
                                           .bytes = c->server->scratch};

    http_cache_keep(c->server->site.cache, &c->parser, &entry);
}

/* Hands over (n) bytes of the scratch buffer, or as many of them as lwIP has memory for. */
static err_t write_out(struct http_conn *c, size_t n)
{
    size_t head = c->reply.head_bytes - c->head_sent;
    u8_t flags = TCP_WRITE_FLAG_COPY;
    err_t err;

    if (n < left_bytes(c))
        flags |= TCP_WRITE_FLAG_MORE;
    err = tcp_write(c->pcb, c->server->scratch, (u16_t)n, flags);
    while (err == ERR_MEM && n > tcp_mss(c->pcb)) {
        n /= 2;
        err = tcp_write(c->pcb, c->server->scratch, (u16_t)n, TCP_WRITE_FLAG_COPY);
    }
    if (err != ERR_OK)
        return err;
    head = head < n ? head : n;
    c->head_sent += (uint32_t)head;
    c->body_sent += n - head;
    c->unacked_bytes += (uint32_t)n;
    c->server->stats.bytes += n;
    return ERR_OK;
}

enum http_step http_output_reply(struct http_conn *c)
{
    while (left_bytes(c) > 0) {
        size_t n = portion(c);
        ssize_t have;
        err_t err;

        if (n == 0)
            return HTTP_STEP_WAIT;
        have = fill(c, n);
        if (have == -EAGAIN)
            return HTTP_STEP_WAIT;
        if (have < 0) {
            c->server->stats.aborted_file++;
            http_conn_abort(c);
            return HTTP_STEP_ABORTED;
        }
        if (c->reply.may_be_kept && (uint64_t)have == c->reply.head_bytes + c->reply.body_bytes)
            keep(c);
        err = write_out(c, (size_t)have);
        if (err == ERR_MEM) /* an acknowledgement frees some, else the poll callback tries again */
            return HTTP_STEP_WAIT;
        if (err != ERR_OK) {
            http_conn_abort(c);
            return HTTP_STEP_ABORTED;
        }
    }
    return HTTP_STEP_NEXT;
}
