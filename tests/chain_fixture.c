/* SPDX-License-Identifier: BSD-3-Clause */
#include "chain_fixture.h"

#include "lwip/inet_chksum.h"
#include "netvsc_hold.h"

struct chain chains[CHAINS_MAX];
unsigned chain_count;

static err_t keep_input(struct pbuf *p, struct netif *netif)
{
    assert_true(chain_count < CHAINS_MAX);
    chains[chain_count++] = (struct chain){p, p->segments, netif->chksum_flags};
    return ERR_OK;
}

void chains_setup(uint32_t offload)
{
    stack_card_config.offload = offload;
    stack_setup(16);
    stack.nif.netif.input = keep_input;
    chain_count = 0;
}

static void free_chains(void)
{
    while (chain_count)
        pbuf_free(chains[--chain_count].p);
}

void chains_teardown(void)
{
    free_chains();
    stack_turn(3);
    assert_int_equal(netvsc_held_sections(stack.nif.nic), 0);
    stack_teardown();
}

void chains_send(struct ip_frame *f, uint32_t payload_bytes, uint8_t flags)
{
    struct hvhost_frame out = {.data = f->data};

    f->proto = 6;
    f->payload_bytes = payload_bytes;
    f->flags = flags;
    ip_frame_build(f);
    out.len_bytes = f->len_bytes;
    hvhost_port_send(stack.port, &out);
    f->seq += payload_bytes;
}

void chains_check(const struct ip_frame *f, unsigned i, uint32_t seq, uint32_t payload_bytes,
                  bool sums)
{
    static uint8_t bytes[65536];
    const struct pbuf *p = chains[i].p;
    uint32_t l4 = f->v6 ? 54 : 34, head = l4 + 20 + f->option_bytes, left = p->tot_len;

    assert_true(i < chain_count);
    assert_int_equal(p->tot_len, head + payload_bytes);
    for (const struct pbuf *q = p; q; q = q->next) { /* what lwIP relies on */
        assert_int_equal(q->tot_len, left);
        left -= q->len;
    }
    assert_int_equal(left, 0);
    pbuf_copy_partial(p, bytes, p->tot_len, 0);
    assert_int_equal(bytes[f->v6 ? 18 : 16] << 8 | bytes[f->v6 ? 19 : 17],
                     p->tot_len - (f->v6 ? l4 : 14));
    if (!f->v6 && sums)
        assert_int_equal(inet_chksum(bytes + 14, 20), 0);
    assert_int_equal(bytes[l4 + 7], (uint8_t)seq);
    for (uint32_t k = 0; k < payload_bytes; k++)
        assert_int_equal(bytes[head + k], (uint8_t)(seq + k));
    assert_int_equal(chains[i].checks & NETIF_CHECKSUM_CHECK_TCP, 0);
}

struct hvhost_nic_stats chains_host(void)
{
    struct hvhost_nic_stats s;

    hvhost_nic_stats(stack.card, &s);
    return s;
}
