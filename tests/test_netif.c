/* SPDX-License-Identifier: BSD-3-Clause */
/* The lwIP face: pbuf chains both ways, the backlog, link and MAC; lwIP proper, the emulated host.
 */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "hvhost.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "netif_books.h"
#include "netvsc_netif.h"
#include "vmbus.h"

#define MS 1000000ull
#define FRAMES_MAX 4096u

static const uint8_t card_mac[6] = {0x00, 0x15, 0x5d, 0x01, 0x02, 0x03};
static const uint8_t far_mac[6] = {0x02, 0xfa, 0, 0, 0, 1};

struct far_frame {
    uint32_t bytes;
    uint32_t sum;
    uint32_t order; /* bytes 14..17 */
};

/* One NIC as lwIP's netif; its input is the test. */
struct netif_bench {
    struct hvhost *host;
    struct hvhost_nic *card;
    struct hvhost_port *port;
    struct netvsc_netif nif;
    uint64_t now_ns;
    unsigned far_count;
    struct far_frame far[FRAMES_MAX];
    unsigned in_count;
    unsigned in_pieces; /* of the last chain */
    uint32_t in_bytes;
    uint8_t in_frame[2048];
    err_t in_result;
};

static struct netif_bench b; /* lwIP's input function has no context of ours */

static uint32_t sum_of(const uint8_t *data, uint32_t bytes)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum = sum * 31 + data[i];
    return sum;
}

static void on_far(void *ctx, const struct hvhost_frame *frame)
{
    struct far_frame *f = &b.far[b.far_count++];

    (void)ctx;
    assert_true(b.far_count < FRAMES_MAX);
    f->bytes = frame->len_bytes;
    f->sum = sum_of(frame->data, frame->len_bytes);
    memcpy(&f->order, frame->data + 14, sizeof(f->order));
}

static err_t on_input(struct pbuf *p, struct netif *netif)
{
    assert_ptr_equal(netif, &b.nif.netif);
    if (b.in_result != ERR_OK)
        return b.in_result;
    b.in_count++;
    b.in_pieces = pbuf_clen(p);
    b.in_bytes = p->tot_len;
    pbuf_copy_partial(p, b.in_frame, sizeof(b.in_frame), 0);
    pbuf_free(p);
    return ERR_OK;
}

static void turn(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        netvsc_netif_poll(&b.nif, b.now_ns, 64);
        hvhost_step(b.host, b.now_ns);
        b.now_ns += MS;
    }
}

static void attach(void)
{
    struct vmbus_transport t;
    struct vmbus_device *dev;

    assert_int_equal(hvhost_nic_open(b.card, &t), 0);
    assert_int_equal(vmbus_device_create(&t, &dev), 0);
    assert_int_equal(netvsc_attach(b.nif.nic, dev, b.now_ns), 0);
    turn(60);
    assert_int_equal(netvsc_state(b.nif.nic), NETVSC_UP);
}

/* A card with (sections) for sending. */
static void setup(unsigned sections)
{
    struct hvhost_nic_config card = {
        .recv_buf_bytes = 1u << 20, .send_buf_bytes = sections * 6144u, .ring_bytes = 1u << 17};
    const struct netvsc_config config = {0};

    memset(&b, 0, sizeof(b));
    memcpy(card.mac, card_mac, sizeof(card_mac));
    card.send_buf_bytes = (card.send_buf_bytes + 4095) & ~4095u;
    assert_int_equal(hvhost_create(NULL, &b.host), 0);
    assert_int_equal(hvhost_nic_add(b.host, &card, &b.card), 0);
    assert_int_equal(hvhost_port_add(b.host, on_far, NULL, &b.port), 0);
    assert_int_equal(netvsc_netif_add(&b.nif, &config), 0);
    b.nif.netif.input = on_input;
    netif_set_up(&b.nif.netif);
    attach();
}

static void teardown(void)
{
    struct netvsc_stats stats;

    netvsc_stats(b.nif.nic, &stats);
    check_books(b.nif.nic, stats.tx_frames + stats.tx_cancelled + stats.tx_busy +
                               stats.tx_drop_size + stats.tx_drop_down);
    assert_null(hvhost_audit(b.host));
    netvsc_netif_remove(&b.nif);
    hvhost_destroy(b.host);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF]->used, 0);
}

/* A chain of (pieces) with (bytes) in all, as even as it goes; body byte i is i + order. */
static struct pbuf *chain(uint32_t bytes, unsigned pieces, uint32_t order, uint8_t *copy)
{
    struct pbuf *head = NULL;
    uint32_t done = 0;

