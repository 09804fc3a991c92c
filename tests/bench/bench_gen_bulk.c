/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk data, in frames the host cuts or has put together (LSO, RSC), as between the kernel and a
 * guest:
 *
 *   in    clients send as much as the server's window allows, which discards it, and as a port of
 *         the switch should have on its way at a time
 *   out   the server sends 10 MB again and again, from memory the host reads in place, as
 *         netvsc-http does with files; each frame is acknowledged
 *
 * What is done is counted in bytes the other end has acknowledged (in), or has got (out).
 */
#include "bench_gen.h"

#include <string.h>

#include "bench_discard.h"
#include "lwip/opt.h"
#include "port_heap.h"
#include "port_tcp.h"

#define FLOWS_MAX 64u
#define SOURCE_BYTES 10000000u

static struct {
    uint32_t acked[FLOWS_MAX], window_bytes[FLOWS_MAX]; /* in: by the server */
    uint32_t next;
    const uint8_t *source; /* out */
    size_t source_bytes;
    uint32_t loans;
    uint32_t sent[FLOWS_MAX]; /* how far into (source) */
    unsigned accepted;
} bulk;

/* ---- in -------------------------------------------------------------------------------------- */

static void send_to_server(void)
{
    unsigned full = 0; /* flows in a row */

    for (uint32_t bytes = 0; bytes < HVHOST_TURN_BYTES && full < gen.count;) {
        const uint32_t i = bulk.next++ % gen.count;
        struct gen_client *c = &gen.client[i];

        if (c->seq - bulk.acked[i] + GEN_DATA_BYTES_MAX > bulk.window_bytes[i]) {
            full++;
            continue;
        }
        gen_send(i, c, TCP_ACK | TCP_PSH, GEN_DATA_BYTES_MAX);
        bytes += GEN_DATA_BYTES_MAX;
        full = 0;
    }
}

static void on_acknowledged(uint32_t i, const struct tcp_hdr *tcp, uint32_t data_bytes)
{
    const uint32_t ack = lwip_ntohl(tcp->ackno);

    (void)data_bytes;
    if (i >= gen.count)
        return;
    if (TCPH_FLAGS(tcp) & TCP_RST || gen.client[i].seq - ack > INT32_MAX) {
        gen.wrong++;
        return;
    }
    gen_done(ack - bulk.acked[i]);
    bulk.acked[i] = ack;
    bulk.window_bytes[i] = (uint32_t)lwip_ntohs(tcp->wnd) << TCP_RCV_SCALE;
}

/* The window of the SYN is never scaled: it is enough for one frame. */
static bool begin_in(void)
{
    memset(gen_data(), 'x', GEN_DATA_BYTES_MAX);
    for (uint32_t i = 0; i < gen.count && i < FLOWS_MAX; i++) {
        bulk.acked[i] = gen.client[i].seq + 1;
        bulk.window_bytes[i] = GEN_DATA_BYTES_MAX;
    }
    return gen.count <= FLOWS_MAX && gen_listen(gen.work->port, bench_discard);
}

/* ---- out ------------------------------------------------------------------------------------- */

static void on_frame(uint32_t i, const struct tcp_hdr *tcp, uint32_t data_bytes)
{
    struct gen_client *c = &gen.client[i];

    if (i >= gen.count || data_bytes == 0)
        return;
    if (lwip_ntohl(tcp->seqno) != c->ack) {
        gen.wrong++;
        return;
    }
    c->ack += data_bytes;
    gen_done(data_bytes);
    gen_send(i, c, TCP_ACK, 0);
}

static err_t send_on(void *arg, struct tcp_pcb *pcb, u16_t acked_bytes)
{
    uint32_t *sent = arg;

    (void)acked_bytes;
    for (;;) {
        struct port_tcp_lent piece = {.data = bulk.source + *sent, .loans = &bulk.loans};
        const size_t left = bulk.source_bytes - *sent;

        piece.len_bytes = port_tcp_large(pcb);
        if (left < piece.len_bytes)
            piece.len_bytes = (uint16_t)left;
        if (tcp_sndbuf(pcb) < piece.len_bytes || port_tcp_write_lent(pcb, &piece, 0) != ERR_OK)
            break;
        *sent = left == piece.len_bytes ? 0 : *sent + piece.len_bytes;
    }
    return tcp_output(pcb);
}

static err_t begin_to_send(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb || bulk.accepted == FLOWS_MAX)
        return ERR_VAL;
    tcp_arg(pcb, &bulk.sent[bulk.accepted++]);
    tcp_sent(pcb, send_on);
    return send_on(pcb->callback_arg, pcb, 0);
}

static bool begin_out(void)
{
    bulk.source = port_heap_apart(&bulk.source_bytes);
    if (!bulk.source || bulk.source_bytes < SOURCE_BYTES)
        return false;
    bulk.source_bytes = SOURCE_BYTES;
    memset((void *)(uintptr_t)bulk.source, 'x', SOURCE_BYTES);
    return gen.count <= FLOWS_MAX && gen_listen(gen.work->port, begin_to_send);
}

const struct gen_work gen_in = {.name = "in",
                                .port = 9,
                                .large = true,
                                .begin = begin_in,
                                .turn = send_to_server,
                                .on_segment = on_acknowledged};
const struct gen_work gen_out = {
    .name = "out", .port = 19, .large = true, .begin = begin_out, .on_segment = on_frame};
