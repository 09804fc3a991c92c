/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_stream.h"

#include <string.h>

#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_heap.h"
#include "port_log.h"
#include "port_tcp.h"

struct stream stream;
static u8_t elsewhere[STREAM_BYTES];
static uint64_t now_ns;

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static u8_t stream_byte(u32_t off)
{
    return (u8_t)(off * 7 + (off >> 9) * 13);
}

static void far_end_gets(u32_t off, const u8_t *data, u32_t bytes)
{
    const u32_t before = stream.far.next;

    if (stream.lost && stream.lost(off))
        return;
    assert_true(off + bytes <= STREAM_BYTES);
    memcpy(stream.far.data + off, data, bytes);
    memset(stream.far.has + off, 1, bytes);
    while (stream.far.next < STREAM_BYTES && stream.far.has[stream.far.next])
        stream.far.next++;
    /* At once out of order, and when it fills a gap. */
    if (off == before && stream.far.next == off + bytes && stream.far.uneven++ % 2 == 0)
        return;
    stream.far.acks_upto[stream.far.acks_total++ % STREAM_SENT_MAX] = stream.far.next;
    stream.far.acks_due++;
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    u8_t frame[65536];
    const struct tcp_hdr *tcp = (const void *)(frame + IP_HLEN);
    const u16_t bytes = pbuf_copy_partial(p, frame, sizeof(frame) - 1, 0);
    const u32_t head = IP_HLEN + TCPH_HDRLEN_BYTES(tcp),
                off = lwip_ntohl(tcp->seqno) - stream.far.first_seq;
    const u32_t cut_to = p->segment_bytes ? p->segment_bytes : bytes - head;

    (void)to;
    if (stream.takes && stream.takes(p) != ERR_OK)
        return ERR_MEM;
    if (bytes == head)
        return ERR_OK;
    assert_int_equal(frame[6] & 0x3F, 0); /* no fragment */
    assert_true(cut_to <= STREAM_MSS);
    assert_true(p->segment_bytes == 0 || netif->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX]);
    if (stream.left_count < STREAM_SENT_MAX) {
        stream.left[stream.left_count].off = off;
        stream.left[stream.left_count].bytes = (u16_t)(bytes - head);
        stream.left[stream.left_count++].cut_to = p->segment_bytes;
    }
    for (u32_t at = head; at < bytes; at += cut_to)
        far_end_gets(off + at - head, frame + at, LWIP_MIN(cut_to, bytes - at));
    return ERR_OK;
}

void stream_acknowledge(u32_t upto)
{
    struct tcp_peer_segment s = tcp_peer_next(stream.pcb, TCP_ACK, 0);

    s.ack = stream.far.first_seq + upto;
    s.wnd = (u16_t)(stream.far.window >> stream.pcb->snd_scale);
    tcp_peer_send(&s);
}

void stream_exchange(void)
{
    while (stream.far.acks_due > 0 && stream.pcb) {
        stream.far.acks_due--;
        stream_acknowledge(stream.far.next);
    }
}

void stream_exchange_in_time(void)
{
    while (stream.far.acks_due > 0 && stream.pcb) {
        const unsigned next = stream.far.acks_total - stream.far.acks_due--;

        stream_acknowledge(stream.far.acks_upto[next % STREAM_SENT_MAX]);
    }
}

void stream_tick(void)
{
    now_ns += PORT_NS_PER_MS;
    sys_check_timeouts();
}

void stream_pass_ms(unsigned ms)
{
    for (unsigned i = 0; i < ms && stream.pcb; i++) {
        stream_tick();
        stream_exchange();
    }
}

static err_t on_sent(void *arg, struct tcp_pcb *from, u16_t bytes)
{
    (void)arg;
    (void)from;
    stream.reported += bytes;
    return ERR_OK;
}

static void on_err(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    stream.pcb = NULL;
}

static err_t on_accept(void *arg, struct tcp_pcb *from, err_t err)
{
    (void)arg;
    (void)err;
    stream.pcb = from;
    tcp_nagle_disable(stream.pcb);
    tcp_sent(stream.pcb, on_sent);
    tcp_err(stream.pcb, on_err);
    return ERR_OK;
}

void stream_cuts(bool does)
{
    /* What it takes from the heap, from elsewhere. */
    static const u32_t takes[2] = {62720, 5900};

    stream.card->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX] =
        does ? (void *)(uintptr_t)takes : NULL;
}

/* The far end's window is scaled by 64. */
int stream_open(void **state)
{
    static u16_t port = 2000;

    (void)state;
    tcp_peer_connect(++port);
    memset(&stream.far, 0, sizeof(stream.far));
    stream.far.first_seq = stream.pcb->snd_nxt;
    stream.far.window = 1u << 20;
    stream.pcb->flags |= TF_WND_SCALE;
    stream.pcb->snd_scale = 6;
    stream.pcb->mss = STREAM_MSS;
    stream.pcb->snd_wnd = stream.pcb->snd_wnd_max = stream.pcb->cwnd = stream.pcb->ssthresh = 1u
                                                                                              << 20;
    stream_cuts(true);
    stream.left_count = stream.reported = 0;
    stream.lost = NULL;
    stream.takes = NULL;
    return 0;
}

int stream_close(void **state)
{
    (void)state;
    if (stream.pcb)
        tcp_abort(stream.pcb);
    stream.pcb = NULL;
    assert_int_equal(port_asserts(), 0);
    return 0;
}

err_t stream_say(u32_t off, u32_t bytes)
{
    static u8_t data[65535];

    for (u32_t i = 0; i < bytes; i++)
        data[i] = stream_byte(off + i);
    return tcp_write(stream.pcb, data, (u16_t)bytes, TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
}

void stream_check(u32_t bytes)
{
    assert_int_equal(stream.far.next, bytes);
    for (u32_t i = 0; i < bytes; i++)
        if (stream.far.data[i] != stream_byte(i))
            fail_msg("byte %u is wrong", (unsigned)i);
}

struct pbuf *stream_buffer(u32_t off, u16_t bytes)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, bytes, PBUF_RAM);

    assert_non_null(p);
    for (u32_t i = 0; i < bytes; i++)
        ((u8_t *)p->payload)[i] = stream_byte(off + i);
    return p;
}

err_t stream_lend(u32_t off, u16_t bytes, u8_t flags, u32_t *loans)
{
    const struct port_tcp_lent lent = {stream.lendable + off, bytes, loans};

    return port_tcp_write_lent(stream.pcb, &lent, flags);
}

err_t stream_refer(u32_t off, u16_t bytes, u8_t flags)
{
    return tcp_write(stream.pcb, elsewhere + off, bytes, flags);
}

int stream_start(void **state)
{
    size_t bytes;

    (void)state;
    port_clock_source(virtual_clock, NULL);
    if (port_heap_open(16u << 20, STREAM_BYTES) || port_tcp_sizes(0, 0))
        return -1;
    stream.lendable = port_heap_apart(&bytes);
    for (u32_t i = 0; i < STREAM_BYTES; i++)
        stream.lendable[i] = elsewhere[i] = stream_byte(i);
    lwip_init();
    stream.card = tcp_peer_start();
    if (!stream.card || tcp_peer_listen(on_accept))
        return -1;
    stream.card->output = output4;
    return 0;
}