    memcpy(copy, far_mac, 6);
    memcpy(copy + 6, card_mac, 6);
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

static err_t send(uint32_t bytes, unsigned pieces, uint32_t order)
{
    uint8_t copy[2048];
    struct pbuf *p = chain(bytes, pieces, order, copy);
    err_t err = b.nif.netif.linkoutput(&b.nif.netif, p);

    pbuf_free(p);
    return err;
}

/* ---- transmit -------------------------------------------------------------------------------- */

static void chains_of_any_number_of_pieces_arrive_whole(void **state)
{
    static const uint32_t sizes[] = {60, 61, 99, 577, 1001, 1513, 1514};
    uint8_t copy[2048];

    (void)state;
    setup(64);
    for (size_t s = 0; s < countof(sizes); s++) {
        for (unsigned pieces = 1; pieces <= 40; pieces++) {
            struct pbuf *p = chain(sizes[s], pieces, pieces, copy);
            const struct far_frame *far = &b.far[b.far_count];

            assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, p), ERR_OK);
            assert_int_equal(p->ref, 1); /* copied, not kept */
            pbuf_free(p);
            turn(1);
            assert_int_equal(far->bytes, sizes[s]);
            assert_int_equal(far->sum, sum_of(copy, sizes[s]));
        }
    }
    teardown();
}

static void short_chains_are_padded_and_wrong_ones_refused(void **state)
{
    uint8_t copy[2048];

    (void)state;
    setup(64);
    for (uint32_t len = 14; len < 60; len++) {
        struct pbuf *p = chain(len, 1 + len % 3, 0, copy);

        assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, p), ERR_OK);
        pbuf_free(p);
        turn(1);
        memset(copy + len, 0, 60 - len);
        assert_int_equal(b.far[len - 14].bytes, 60);
        assert_int_equal(b.far[len - 14].sum, sum_of(copy, 60));
    }
    assert_int_equal(send(13, 1, 0), ERR_VAL);
    assert_int_equal(send(1515, 1, 0), ERR_VAL);
    assert_int_equal(b.nif.stats.tx_drop_size, 2);
    teardown();
}

static void what_must_wait_keeps_its_order_and_gets_its_references_back(void **state)
{
    struct pbuf *p[100];
    uint8_t copy[2048];

    (void)state;
    setup(8);
    for (uint32_t i = 0; i < 100; i++) {
        p[i] = chain(200 + i, 1 + i % 5, i, copy);
        assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, p[i]), ERR_OK);
    }
    assert_int_equal(p[0]->ref, 1);
    assert_int_equal(p[99]->ref, 2); /* lwIP's TCP sees that it is still with us */
    assert_int_equal(b.nif.stats.tx_queued, 100 - 8);
    turn(100);
    assert_int_equal(b.far_count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(b.far[i].order, i);
        assert_int_equal(b.far[i].bytes, 200 + i);
        assert_int_equal(p[i]->ref, 1);
        pbuf_free(p[i]);
    }
    assert_int_equal(b.nif.stats.tx_drop_backlog, 0);
    teardown();
}

static void a_late_frame_does_not_overtake_the_backlog(void **state)
{
    (void)state;
    setup(8);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(send(200, 1, i), ERR_OK);
    hvhost_step(b.host, b.now_ns); /* not yet flushed */
    netvsc_flush(b.nif.nic);
    hvhost_step(b.host, b.now_ns);
    netvsc_poll(b.nif.nic, b.now_ns, 64); /* sections are free again, the backlog still waits */
    assert_int_equal(netvsc_tx_outstanding(b.nif.nic), 0);
    assert_int_equal(send(200, 1, 12), ERR_OK);
    turn(10);
    assert_int_equal(b.far_count, 13);
    for (uint32_t i = 0; i < 13; i++)
        assert_int_equal(b.far[i].order, i);
    teardown();
}

static void a_full_backlog_says_so_and_empties_again(void **state)
{
    (void)state;
    setup(8);
    for (uint32_t i = 0; i < 8 + NETVSC_NETIF_BACKLOG; i++)
        assert_int_equal(send(100, 1, i), ERR_OK);
    assert_int_equal(send(100, 1, 0), ERR_MEM);
    assert_int_equal(send(100, 1, 0), ERR_MEM);
    assert_int_equal(b.nif.stats.tx_drop_backlog, 2);
    turn(400);
    assert_int_equal(b.far_count, 8 + NETVSC_NETIF_BACKLOG);
    for (uint32_t i = 0; i < b.far_count; i++)
        assert_int_equal(b.far[i].order, i);
    assert_int_equal(send(100, 1, 0), ERR_OK);
    teardown();
}

