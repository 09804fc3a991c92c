/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * netvsc-echo answers every byte on a TCP connection and every UDP datagram with itself (RFC 862).
 *
 * TCP: nothing is copied. A received pbuf goes into the connection's ring; its bytes are given to
 * tcp_write() by reference as far as the send buffer has room; the pbuf is freed when the peer has
 * acknowledged the last of them. Only then is the receive window opened again (tcp_recved), so a
 * peer that does not read stops being able to write, and one connection holds at most a window of
 * memory. A full ring refuses the pbuf: lwIP keeps it and offers it again.
 *
 * A short message on a connection that owes nothing by reference is copied instead: one pbuf and
 * its freeing cost more than 256 bytes. It counts against the send buffer like all else, so that
 * bounds what a peer who does not read can make us keep.
 *
 * A chain, which is many segments put together, is copied too, into buffers as long as the segments
 * TCP makes. The driver would copy it anyway, and lwIP's part would be paid for each of its pieces.
 * It is freed when the last of it is written, if nothing by reference is owed before it.
 *
 * A peer that shuts its sending side down first gets all that is still owed, then our FIN.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "port_log.h"
#include "port_tcp.h"

#define RING_SLOTS                                                                                 \
    256u /* pbufs per connection; a power of two. 256 KiB of full segments take 180 */
#define POLL_HALF_SECONDS 2
#define COPY_BYTES_MAX 256u

struct echo_conn {
    struct tcp_pcb *pcb;
    uint32_t head; /* oldest pbuf with unacknowledged bytes */
    uint32_t next; /* pbuf to write from */
    uint32_t tail;
    uint32_t acked_bytes;   /* of the pbuf at head */
    uint32_t written_bytes; /* of the pbuf at next */
    uint32_t copied_bytes;  /* not yet acknowledged; they come before those in the ring */
    bool peer_done;         /* the peer's FIN came */
    /* Last: memory which a connection does not use is not touched for it. */
    struct pbuf *ring[RING_SLOTS];
};

static struct {
    uint16_t port;
    struct tcp_pcb *listener;
    struct udp_pcb *udp;
    uint64_t conns, tcp_bytes, datagrams, drop_memory, drop_send, drop_address;
} echo = {.port = 7};

static struct pbuf **slot(struct echo_conn *conn, uint32_t index)
{
    return &conn->ring[index % RING_SLOTS];
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static void conn_free(struct echo_conn *conn)
{
    for (; conn->head != conn->tail; conn->head++)
        pbuf_free(*slot(conn, conn->head));
    free(conn);
}

/* lwIP has freed the pcb: reset, timed out or aborted. */
static void on_error(void *arg, err_t err)
{
    (void)err;
    conn_free(arg);
}

/* After this the pcb is lwIP's: it delivers our FIN by itself. False: out of memory, try later. */
static bool conn_close(struct echo_conn *conn)
{
    struct tcp_pcb *pcb = conn->pcb;

    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    if (tcp_close(pcb) == ERR_OK) {
        conn_free(conn);
        return true;
    }
    return false;
}

/* The contiguous bytes of (p) from (offset) on. */
static const void *piece(const struct pbuf *p, uint32_t offset, uint32_t *len_bytes)
{
    while (p && offset >= p->len) {
        offset -= p->len;
        p = p->next;
    }
    *len_bytes = p ? p->len - offset : 0;
    return p ? (const uint8_t *)p->payload + offset : NULL;
}

/* Write of (p), from (offset) on, what lwIP takes at once; by reference. Bytes, 0: later. */
static uint32_t write_piece(struct tcp_pcb *pcb, const struct pbuf *p, uint32_t offset)
{
    const uint32_t room = tcp_sndbuf(pcb);
    uint32_t len;
    const void *data = piece(p, offset, &len);

    if (len > room)
        len = room;
    return len && tcp_write(pcb, data, (u16_t)len, 0) == ERR_OK ? len : 0;
}

/* The same of a chain; a copy. */
static uint32_t write_chain(struct tcp_pcb *pcb, const struct pbuf *p, uint32_t offset)
{
    const uint32_t room = tcp_sndbuf(pcb), longest = port_tcp_large(pcb);
    uint32_t len = p->tot_len - offset;
    struct pbuf *copy;

    len = LWIP_MIN(len, LWIP_MIN(room, longest));
    copy = len ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM) : NULL;
    if (!copy)
        return 0;
    pbuf_copy_partial(p, copy->payload, (u16_t)len, (u16_t)offset);
    return port_tcp_write_buffer(pcb, copy, 0) == ERR_OK ? len : 0;
}

/* The chain at the head of the ring is all copied: let it go. */
static void conn_copied(struct echo_conn *conn)
{
    struct pbuf *p = *slot(conn, conn->head);
    const uint32_t len = p->tot_len - conn->acked_bytes;

    conn->copied_bytes += len;
    conn->acked_bytes = 0;
    conn->head++;
    tcp_recved(conn->pcb, (u16_t)len);
    pbuf_free(p);
}

/* Give lwIP as much of what is owed as it takes. */
static void conn_write(struct echo_conn *conn)
{
    while (conn->next != conn->tail) {
        const struct pbuf *p = *slot(conn, conn->next);
        const bool is_chain = p->next != NULL;
        const uint32_t len =
            (is_chain ? write_chain : write_piece)(conn->pcb, p, conn->written_bytes);

        if (len == 0)
            break;
        conn->written_bytes += len;
        if (conn->written_bytes != p->tot_len)
            continue;
        conn->written_bytes = 0;
        if (conn->next++ == conn->head && is_chain)
            conn_copied(conn);
    }
    tcp_output(conn->pcb);
}

