/* SPDX-License-Identifier: BSD-3-Clause */
/* Attach to a host that behaves: what is learned, by which version, with which limits. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_fixture.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

#define MS 1000000ull

/* ---- it works -------------------------------------------------------------------------------- */

static void attach_learns_what_the_host_offers(void **state)
{
    struct netif_fixture f;
    const struct netvsc_info *info;

    (void)state;
    bench_init(&f);
    bench_start(&f);
    assert_int_equal(netvsc_info(f.nic)->nvs_version, 0);
    bench_attach(&f);
    assert_int_equal(netvsc_state(f.nic), NETVSC_ATTACHING);
    assert_int_equal(netvsc_info(f.nic)->nvs_version, 0);
    bench_until(&f, NETVSC_UP);

    info = netvsc_info(f.nic);
    assert_int_equal(info->nvs_version, NVS_VERSION_61);
    assert_memory_equal(info->mac, f.card_config.mac, 6);
    assert_int_equal(info->mtu_bytes, 1500);
    assert_true(info->link_up);
    assert_int_equal(info->link_speed_bps, 10000000000);
    assert_int_equal(info->recv_section_bytes, 1806);
    assert_int_equal(info->recv_sections, (1u << 20) / 1806);
    assert_int_equal(info->send_section_bytes, 6144);
    assert_int_equal(info->send_sections, (1u << 20) / 6144);
    assert_int_equal(info->align_bytes, 8);
    assert_int_equal(info->max_packets, 8);
    assert_true(info->gpa_direct);
    assert_int_equal(f.event_count[NETVSC_EVENT_STATE], 2);
    assert_string_equal(netvsc_failure(f.nic), "");
    bench_check_strict(&f);
    bench_stop(&f);
}

static void each_of_six_versions_carries_frames_both_ways(void **state)
{
    static const uint32_t versions[] = {NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4,
                                        NVS_VERSION_5, NVS_VERSION_6, NVS_VERSION_61};

    (void)state;
    for (size_t i = 0; i < 2 * countof(versions); i++) {
        uint32_t version = versions[i / 2];
        struct netif_fixture f;

        bench_init(&f);
        if (i % 2) /* the host's limit or ours */
            f.card_config.nvs_version_max = version;
        else
            f.config.nvs_version_max = version;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->nvs_version, version);
        bench_far_send(&f, 1514, 3);
        assert_int_equal(bench_send(&f, 1514, 5), 0);
        bench_turn(&f, 3);
        assert_int_equal(f.rx_count, 1);
        assert_int_equal(f.far_count, 1);
        bench_check_frame(f.rx_frame, f.rx_bytes, 1514, 3);
        bench_check_frame(f.far_frame, f.far_bytes, 1514, 5);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

static void control_works_where_page_numbers_are_unknown(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.dma_bytes = UINT32_MAX;
    bench_come_up(&f);
    assert_false(netvsc_info(f.nic)->gpa_direct);
    /* One section is the control requests': all others carry frames. */
    for (uint32_t i = 1; i < netvsc_info(f.nic)->send_sections; i++)
        assert_int_equal(bench_send(&f, 60, 1), 0);
    assert_int_equal(bench_send(&f, 60, 1), -EAGAIN);
    bench_turn(&f, 6);
    netvsc_detach(f.nic, f.now_ns);
    bench_until(&f, NETVSC_DOWN);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void the_mtu_is_the_least_of_wanted_and_granted(void **state)
{
    static const struct {
        uint32_t wanted, host_max, want;
    } cases[] = {
        {0, 9202, 1500}, {1500, 9202, 1500}, {4000, 9202, 4000},  {4000, 2000, 1500},
        {68, 9202, 68},  {1500, 1400, 1400}, {65521, 9202, 1500}, {9000, 9202, 6038},
    };

    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        struct netif_fixture f;

        print_message("case %zu\n", i);
        bench_init(&f);
        f.config.mtu_bytes = cases[i].wanted;
        f.card_config.mtu_max_bytes = cases[i].host_max;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->mtu_bytes, cases[i].want);
        assert_int_equal(bench_send(&f, cases[i].want + 14, 1), 0);
        assert_int_equal(bench_send(&f, cases[i].want + 15, 1), -EMSGSIZE);
        bench_turn(&f, 2);
        assert_int_equal(f.far_count, 1);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

static void attach_refuses_what_cannot_be(void **state)
{
    struct netvsc_config config = {0};
    struct vmbus_transport t;
    struct vmbus_device *dev;
    struct netif_fixture f;
    struct netvsc *nic = (struct netvsc *)&f;

    (void)state;
    bench_up(&f);
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL); /* no rx */
    assert_null(nic);
    config.rx = f.config.rx;
    config.mtu_bytes = 67;
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL);
    config.mtu_bytes = 65523;
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL);
    config.mtu_bytes = 0;
    config.nvs_version_max = 1;
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL);

    assert_int_equal(hvhost_nic_open(f.card, &t), -EBUSY);
    netvsc_detach(f.nic, f.now_ns);
    bench_until(&f, NETVSC_DOWN);
    bench_attach(&f);
    memset(&t, 0, sizeof(t));
    dev = (struct vmbus_device *)&t; /* never looked into */
    assert_int_equal(netvsc_attach(f.nic, dev, f.now_ns), -EBUSY);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attach_learns_what_the_host_offers),
        cmocka_unit_test(each_of_six_versions_carries_frames_both_ways),
        cmocka_unit_test(control_works_where_page_numbers_are_unknown),
        cmocka_unit_test(the_mtu_is_the_least_of_wanted_and_granted),
        cmocka_unit_test(attach_refuses_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