/* Its owner may write to it as soon as linkoutput returns: a reference is not enough. */
static void volatile_memory_is_copied_before_it_waits(void **state)
{
    uint8_t copy[2048], before[2048];
    struct pbuf *ram, *ref;

    (void)state;
    setup(8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(send(100, 1, i), ERR_OK);
    ram = chain(300, 1, 8, copy);
    memcpy(before, ram->payload, 300);
    ref = pbuf_alloc(PBUF_RAW, 300, PBUF_REF);
    ref->payload = ram->payload;
    assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, ref), ERR_OK);
    assert_int_equal(ref->ref, 1);
    memset(ram->payload, 0xDD, 300);
    pbuf_free(ref);
    pbuf_free(ram);
    turn(10);
    assert_int_equal(b.far[8].sum, sum_of(before, 300));
    teardown();
}

/* ---- receive --------------------------------------------------------------------------------- */

static void far_send(uint32_t bytes, uint16_t tci, bool has_tci)
{
    uint8_t frame[2048];
    const struct hvhost_frame out = {frame, bytes, tci, has_tci};

    memcpy(frame, card_mac, 6);
    memcpy(frame + 6, far_mac, 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    for (uint32_t i = 14; i < bytes; i++)
        frame[i] = (uint8_t)i;
    hvhost_port_send(b.port, &out);
    turn(2);
}

static void frames_become_chains_byte_for_byte(void **state)
{
    (void)state;
    setup(8);
    for (uint32_t bytes = 60; bytes <= 1514; bytes += 97) {
        far_send(bytes, 0, false);
        assert_int_equal(b.in_bytes, bytes);
        assert_memory_equal(b.in_frame, card_mac, 6);
        for (uint32_t i = 14; i < bytes; i++)
            assert_int_equal(b.in_frame[i], (uint8_t)i);
    }
    assert_int_equal(b.nif.stats.rx_input, b.in_count);
    teardown();
}

static void a_vlan_tag_is_put_back_unless_it_names_none(void **state)
{
    static const uint8_t tag[4] = {0x81, 0x00, 0x60, 0x64};

    (void)state;
    setup(8);
    far_send(100, 0x6064, true);
    assert_int_equal(b.in_bytes, 104);
    assert_memory_equal(b.in_frame, card_mac, 6);
    assert_memory_equal(b.in_frame + 6, far_mac, 6);
    assert_memory_equal(b.in_frame + 12, tag, 4);
    assert_int_equal(b.in_frame[16], 0x88);
    assert_int_equal(b.in_frame[103], 99);
    far_send(100, 0x6000, true);
    assert_int_equal(b.in_bytes, 100);
    assert_int_equal(b.in_frame[12], 0x88);
    teardown();
}

static void without_pbufs_frames_are_dropped_and_counted(void **state)
{
    struct pbuf *all = NULL, *p;

    (void)state;
    setup(8);
    while ((p = pbuf_alloc(PBUF_RAW, 100, PBUF_POOL)) != NULL) {
        if (all)
            p->next = all; /* a list, not a chain: lengths do not matter */
        all = p;
    }
    far_send(100, 0, false);
    assert_int_equal(b.in_count, 0);
    assert_int_equal(b.nif.stats.rx_drop_pbuf, 1);
    while (all) {
        p = all;
        all = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    far_send(100, 0, false);
    assert_int_equal(b.in_count, 1);
    teardown();
}

static void what_lwip_refuses_is_counted_and_freed(void **state)
{
    (void)state;
    setup(8);
    b.in_result = ERR_MEM;
    far_send(100, 0, false);
    assert_int_equal(b.nif.stats.rx_drop_input, 1);
    assert_int_equal(b.nif.stats.rx_input, 0);
    teardown(); /* checks that no pbuf is missing */
}

/* ---- state ----------------------------------------------------------------------------------- */

static unsigned state_events;

static void count_state(void *ctx, enum netvsc_event event)
{
    assert_ptr_equal(ctx, &b);
    state_events += event == NETVSC_EVENT_STATE;
}

static void link_mac_and_mtu_follow_the_nic(void **state)
{
    const uint8_t *mac;

    (void)state;
    setup(8);
    mac = b.nif.netif.hwaddr;
    assert_memory_equal(mac, card_mac, 6);
    assert_int_equal(b.nif.netif.hwaddr_len, 6);
    assert_int_equal(b.nif.netif.mtu, 1500);
    assert_true(netif_is_link_up(&b.nif.netif));
    assert_true(b.nif.netif.flags & NETIF_FLAG_ETHARP);

    hvhost_nic_link(b.card, false);
    turn(3);
    assert_false(netif_is_link_up(&b.nif.netif));
    hvhost_nic_link(b.card, true);
    turn(3);
    assert_true(netif_is_link_up(&b.nif.netif));

    b.nif.on_event = count_state;
    b.nif.on_event_ctx = &b;
    hvhost_nic_rescind(b.card);
    turn(12);
    assert_false(netif_is_link_up(&b.nif.netif));
    assert_true(netif_is_up(&b.nif.netif)); /* addresses and connections live on */
    assert_int_equal(state_events, 1);
    hvhost_nic_offer(b.card);
    attach();
    assert_true(netif_is_link_up(&b.nif.netif));
    teardown();
}

static void a_card_without_a_cable_comes_up_with_its_link_down(void **state)
{
    (void)state;
    setup(8);
    netvsc_detach(b.nif.nic, b.now_ns);
    turn(60);
    hvhost_nic_link(b.card, false);
    attach();
    assert_false(netif_is_link_up(&b.nif.netif));
    hvhost_nic_link(b.card, true);
    turn(3);
    assert_true(netif_is_link_up(&b.nif.netif));
    teardown();
}

static void a_nic_that_goes_takes_its_backlog_along(void **state)
{
    struct pbuf *p;
    uint8_t copy[2048];

    (void)state;
    setup(8);
    p = chain(100, 1, 0, copy);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, p), ERR_OK);
    assert_int_equal(p->ref, 1 + 12);
    hvhost_nic_rescind(b.card);
    for (unsigned i = 0; i < 11; i++) { /* without the host: it would complete */
        netvsc_netif_poll(&b.nif, b.now_ns, 64);
        b.now_ns += MS;
    }
    assert_int_equal(p->ref, 1);
    assert_int_equal(b.nif.stats.tx_drop_down, 12);
    assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, p), ERR_IF);
    assert_int_equal(b.nif.stats.tx_drop_down, 13);
    pbuf_free(p);
    teardown();
}

