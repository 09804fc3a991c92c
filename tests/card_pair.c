/* SPDX-License-Identifier: BSD-3-Clause */
#include "card_pair.h"

#include <string.h>
#include <sys/random.h>

#include "hvhost_impair.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "netif_books.h"
#include "netvsc_hold.h"
#include "port_clock.h"
#include "port_heap.h"
#include "port_log.h"
#include "port_tcp.h"
#include "vmbus.h"

#define MEND_MS 60000u
#define FOUND_OUT_MS 11u /* in which a NIC notices that its card was withdrawn */

struct card_pair pair;

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return pair.now_ns;
}

/* In libc's place: a run depends on its number alone, and not on those before it either. */
ssize_t getrandom(void *out, size_t bytes, unsigned flags)
{
    (void)flags;
    memset(out, 0x5A, bytes);
    return (ssize_t)bytes;
}

int pair_start(void)
{
    pair.now_ns = 1000 * (uint64_t)PAIR_MS;
    port_clock_source(virtual_clock, NULL);
    if (port_heap_open(16u << 20, 0))
        return -1;
    lwip_init();
    return 0;
}

/* ---- cards ----------------------------------------------------------------------------------- */

static enum netvsc_switch some_switch(void)
{
    return (enum netvsc_switch)pick(NETVSC_AUTO, NETVSC_AUTO, NETVSC_OFF, NETVSC_VERIFY);
}

/* What both have in common: lwIP asks its routing for the MTU, which may find the other card. */
struct common {
    uint32_t mtu_bytes;
    const struct vmbus_memory *memory;
};

static void add_card(unsigned i, const struct common *common)
{
    const struct hvhost_nic_config card = {
        .mac = {0x00, 0x15, 0x5d, 0xcc, 0xdd, (uint8_t)(1 + i)},
        .mtu_max_bytes = 9000,
        .recv_buf_bytes = pick(1u << 18, 1u << 20),
        .send_buf_bytes = pick(1u << 17, 1u << 20),
        .ring_bytes = pick(1u << 15, 1u << 17),
        .batch_frames = pick(1, 8),
        .offload = pick(0, 0, HVHOST_OFFLOAD_NONE, HVHOST_OFFLOAD_TX_CSUM, HVHOST_OFFLOAD_RSC),
        .poll = happens(300),
        .whole_section = happens(200),
    };
    const struct netvsc_config config = {
        .mtu_bytes = common->mtu_bytes,
        .tx_csum = some_switch(),
        .tx_lso = some_switch(),
        .rx_csum = some_switch(),
        .rx_rsc = some_switch(),
        .rx_gro = some_switch(),
        .memory = common->memory,
        .tx_copy_bytes = pick(0, 256, 1000),
        .tx_aggregate_bytes = pick(0, 1, 1000),
        .rx_copybreak_bytes = pick(0, 0, 100, NETVSC_RX_COPY_ALL),
        .rx_hold_percent = (uint8_t)pick(0, 5, 100),
        .step_timeout_ms = 100,
    };

    assert_int_equal(hvhost_nic_add(pair.host, &card, &pair.card[i]), 0);
    assert_int_equal(netvsc_netif_add(&pair.nif[i], &config), 0);
}

static void set_address(unsigned i)
{
    struct netif *netif = &pair.nif[i].netif;
    ip4_addr_t address, mask;

    IP4_ADDR(&address, 10, 78, 1, (u8_t)(1 + i));
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_addr(netif, &address, &mask, IP4_ADDR_ANY4);
    netif_create_ip6_linklocal_address(netif, 1);
    netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
    netif_set_up(netif);
}

bool pair_is_off(unsigned i)
{
    const enum netvsc_state state = netvsc_state(pair.nif[i].nic);

    return state == NETVSC_DOWN || state == NETVSC_FAILED || state == NETVSC_GONE;
}

