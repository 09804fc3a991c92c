/* SPDX-License-Identifier: BSD-3-Clause */
/* Values on hvhost's command line: what is taken, and that all else is refused with a reason. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "hvhost_main_var.h"
#include "nvs_reg.h"

static void numbers_have_units_of_1024(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},       {"9202", 9202},     {"0x10", 16},
                {"64k", 65536}, {"16M", 16u << 20}, {"1G", 1u << 30}};
    uint64_t value;
    unsigned i;

    (void)state;
    for (i = 0; i < countof(good); i++) {
        assert_int_equal(main_number_parse(good[i].text, UINT32_MAX, &value), 0);
        assert_int_equal(value, good[i].value);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {"", "x", "-1", "+1", " 1", "1 ", "1K", "1kk", "k", "1.5"};
    uint64_t value = 7;
    unsigned i;

    (void)state;
    for (i = 0; i < countof(bad); i++)
        assert_int_equal(main_number_parse(bad[i], UINT32_MAX, &value), -EINVAL);
    assert_int_equal(value, 7);
}

static void a_number_above_the_limit_is_refused_whatever_its_unit(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(main_number_parse("4096", 4096, &value), 0);
    assert_int_equal(main_number_parse("4k", 4096, &value), 0);
    assert_int_equal(main_number_parse("4097", 4096, &value), -ERANGE);
    assert_int_equal(main_number_parse("5k", 4096, &value), -ERANGE);
    /* These would be small again after the shift, and after 64 bits. */
    assert_int_equal(main_number_parse("17179869184G", UINT32_MAX, &value), -ERANGE);
    assert_int_equal(main_number_parse("18446744073709551617", UINT64_MAX, &value), -ERANGE);
}

static void a_card_is_described_in_any_order(void **state)
{
    char text[] = "mtu=1500,poll,mac=00:15:5D:01:02:ff,nvs=5,recv=2M,guid=x,nodma,punish,nopromisc,"
                  "offload=csum+lso,lso=32k,queues=8";
    static const uint8_t mac[6] = {0x00, 0x15, 0x5d, 0x01, 0x02, 0xff};
    struct hvhost_nic_config config = {.monitor_latency_us = 100};

    (void)state;
    assert_null(main_nic_parse(text, &config));
    assert_int_equal(config.mtu_max_bytes, 1500);
    assert_memory_equal(config.mac, mac, sizeof(mac));
    assert_int_equal(config.nvs_version_max, NVS_VERSION_5);
    assert_int_equal(config.recv_buf_bytes, 2u << 20);
    assert_string_equal(config.instance, "x"); /* hvhost_nic_add() judges it */
    assert_int_equal(config.dma_bytes, UINT32_MAX);
    assert_true(config.poll && config.punish && config.refuse_promiscuous);
    assert_int_equal(config.offload, HVHOST_OFFLOAD_TX_CSUM | HVHOST_OFFLOAD_LSO);
    assert_int_equal(config.lso_max_bytes, 32768);
    assert_int_equal(config.max_queues, 8);
    assert_int_equal(config.monitor_latency_us, 100); /* what is not said stays */
}

static void an_empty_description_is_the_defaults(void **state)
{
    struct hvhost_nic_config config = {0};
    const struct hvhost_nic_config zero = {0};
    char text[] = "";

    (void)state;
    assert_null(main_nic_parse(text, &config));
    assert_memory_equal(&config, &zero, sizeof(zero));
}

static void a_wrong_description_is_answered_with_the_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"mac=", "mac is written"},
        {"mac=00:15:5d:01:02", "mac is written"},
        {"mac=00:15:5d:01:02:03:04", "mac is written"},
        {"mac=00:15:5d:01:02:zz", "mac is written"},
        {"mac=00:15:5d:01:02:-3", "mac is written"},
        {"mac=00:15:5d:01:02: 3", "mac is written"},
        {"mac=ff:ff:ff:ff:ff:ff", "group address"},
        {"mtu=x", "mtu is a number up to 65535"},
        {"mtu=65536", "mtu is a number up to 65535"},
        {"batch=376", "batch is a number up to 375"},
        {"nvs=3", "nvs is 1, 2, 4, 5, 6.0 or 6.1"},
        {"offload=", "offload is all"},
        {"offload=csum+", "offload is all"},
        {"offload=csum+toe", "offload is all"},
        {"offload=csumlso", "offload is all"},
        {"poll=1", "unknown key"},
        {"mtu", "unknown key"},
        {"mtu=1500,colour=red", "unknown key"},
    };
    struct hvhost_nic_config config;
    const char *why;
    char text[64];
    unsigned i;

    (void)state;
    for (i = 0; i < countof(bad); i++) {
        config = (struct hvhost_nic_config){0};
        strcpy(text, bad[i].text);
        why = main_nic_parse(text, &config);
        if (!why || !strstr(why, bad[i].reason))
            fail_msg("%s: %s", bad[i].text, why ? why : "taken");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_units_of_1024),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_number_above_the_limit_is_refused_whatever_its_unit),
        cmocka_unit_test(a_card_is_described_in_any_order),
        cmocka_unit_test(an_empty_description_is_the_defaults),
        cmocka_unit_test(a_wrong_description_is_answered_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