static void removing_it_frees_what_waits(void **state)
{
    struct pbuf *p;
    uint8_t copy[2048];

    (void)state;
    setup(8);
    p = chain(100, 1, 0, copy);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(b.nif.netif.linkoutput(&b.nif.netif, p), ERR_OK);
    netvsc_netif_remove(&b.nif);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    assert_null(netif_list);
    hvhost_destroy(b.host);
}

static void bad_settings_leave_nothing_behind(void **state)
{
    const struct netvsc_config config = {.mtu_bytes = 1};

    (void)state;
    assert_int_equal(netvsc_netif_add(&b.nif, &config), -EINVAL);
    assert_null(netif_list);
}

static int start_lwip(void **state)
{
    (void)state;
    lwip_init();
    while (netif_list) /* the loop interface: only ours are looked at here */
        netif_remove(netif_list);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_any_number_of_pieces_arrive_whole),
        cmocka_unit_test(short_chains_are_padded_and_wrong_ones_refused),
        cmocka_unit_test(what_must_wait_keeps_its_order_and_gets_its_references_back),
        cmocka_unit_test(a_late_frame_does_not_overtake_the_backlog),
        cmocka_unit_test(a_full_backlog_says_so_and_empties_again),
        cmocka_unit_test(volatile_memory_is_copied_before_it_waits),
        cmocka_unit_test(frames_become_chains_byte_for_byte),
        cmocka_unit_test(a_vlan_tag_is_put_back_unless_it_names_none),
        cmocka_unit_test(without_pbufs_frames_are_dropped_and_counted),
        cmocka_unit_test(what_lwip_refuses_is_counted_and_freed),
        cmocka_unit_test(link_mac_and_mtu_follow_the_nic),
        cmocka_unit_test(a_card_without_a_cable_comes_up_with_its_link_down),
        cmocka_unit_test(a_nic_that_goes_takes_its_backlog_along),
        cmocka_unit_test(removing_it_frees_what_waits),
        cmocka_unit_test(bad_settings_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, start_lwip, NULL);
}
