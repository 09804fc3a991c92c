/* SPDX-License-Identifier: BSD-3-Clause */
#include "lwip_bench.h"

#include <string.h>

#include "lwip/init.h"
#include "lwip/stats.h"
#include "netif_books.h"
#include "port_heap.h"
#include "vmbus.h"

const uint8_t stack_card_mac[6] = {0x00, 0x15, 0x5d, 0x01, 0x02, 0x03};
const uint8_t stack_far_mac[6] = {0x02, 0xfa, 0, 0, 0, 1};

struct lwip_bench stack;
struct netvsc_config stack_config;
struct hvhost_nic_config stack_card_config;

uint32_t stack_sum(const uint8_t *data, uint32_t bytes)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum = sum * 31 + data[i];
    return sum;
}

static void on_far(void *ctx, const struct hvhost_frame *frame)
{
    struct far_frame *f = &stack.far[stack.far_count++];

    (void)ctx;
    assert_true(stack.far_count < STACK_FRAMES_MAX);
    f->bytes = frame->len_bytes;
    f->sum = stack_sum(frame->data, frame->len_bytes);
    memcpy(&f->order, frame->data + 14, sizeof(f->order));
}

static err_t on_input(struct pbuf *p, struct netif *netif)
{
    assert_ptr_equal(netif, &stack.nif.netif);
    if (stack.in_result != ERR_OK)
        return stack.in_result;
    stack.in_count++;
    stack.in_checks = netif->chksum_flags;
    stack.in_pieces = pbuf_clen(p);
    stack.in_bytes = p->tot_len;
    pbuf_copy_partial(p, stack.in_frame, sizeof(stack.in_frame), 0);
    pbuf_free(p);
    return ERR_OK;
}

void stack_turn(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        netvsc_netif_poll(&stack.nif, stack.now_ns, 64);
        hvhost_step(stack.host, stack.now_ns);
        stack.now_ns += STACK_MS;
    }
}

void stack_attach(void)
{
    struct vmbus_transport t;
    struct vmbus_device *dev;

    assert_int_equal(hvhost_nic_open(stack.card, &t), 0);
    assert_int_equal(vmbus_device_create(&t, &dev), 0);
    assert_int_equal(netvsc_attach(stack.nif.nic, dev, stack.now_ns), 0);
    stack_turn(60);
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_UP);
}

/* A card with (sections) for sending. */
void stack_setup(unsigned sections)
{
    struct hvhost_nic_config card = stack_card_config;

    if (!card.recv_buf_bytes)
        card.recv_buf_bytes = 1u << 20;
    card.send_buf_bytes = sections * 6144u;
    card.ring_bytes = 1u << 17;
    if (!stack_config.tx_aggregate_bytes)
        stack_config.tx_aggregate_bytes = 1; /* a packet per frame */
    netif_list = netif_default = NULL;       /* a test that failed has left its own */
    memset(&stack, 0, sizeof(stack));
    memcpy(card.mac, stack_card_mac, sizeof(stack_card_mac));
    card.send_buf_bytes = (card.send_buf_bytes + 4095) & ~4095u;
    assert_int_equal(hvhost_create(NULL, &stack.host), 0);
    assert_int_equal(hvhost_nic_add(stack.host, &card, &stack.card), 0);
    assert_int_equal(hvhost_port_add(stack.host, on_far, NULL, &stack.port), 0);
    assert_int_equal(netvsc_netif_add(&stack.nif, &stack_config), 0);
    stack.nif.netif.input = on_input;
    netif_set_up(&stack.nif.netif);
    stack_attach();
}

void stack_teardown(void)
{
    struct netvsc_stats stats;

    netvsc_stats(stack.nif.nic, &stats);
    check_books(stack.nif.nic, stats.tx_frames + stats.tx_cancelled + stats.tx_busy +
                                   stats.tx_drop_size + stats.tx_drop_down);
    assert_null(hvhost_audit(stack.host));
    netvsc_netif_remove(&stack.nif);
    hvhost_destroy(stack.host);
    stack_config = (struct netvsc_config){0};
    stack_card_config = (struct hvhost_nic_config){0};
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF]->used, 0);
}

/* A chain of (pieces) with (bytes) in all, as even as it goes; body byte i is i + order. */
struct pbuf *stack_chain(uint32_t bytes, unsigned pieces, uint32_t order, uint8_t *copy)
{
    struct pbuf *head = NULL;
    uint32_t done = 0;

    memcpy(copy, stack_far_mac, 6);
    memcpy(copy + 6, stack_card_mac, 6);
    copy[12] = 0x88;
    copy[13] = 0xb5;
    for (uint32_t i = 14; i < bytes; i++)
        copy[i] = (uint8_t)(i + order);
    if (bytes >= 18)
        memcpy(copy + 14, &order, sizeof(order));
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t len = (bytes - done) / (pieces - i);
        struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

        assert_non_null(p);
        memcpy(p->payload, copy + done, len);
        done += len;
        if (head)
            pbuf_cat(head, p);
        else
            head = p;
    }
    return head;
}

err_t stack_output(struct pbuf *p)
{
    return stack.nif.netif.linkoutput(&stack.nif.netif, p);
}

err_t stack_send(uint32_t bytes, unsigned pieces, uint32_t order)
{
    uint8_t copy[2048];
    struct pbuf *p = stack_chain(bytes, pieces, order, copy);
    err_t err = stack_output(p);

    pbuf_free(p);
    return err;
}

void stack_far_send(uint32_t bytes, uint16_t tci, bool has_tci)
{
    uint8_t frame[2048];
    const struct hvhost_frame out = {
        .data = frame, .len_bytes = bytes, .tci = tci, .has_tci = has_tci};

    memcpy(frame, stack_card_mac, 6);
    memcpy(frame + 6, stack_far_mac, 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    for (uint32_t i = 14; i < bytes; i++)
        frame[i] = (uint8_t)i;
    hvhost_port_send(stack.port, &out);
    stack_turn(2);
}

int stack_start(void **state)
{
    (void)state;
    lwip_init();
    while (netif_list) /* the loop interface: only ours are looked at here */
        netif_remove(netif_list);
    return 0;
}

int stack_start_in_heap(void **state)
{
    return port_heap_open(16u << 20, 0) ? -1 : stack_start(state);
}