static err_t conn_finish(struct echo_conn *conn)
{
    if (!conn->peer_done || conn->head != conn->tail)
        return ERR_OK;
    if (conn_close(conn))
        return ERR_OK;
    tcp_abort(conn->pcb);
    conn_free(conn);
    return ERR_ABRT;
}

/* Answer with a copy. False: not this one, or no memory for it. */
static bool conn_copy(struct echo_conn *conn, struct pbuf *p)
{
    const uint16_t len = p->tot_len;

    if (conn->head != conn->tail || p->next || len > COPY_BYTES_MAX ||
        len > tcp_sndbuf(conn->pcb) ||
        tcp_write(conn->pcb, p->payload, len, TCP_WRITE_FLAG_COPY) != ERR_OK)
        return false;
    conn->copied_bytes += len;
    tcp_recved(conn->pcb, len);
    pbuf_free(p);
    return true; /* lwIP sends it when this callback has returned */
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct echo_conn *conn = arg;

    (void)pcb;
    (void)err;
    if (!p) {
        conn->peer_done = true;
        return conn_finish(conn);
    }
    if (conn_copy(conn, p))
        return ERR_OK;
    if (conn->tail - conn->head == RING_SLOTS)
        return ERR_MEM;
    *slot(conn, conn->tail++) = p;
    conn_write(conn);
    return ERR_OK;
}

/* The peer has (len) more bytes: free them, and let as many in again. */
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct echo_conn *conn = arg;
    const uint32_t copied = len < conn->copied_bytes ? len : conn->copied_bytes;

    echo.tcp_bytes += len;
    conn->copied_bytes -= copied;
    len = (u16_t)(len - copied);
    conn->acked_bytes += len;
    while (conn->head != conn->tail && conn->acked_bytes >= (*slot(conn, conn->head))->tot_len) {
        struct pbuf *p = *slot(conn, conn->head);

        conn->acked_bytes -= p->tot_len;
        conn->head++;
        pbuf_free(p);
    }
    assert(conn->head != conn->tail || conn->acked_bytes == 0);
    if (len)
        tcp_recved(pcb, len);
    if (conn->next != conn->tail)
        conn_write(conn);
    return conn_finish(conn);
}

/* Once a second: what was refused for want of memory is tried again. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    conn_write(arg);
    return conn_finish(arg);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct echo_conn *conn;

    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    conn = malloc(sizeof(*conn));
    if (!conn) {
        echo.drop_memory++;
        return ERR_MEM; /* lwIP resets the connection */
    }
    memset(conn, 0, offsetof(struct echo_conn, ring));
    conn->pcb = pcb;
    echo.conns++;
    tcp_nagle_disable(pcb); /* what is owed is sent at once */
    tcp_arg(pcb, conn);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_HALF_SECONDS);
    return ERR_OK;
}

/* ---- UDP ------------------------------------------------------------------------------------ */

/* The datagram goes back as it is, from the address it was sent to. */
static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    const ip_addr_t *to = ip_current_dest_addr();
    struct netif *netif = ip_current_input_netif();

    (void)arg;
    if (ip_addr_ismulticast(to) || ip_addr_isbroadcast(to, netif) || port == echo.port) {
        /* Answering these makes us an amplifier, or one end of an endless game with another echo
         * server. */
        echo.drop_address++;
    } else if (udp_sendto_if_src(pcb, p, from, port, netif, to) == ERR_OK) {
        echo.datagrams++;
    } else {
        echo.drop_send++;
    }
    pbuf_free(p);
}

/* ---- program -------------------------------------------------------------------------------- */

static int start(void *ctx)
{
    err_t err;

    (void)ctx;
    echo.listener = app_listen(echo.port);
    if (!echo.listener)
        return 1;
    tcp_accept(echo.listener, on_accept);
    echo.udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    err = echo.udp ? udp_bind(echo.udp, IP_ANY_TYPE, echo.port) : ERR_MEM;
    if (err != ERR_OK)
        return app_fail(1, "cannot bind the UDP port", app_lwip_error(err),
                        "Choose another --port");
    udp_recv(echo.udp, on_datagram, NULL);
    port_log(PORT_LOG_INFO, "echo on TCP and UDP port %u", echo.port);
    return 0;
}

static void stop(void *ctx)
{
    (void)ctx;
    tcp_close(echo.listener);
    udp_remove(echo.udp);
    port_log(PORT_LOG_INFO,
             "echoed %llu bytes on %llu connections and %llu datagrams; not echoed: %llu "
             "connections (memory), "
             "%llu datagrams (sending), %llu datagrams (address)",
             (unsigned long long)echo.tcp_bytes, (unsigned long long)echo.conns,
             (unsigned long long)echo.datagrams, (unsigned long long)echo.drop_memory,
             (unsigned long long)echo.drop_send, (unsigned long long)echo.drop_address);
}

static error_t parse(int key, char *arg, void *ctx)
{
    uint64_t number;

    (void)ctx;
    if (key != 'p')
        return ARGP_ERR_UNKNOWN;
    if (app_number("port", arg, 1, 65535, &number))
        return EINVAL;
    echo.port = (uint16_t)number;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"port", 'p', "PORT", 0, "TCP and UDP port [7]", 0},
        {0},
    };
    static const struct app_spec spec = {
        .name = "netvsc-echo",
        .summary = "Echo server over lwIP on Hyper-V's synthetic network card.",
        .example = "netvsc-echo --emulate tap=nvt0 --ip 10.78.0.2/24",
        .options = options,
        .parse = parse,
        .start = start,
        .stop = stop,
        .by_workers = true,
    };

    return app_main(&spec, argc, argv);
}
