/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A mapped file is no memory to send from: it can change or shrink under a reference (SIGBUS, or a
 * checksum that no longer fits on a retransmission). So bytes are read:
 *
 *   a large file     into memory that is lent to TCP (http_files.h), where it stays for others
 *   a ready answer   is in memory as a whole (http_cache.h), and copied from there
 *   or else,         into the segment, where the NIC cuts long ones (port_tcp_write_buffer()),
 *   a small one      or into the scratch buffer and copied; that serves all connections, because
 *                    nothing stays in it, and the copy reads what is still in the cache
 *
 * The head and the first bytes of the body leave in one segment. Pieces but
 * the last are whole segments, so that none is short in mid-stream. To save system calls a file
 * is read again only once there is room for a scratch buffer full, or half of TCP's send buffer:
 * the other part of that buffer keeps the link busy meanwhile.
 */
#include "http_conn.h"

#include <errno.h>
#include <string.h>

#include "port_heap.h"
#include "port_tcp.h"

#define SHARE_BYTES 98304u /* of copies one connection has on their way, when there are many */

static uint64_t left_bytes(const struct http_conn *c)
{
    return c->reply.head_bytes - c->head_sent + (c->reply.body_bytes - c->body_sent);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Is it for others to have what is left of the heap? What TCP has of ours comes back with time. */
static bool has_its_share(const struct http_conn *c)
{
    return !c->reply.held && c->unacked_bytes > SHARE_BYTES && port_heap_is_scarce();
}

/*
 * How much to write now; 0 = better wait for room. That is bytes of the send buffer and segments in
 * the queue: a client that wants tiny ones would else have us read for each what does not fit.
 */
static size_t portion(const struct http_conn *c)
{
    size_t mss = tcp_mss(c->pcb), queued = tcp_sndqueuelen(c->pcb), large = port_tcp_large(c->pcb);
    size_t slots = queued < TCP_SND_QUEUELEN ? TCP_SND_QUEUELEN - queued : 0;
    size_t room = least(tcp_sndbuf(c->pcb), slots * mss);
    size_t enough = least(TCP_SND_BUF, (size_t)TCP_SND_QUEUELEN * mss) / 2;

    if (left_bytes(c) <= room && left_bytes(c) <= HTTP_SCRATCH_BYTES)
        return (size_t)left_bytes(c);
    enough = least(enough, large > mss ? large : HTTP_SCRATCH_BYTES);
    if (room < enough || has_its_share(c))
        return 0;
    if (left_bytes(c) <= enough)
        return (size_t)left_bytes(c);
    return enough > mss ? enough - enough % mss : enough;
}

/*
 * The next (n) bytes of the reply to (to), or as many as are at hand: returns how many. -EAGAIN
 * none yet, -EIO the file does not have them.
 */
static ssize_t fill(struct http_conn *c, char *to, size_t n)
{
    size_t head = c->reply.head_bytes - c->head_sent, used;
    off_t off = (off_t)(c->reply.off + c->body_sent);

    head = head < n ? head : n;
    memcpy(to, c->reply.head + c->head_sent, head);
    for (used = head; used < n;) {
        ssize_t got = http_read(c, to + used, n - used, off);

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

/* A pbuf to read into that will be a segment, or NULL: through the scratch buffer. */
static struct pbuf *segment_for(const struct http_conn *c, size_t n)
{
    if (left_bytes(c) <= HTTP_SCRATCH_BYTES || n > port_tcp_large(c->pcb))
        return NULL;
    return pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);
}

static void count_written(struct http_conn *c, size_t n)
{
    size_t head = c->reply.head_bytes - c->head_sent;

    head = head < n ? head : n;
    c->head_sent += (uint32_t)head;
    c->body_sent += n - head;
    c->unacked_bytes += (uint32_t)n;
    c->server->stats.bytes += n;
}

static int error_of(err_t err)
{
    if (err == ERR_MEM) /* an acknowledgement frees some, else the poll callback tries again */
        return -EAGAIN;
    return err == ERR_OK ? 0 : -ECONNABORTED;
}

/*
 * Hands over (n) bytes: (p), which is gone then, or (from), a copy of as many as lwIP has memory
 * for.
 */
static err_t write_out(struct http_conn *c, struct pbuf *p, const char *from, size_t n)
{
    u8_t flags =
        n < left_bytes(c) ? TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE : TCP_WRITE_FLAG_COPY;
    err_t err;

    if (p)
        err = port_tcp_write_buffer(c->pcb, p, flags);
    else
        err = tcp_write(c->pcb, from, (u16_t)n, flags);
    while (err == ERR_MEM && !p && n > tcp_mss(c->pcb)) {
        n /= 2;
        err = tcp_write(c->pcb, from, (u16_t)n, TCP_WRITE_FLAG_COPY);
    }
    if (err == ERR_OK)
        count_written(c, n);
    return err;
}

/* The next (n) bytes on their way: 0, or a negative errno. */
static int put_copied(struct http_conn *c, size_t n)
{
    struct pbuf *p = segment_for(c, n);
    ssize_t have;

    if (!p)
        n = least(n, HTTP_SCRATCH_BYTES);
    have = fill(c, p ? p->payload : c->server->scratch, n);
    if (have < 0) {
        if (p)
            pbuf_free(p);
        return (int)have;
    }
    if (!p && c->reply.may_be_kept && (uint64_t)have == c->reply.head_bytes + c->reply.body_bytes)
        keep(c);
    if (p)
        pbuf_realloc(p, (u16_t)have);
    return error_of(write_out(c, p, c->server->scratch, (size_t)have));
}

/* ---- from memory that is lent -------------------------------------------------------------- */

/*
 * How many of the (n) bytes of the held file from (off) on can be lent; those after what is there
 * are read. -EAGAIN none yet; -ESTALE it is to be sent otherwise.
 */
static ssize_t load(struct http_conn *c, uint64_t off, size_t n)
{
    struct http_held *held = c->reply.held;
    ssize_t got = 0;

    if (off > held->loaded_bytes)
        return -ESTALE;
    while (held->loaded_bytes < off + n && !held->changed) {
        got = http_read(c, (char *)held->bytes + held->loaded_bytes,
                        (size_t)(off + n - held->loaded_bytes), (off_t)held->loaded_bytes);
        if (got < 0 || !http_files_loaded(c->server->site.files, held, c->reply.fd, (size_t)got))
            break;
    }
    if (off < held->loaded_bytes)
        return (ssize_t)least(n, (size_t)(held->loaded_bytes - off));
    return held->changed ? -ESTALE : got;
}

/* As many of the (n) bytes as lwIP has memory for. */
static err_t write_lent(struct http_conn *c, const uint8_t *from, size_t n)
{
    struct port_tcp_lent lent = {
        .data = from, .len_bytes = (uint16_t)n, .loans = &c->reply.held->loans};
    err_t err = port_tcp_write_lent(c->pcb, &lent, n < left_bytes(c) ? TCP_WRITE_FLAG_MORE : 0);

    while (err == ERR_MEM && lent.len_bytes > tcp_mss(c->pcb)) {
        lent.len_bytes /= 2;
        err = port_tcp_write_lent(c->pcb, &lent, 0);
    }
    if (err == ERR_OK)
        count_written(c, lent.len_bytes);
    return err;
}

static int put_lent(struct http_conn *c, size_t n)
{
    const size_t head = c->reply.head_bytes - c->head_sent;
    const uint64_t off = c->reply.off + c->body_sent;
    ssize_t have = load(c, off, n - least(head, n - 1));
    err_t err = ERR_OK;

    if (have < 0)
        return (int)have;
    if (head) {
        err = tcp_write(c->pcb, c->reply.head + c->head_sent, (u16_t)head,
                        TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
        if (err == ERR_OK)
            count_written(c, head);
    }
    if (err == ERR_OK)
        err = write_lent(c, c->reply.held->bytes + off, (size_t)have);
    return error_of(err);
}

/* The file changed before all of it was read: what is left is read as it is now. */
static void stop_lending(struct http_conn *c)
{
    http_files_release(c->reply.held);
    c->reply.held = NULL;
}

static int put(struct http_conn *c, size_t n)
{
    const struct http_answer *ready = c->reply.ready;
    int rc;

    if (ready)
        return error_of(write_out(c, NULL, ready->bytes + c->head_sent + c->body_sent,
                                  least(n, HTTP_SCRATCH_BYTES)));
    rc = c->reply.held ? put_lent(c, n) : -ESTALE;
    if (rc != -ESTALE)
        return rc;
    if (c->reply.held)
        stop_lending(c);
    return put_copied(c, n);
}

enum http_step http_output_reply(struct http_conn *c)
{
    while (left_bytes(c) > 0) {
        size_t n = portion(c);
        int rc = n ? put(c, n) : -EAGAIN;

        if (rc == -EAGAIN)
            return HTTP_STEP_WAIT;
        if (rc) {
            c->server->stats.aborted_file += rc == -EIO;
            http_conn_abort(c);
            return HTTP_STEP_ABORTED;
        }
    }
    return HTTP_STEP_NEXT;
}
