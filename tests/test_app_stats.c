/* SPDX-License-Identifier: BSD-3-Clause */
/* What --stats prints, and that books which do not balance are noticed. */
#define _GNU_SOURCE /* open_memstream() */
#include "check.h"
#include "app_var.h"
#include "port_clock.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"

static struct {
    struct app_emulate emulate;
    struct netvsc_netif nif;
    FILE *file;
    char *text;
    size_t len;
} f;

static int make_card(void **state)
{
    const struct app_emulate_options options = {.tap = ""};
    const struct netvsc_config config = {.mtu_bytes = 0};

    (void)state;
    if (app_emulate_start(&f.emulate, &options) != 0 || netvsc_netif_add(&f.nif, &config) != 0)
        return -1;
    f.file = open_memstream(&f.text, &f.len);
    return f.file ? 0 : -1;
}

static int drop_card(void **state)
{
    (void)state;
    fclose(f.file);
    free(f.text);
    netvsc_netif_remove(&f.nif);
    app_emulate_stop(&f.emulate);
    return 0;
}

static void attach(void)
{
    struct vmbus_device *dev;
    uint64_t now_ns = PORT_NS_PER_S;

    assert_int_equal(app_emulate_open(&f.emulate, &dev), 0);
    assert_int_equal(netvsc_attach(f.nif.nic, dev, now_ns), 0);
    for (unsigned i = 0; i < 1000 && netvsc_state(f.nif.nic) != NETVSC_UP; i++) {
        now_ns += PORT_NS_PER_MS;
        app_emulate_peer(f.emulate.host).step(f.emulate.host, now_ns);
        netvsc_netif_poll(&f.nif, now_ns, 64);
    }
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_UP);
}

static const char *stats(void)
{
    app_stats_print(&f.nif, &f.emulate, f.file);
    fflush(f.file);
    return f.text;
}

static void only_counters_that_moved_are_printed(void **state)
{
    const char *text;

    (void)state;
    attach();
    text = stats();
    assert_non_null(strstr(text, "card (netvsc)\n"));
    assert_non_null(
        strstr(text, "  attaches                          1  times NETVSC_UP was reached\n"));
    assert_non_null(strstr(text, "emulated card (hvhost)\n"));
    assert_null(strstr(text, "tx_failed"));
    assert_non_null(strstr(text, "books: balance\n"));
}

static void a_frame_that_got_lost_between_card_and_lwip_unbalances_the_books(void **state)
{
    (void)state;
    f.nif.stats.rx_input++;
    assert_string_equal(app_books(&f.nif, f.emulate.host),
                        "interface: 0 frames handed up, 1 taken or dropped");
    assert_non_null(strstr(stats(), "books: do NOT balance: interface: 0 frames handed up"));
    f.nif.stats.rx_input--;
    assert_null(app_books(&f.nif, f.emulate.host));
    assert_null(app_books(&f.nif, NULL));
}

static void rates_need_two_looks_and_count_what_is_between(void **state)
{
    struct app_rates rates = {.before_ns = 0};

    (void)state;
    app_rates_print(&rates, &f.nif, PORT_NS_PER_S, f.file);
    fflush(f.file);
    assert_int_equal(f.len, 0);
    rates.before.rx_frames -= 1000; /* as if 1000 frames had come since */
    rates.before.rx_bytes -= 250000000;
    app_rates_print(&rates, &f.nif, 3 * PORT_NS_PER_S, f.file);
    fflush(f.file);
    assert_string_equal(
        f.text, "rx 500/s 1.000 Gbit/s  tx 0/s 0.000 Gbit/s  doorbells 0/s  irqs 0/s  drops 0\n");
}

#define CARD_TEST(f) cmocka_unit_test_setup_teardown(f, make_card, drop_card)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CARD_TEST(only_counters_that_moved_are_printed),
        CARD_TEST(a_frame_that_got_lost_between_card_and_lwip_unbalances_the_books),
        CARD_TEST(rates_need_two_looks_and_count_what_is_between),
    };

    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