bool pair_attach(unsigned i)
{
    struct vmbus_transport t;
    struct vmbus_device *dev;

    hvhost_nic_offer(pair.card[i]);
    if (hvhost_nic_open(pair.card[i], &t))
        return false;
    assert_int_equal(vmbus_device_create(&t, &dev), 0);
    assert_int_equal(netvsc_attach(pair.nif[i].nic, dev, pair.now_ns), 0);
    return true;
}

bool pair_keep(void)
{
    bool well = true;

    for (unsigned i = 0; i < 2; i++) {
        hvhost_nic_link(pair.card[i], true);
        if (pair_is_off(i))
            (void)pair_attach(i);
        well = well && netif_is_link_up(&pair.nif[i].netif);
    }
    return well;
}

void pair_mend(void)
{
    for (unsigned ms = 0, well = 0; ms < MEND_MS && well < FOUND_OUT_MS; ms++) {
        well = pair_keep() ? well + 1 : 0;
        pair_turn();
    }
    for (unsigned i = 0; i < 2; i++)
        if (!netif_is_link_up(&pair.nif[i].netif))
            fail_msg("card %u stays %s: %s", i, netvsc_state_name(netvsc_state(pair.nif[i].nic)),
                     netvsc_failure(pair.nif[i].nic));
}

/* ---- time ------------------------------------------------------------------------------------ */

void pair_turn(void)
{
    for (unsigned i = 0; i < 2; i++)
        netvsc_netif_poll(&pair.nif[i], pair.now_ns, pick(1, 64, 64, 64));
    hvhost_step(pair.host, pair.now_ns);
    sys_check_timeouts();
    for (unsigned i = 0; i < 2; i++)
        netvsc_netif_flush(&pair.nif[i]);
    pair.now_ns += PAIR_MS;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void some_weather(unsigned trouble)
{
    const struct hvhost_impair how = {
        .loss_ppm = below(trouble + 1) * 1000,
        .duplicate_ppm = below(trouble + 1) * 1000,
        .reorder_ppm = below(trouble + 1) * 1000,
        .delay_us = pick(0, 0, 500, 5000),
        .seed = below(1u << 30) + 1,
    };

    assert_int_equal(hvhost_impair(pair.host, &how), 0);
}

void pair_open(unsigned trouble)
{
    const struct common common = {pick(1500, 1500, 1500, 9000, 600),
                                  happens(700) ? port_heap_memory() : NULL};

    while (pair.now_ns % (1000 * (uint64_t)PAIR_MS)) /* timers are where they are in any run */
        pair.now_ns += PAIR_MS;
    assert_int_equal(hvhost_create(NULL, &pair.host), 0);
    for (unsigned i = 0; i < 2; i++)
        add_card(i, &common);
    if (trouble)
        some_weather(trouble);
    for (unsigned i = 0; i < 2; i++)
        set_address(i);
    pair_mend();
}

void pair_close(void)
{
    const char *wrong;

    for (unsigned i = 0; i < 2; i++) {
        netvsc_detach(pair.nif[i].nic, pair.now_ns);
        for (unsigned ms = 0; ms < MEND_MS && !pair_is_off(i); ms++)
            pair_turn();
        assert_int_equal(netvsc_state(pair.nif[i].nic), NETVSC_DOWN);
        wrong = netvsc_audit(pair.nif[i].nic);
        if (wrong)
            fail_msg("card %u: %s", i, wrong);
        assert_int_equal(netvsc_held_sections(pair.nif[i].nic), 0);
    }
    for (unsigned s = 0; s < 20; s++) { /* fragments wait for others 15 s */
        pair.now_ns += 1000 * (uint64_t)PAIR_MS;
        pair_turn();
    }
    wrong = hvhost_audit(pair.host);
    if (wrong)
        fail_msg("the host's books: %s", wrong);
    for (unsigned i = 0; i < 2; i++)
        netvsc_netif_remove(&pair.nif[i]);
    hvhost_destroy(pair.host);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    assert_int_equal(port_asserts(), 0);
}
