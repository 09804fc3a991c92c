/* SPDX-License-Identifier: BSD-3-Clause */
#include "loopback_end.h"

#include <string.h>

#include "lwip/tcp.h"

#define CHUNK_BYTES 4096u

/* Word (index) of the stream (seed): every word differs, so a shifted or repeated segment is
 * noticed. */
static uint64_t stream_word(uint64_t seed, uint64_t index)
{
    uint64_t x = seed + index * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Least significant byte first, as this project's machines keep words (vmbus_reg.h insists). */
static void stream_bytes(uint64_t seed, uint64_t offset, uint8_t *out, uint32_t len_bytes)
{
    while (len_bytes > 0) {
        const uint32_t skip = (uint32_t)(offset % 8);
        const uint64_t word = stream_word(seed, offset / 8) >> 8 * skip;
        const uint32_t len = len_bytes < 8 - skip ? len_bytes : 8 - skip;

        memcpy(out, &word, len);
        out += len;
        offset += len;
        len_bytes -= len;
    }
}

/* Fletcher's checksum with 64-bit sums: depends on each byte's value and place. */
static void add_to_sum(struct loopback_sum *sum, const uint8_t *data, uint32_t len_bytes)
{
    for (uint32_t i = 0; i < len_bytes; i++) {
        sum->bytes += data[i];
        sum->sums += sum->bytes;
    }
}

static void check_bytes(struct loopback_end *end, const uint8_t *data, uint32_t len_bytes)
{
    uint8_t expected[CHUNK_BYTES];

    while (len_bytes > 0) {
        const uint32_t len = len_bytes < CHUNK_BYTES ? len_bytes : CHUNK_BYTES;

        stream_bytes(end->seed_in, end->received, expected, len);
        if (memcmp(data, expected, len) != 0 && end->wrong_at == UINT64_MAX)
            end->wrong_at = end->received;
        add_to_sum(&end->sum_in, data, len);
        end->received += len;
        data += len;
        len_bytes -= len;
    }
}

/* Queue as much of the stream as the send buffer takes. */
static void fill(struct loopback_end *end)
{
    uint8_t chunk[CHUNK_BYTES];

    while (end->queued < end->want_bytes) {
        const uint64_t rest = end->want_bytes - end->queued;
        uint32_t len = rest < CHUNK_BYTES ? (uint32_t)rest : CHUNK_BYTES;

        if (len > tcp_sndbuf(end->pcb))
            break;
        stream_bytes(end->seed_out, end->queued, chunk, len);
        if (tcp_write(end->pcb, chunk, (u16_t)len, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        add_to_sum(&end->sum_out, chunk, len);
        end->queued += len;
    }
    tcp_output(end->pcb);
}

/* Both directions complete: say goodbye. The pcb is lwIP's afterwards. */
static err_t maybe_close(struct loopback_end *end)
{
    struct tcp_pcb *pcb = end->pcb;

    if (end->acked < end->want_bytes || end->received < end->want_bytes || end->closed)
        return ERR_OK;
    if (tcp_shutdown(pcb, 0, 1) != ERR_OK)
        return ERR_OK; /* no memory for the FIN: on_poll tries again */
    end->closed = true;
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct loopback_end *end = arg;

    (void)err;
    if (!p) {
        end->peer_done = true;
        return maybe_close(end);
    }
    for (const struct pbuf *q = p; q; q = q->next)
        check_bytes(end, q->payload, q->len);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return maybe_close(end);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct loopback_end *end = arg;

    (void)pcb;
    end->acked += len;
    fill(end);
    return maybe_close(end);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    fill(arg);
    return maybe_close(arg);
}

static void on_error(void *arg, err_t err)
{
    struct loopback_end *end = arg;

    (void)err;
    end->pcb = NULL;
    /* lwIP also ends a connection here that both sides closed. */
    if (!end->closed || !end->peer_done)
        end->failed = true;
}

void loopback_end_start(struct loopback_end *end, struct tcp_pcb *pcb)
{
    end->pcb = pcb;
    end->wrong_at = UINT64_MAX;
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, end);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, 1);
    tcp_err(pcb, on_error);
    fill(end);
    maybe_close(end);
}

bool loopback_end_done(const struct loopback_end *end)
{
    return end->failed || (end->closed && end->peer_done);
}

void loopback_end_abort(struct loopback_end *end)
{
    struct tcp_pcb *pcb = end->pcb;

    if (!pcb)
        return;
    end->pcb = NULL;
    tcp_arg(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}
