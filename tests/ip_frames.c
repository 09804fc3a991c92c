/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip_frames.h"

#include <string.h>

#include "check.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "lwip_bench.h"

#define ETH 14u

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* Addresses 10.0.0.1 → 10.0.0.2 and fe80::1 → fe80::2. */
static uint32_t build_ip(struct ip_frame *f, uint32_t l4_bytes)
{
    uint8_t *ip = f->data + ETH;
    u16_t sum;

    put16(f->data + 12, f->v6 ? 0x86DD : 0x0800);
    if (f->v6) {
        ip[0] = 0x60;
        put16(ip + 4, l4_bytes);
        ip[6] = f->proto;
        ip[7] = 64;
        ip[8] = ip[24] = 0xFE;
        ip[9] = ip[25] = 0x80;
        ip[23] = 1;
        ip[39] = 2;
        return ETH + 40;
    }
    ip[0] = 0x45;
    put16(ip + 2, 20 + l4_bytes);
    put16(ip + 6, f->fragment);
    ip[8] = 64;
    ip[9] = f->proto;
    put32(ip + 12, 0x0A000001);
    put32(ip + 16, 0x0A000002);
    sum = inet_chksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof(sum));
    return ETH + 20;
}

static void fill_sum(struct ip_frame *f, uint32_t sum_off)
{
    u16_t bytes = (u16_t)(f->len_bytes - f->l4_off), sum;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, bytes, PBUF_RAM);
    ip_addr_t from, to;

    assert_non_null(p);
    pbuf_take(p, f->data + f->l4_off, bytes);
    assert_true(ipaddr_aton(f->v6 ? "fe80::1" : "10.0.0.1", &from));
    assert_true(ipaddr_aton(f->v6 ? "fe80::2" : "10.0.0.2", &to));
    sum = ip_chksum_pseudo(p, f->proto, bytes, &from, &to);
    memcpy(f->data + f->l4_off + sum_off, &sum, sizeof(sum));
    pbuf_free(p);
}

static void build_tcp(struct ip_frame *f)
{
    uint8_t *tcp = f->data + f->l4_off;

    put16(tcp, f->source ? f->source : 1000);
    put16(tcp + 2, 80);
    put32(tcp + 4, f->seq);
    put32(tcp + 8, f->ack);
    tcp[12] = (uint8_t)((20 + f->option_bytes) / 4 << 4);
    tcp[13] = f->flags ? f->flags : 0x10;
    put16(tcp + 14, 1000);
    if (f->option_bytes == 12)
        put32(tcp + 20, 0x0101080A);
}

void ip_frame_build(struct ip_frame *f)
{
    uint32_t head = f->proto == 6 ? 20u + f->option_bytes : f->proto == 17 ? 8u : 0;

    memset(f->data, 0, ETH + 40 + 60);
    memcpy(f->data, stack_card_mac, 6);
    memcpy(f->data + 6, stack_far_mac, 6);
    f->l4_off = build_ip(f, head + f->payload_bytes);
    f->len_bytes = f->l4_off + head + f->payload_bytes;
    assert_true(f->len_bytes <= sizeof(f->data));
    for (uint32_t i = 0; i < f->payload_bytes; i++)
        f->data[f->l4_off + head + i] = (uint8_t)(f->seq + i);
    if (f->proto == 6) {
        build_tcp(f);
        fill_sum(f, 16);
    } else if (f->proto == 17) {
        put16(f->data + f->l4_off, f->source ? f->source : 1000);
        put16(f->data + f->l4_off + 2, 80);
        put16(f->data + f->l4_off + 4, 8 + f->payload_bytes);
        fill_sum(f, 6);
    }
}
