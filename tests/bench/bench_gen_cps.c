/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that end: opened, 64 bytes there and back, closed, GEN_BATCH_MAX of them on their way
 * at any time. The clients that stay stay idle meanwhile; one does, for lwIP has to know the
 * router's address: of those who come while it asks, it forgets most answers.
 *
 *   cps        the client resets it, as load generators do that would run out of ports otherwise
 *   cps-fin    the client closes first, as most do
 *   cps-wait   the server does, and has the connection in TIME_WAIT afterwards
 *
 * Segments are those of a client of today's: its acknowledgement of the handshake leaves before its
 * request; that of the answer goes with its FIN. An address and port is taken again after thirty
 * million others, so never within a client's own minute of TIME_WAIT. Nothing is sent twice: a
 * segment lost would keep its place for ever, and the program ends with an error.
 */
#include "bench_gen.h"

#include <string.h>

#include "lwip/def.h"

#define REQUEST_BYTES 64u
#define NUMBERS (GEN_BATCH_MAX * 468750u) /* 30 million, behind those that stay */

enum place_state { PLACE_FREE, PLACE_OPENING, PLACE_ASKED, PLACE_CLOSING };

struct place {
    struct gen_client client;
    enum place_state state;
    uint32_t number; /* of NUMBERS, each GEN_BATCH_MAX-th is this place's */
    bool server_done;
};

static struct {
    struct place place[GEN_BATCH_MAX];
    unsigned taken;
    bool last; /* no new ones */
} cps;

/* ---- clients --------------------------------------------------------------------------------- */

static void send_from(struct place *p, u8_t flags, uint32_t data_bytes)
{
    gen_send(gen.count + p->number, &p->client, flags, data_bytes);
}

static void open_more(void)
{
    for (unsigned n = 0; n < GEN_BATCH_MAX && !cps.last; n++) {
        struct place *p = &cps.place[n];

        if (p->state != PLACE_FREE)
            continue;
        p->number = (p->number + GEN_BATCH_MAX) % NUMBERS;
        p->client = (struct gen_client){.seq = gen_rnd(UINT32_MAX),
                                        .left_bytes = REQUEST_BYTES,
                                        .asked_ns = (uint32_t)gen.turn_ns};
        p->state = PLACE_OPENING;
        p->server_done = false;
        cps.taken++;
        send_from(p, TCP_SYN, 0);
    }
}

static void on_open(struct place *p, const struct tcp_hdr *tcp)
{
    p->client.ack = lwip_ntohl(tcp->seqno) + 1;
    p->state = PLACE_ASKED;
    send_from(p, TCP_ACK, 0);
    memcpy(gen_data(), &p->number, sizeof(p->number));
    send_from(p, TCP_ACK | TCP_PSH, REQUEST_BYTES);
}

static void on_closed(struct place *p)
{
    p->state = PLACE_FREE;
    cps.taken--;
    gen_done_one(p->client.asked_ns);
}

/* Both directions may end in one segment, or one after the other. */
static void on_end(struct place *p, const struct tcp_hdr *tcp)
{
    const bool wait_for_server = gen.work == &gen_cps_wait;

    if (p->state == PLACE_ASKED && p->client.left_bytes == 0 && gen.work == &gen_cps) {
        send_from(p, TCP_ACK | TCP_RST, 0);
        on_closed(p);
    } else if (p->state == PLACE_ASKED && p->client.left_bytes == 0 &&
               (p->server_done || !wait_for_server)) {
        p->state = PLACE_CLOSING;
        send_from(p, TCP_ACK | TCP_FIN, 0);
    } else if (p->state == PLACE_CLOSING && p->server_done &&
               lwip_ntohl(tcp->ackno) == p->client.seq) {
        if (!wait_for_server)
            send_from(p, TCP_ACK, 0);
        on_closed(p);
    }
}

static bool is_right(const struct place *p, const struct tcp_hdr *tcp, uint32_t bytes)
{
    const uint8_t *data = (const uint8_t *)tcp + TCPH_HDRLEN_BYTES(tcp);

    return bytes == 0 || (p->state == PLACE_ASKED && bytes == REQUEST_BYTES &&
                          memcmp(data, &p->number, sizeof(p->number)) == 0);
}

static void on_segment(uint32_t i, const struct tcp_hdr *tcp, uint32_t data_bytes)
{
    struct place *p = &cps.place[(i - gen.count) % GEN_BATCH_MAX];

    if (i < gen.count || p->state == PLACE_FREE || p->number != i - gen.count)
        return;
    if (TCPH_FLAGS(tcp) & TCP_RST) {
        gen.wrong++;
        return;
    }
    if (p->state == PLACE_OPENING) {
        if (TCPH_FLAGS(tcp) & TCP_SYN)
            on_open(p, tcp);
        return;
    }
    if (lwip_ntohl(tcp->seqno) != p->client.ack) {
        gen.again++;
        return;
    }
    gen.wrong += !is_right(p, tcp, data_bytes);
    p->client.ack += data_bytes;
    p->client.left_bytes -= data_bytes;
    if (TCPH_FLAGS(tcp) & TCP_FIN) {
        p->client.ack++;
        p->server_done = true;
    }
    on_end(p, tcp);
}

static bool all_closed(void)
{
    cps.last = true;
    return cps.taken == 0;
}

/* ---- servers --------------------------------------------------------------------------------- */

static err_t answer_and_close(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p)
        return ERR_OK;
    if (tcp_write(pcb, p->payload, p->len, TCP_WRITE_FLAG_COPY) != ERR_OK)
        gen.wrong++;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    tcp_recv(pcb, NULL);
    if (tcp_close(pcb) != ERR_OK)
        gen.wrong++;
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, answer_and_close);
    return ERR_OK;
}

static bool begin(void)
{
    memset(gen_data(), 'x', REQUEST_BYTES);
    for (unsigned n = 0; n < GEN_BATCH_MAX; n++)
        cps.place[n].number = NUMBERS - GEN_BATCH_MAX + n; /* the one before its first */
    return gen_listen(gen.work->port, gen.work == &gen_cps_wait ? on_accept : gen_echo_accept);
}

#define WORK(what)                                                                                 \
    {                                                                                              \
        .name = what, .port = 7, .begin = begin, .turn = open_more, .on_segment = on_segment,      \
        .over = all_closed                                                                         \
    }
const struct gen_work gen_cps = WORK("cps");
const struct gen_work gen_cps_fin = WORK("cps-fin");
const struct gen_work gen_cps_wait = WORK("cps-wait");
