/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing a card on a made-up bus: which one is meant, and what is said when none is. */
#include "app_var.h"
#include "fake_sysfs.h"
#include "stderr_catcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GUID_A "00000000-0000-4000-8000-00000000000a"
#define GUID_B "00000000-0000-4000-8000-00000000000b"

static struct fake_sysfs fs;

static void make_card(const char *guid)
{
    fake_nic(&fs, guid, NULL, -1);
}

/* A card that hv_netvsc holds as eth0, whose address the kernel shows. */
static void make_kernels_card(const char *guid)
{
    fake_nic(&fs, guid, "eth0", -1);
    fake_write(fake_path(&fs, "devices/%s/net/eth0/address", guid), "00:15:5d:01:02:03\n");
}

/* What app_bus_choose() says and returns. */
static int choose(const char *dir, const char *nic, struct app_bus *bus, const char **said)
{
    static struct stderr_catcher catcher;
    int status;

    app_set_name("prog");
    stderr_catch(&catcher);
    status = app_bus_choose(bus, dir, nic);
    *said = stderr_caught(&catcher);
    return status;
}

static void no_bus_is_told_with_both_ways_out(void **state)
{
    struct app_bus bus;
    const char *said;

    (void)state;
    assert_int_equal(choose("/nonexistent", NULL, &bus, &said), 1);
    assert_string_equal(
        said,
        "prog: no VMBus at /nonexistent: this is no Hyper-V guest, or the directory is wrong. "
        "Give --bus DIR of a running hvhost, or --emulate tap=NAME.\n");
}

static void a_bus_without_cards_is_told(void **state)
{
    struct app_bus bus;
    const char *said;

    (void)state;
    assert_int_equal(choose(fs.root, NULL, &bus, &said), 1);
    assert_non_null(strstr(said, "no network card: the bus has none"));
}

static void the_only_card_needs_no_name(void **state)
{
    struct app_bus bus;
    const char *said;

    (void)state;
    make_card(GUID_A);
    assert_int_equal(choose(fs.root, NULL, &bus, &said), 0);
    assert_string_equal(said, "");
    assert_string_equal(bus.info.instance, GUID_A);
}

static void two_cards_and_none_chosen_lists_both(void **state)
{
    struct app_bus bus;
    const char *said;

    (void)state;
    make_card(GUID_A);
    make_card(GUID_B);
    assert_int_equal(choose(fs.root, NULL, &bus, &said), 2);
    assert_string_equal(said,
                        "prog: which card: there are " GUID_A ", " GUID_B ". Give --nic GUID.\n");
}

static void a_card_answers_to_guid_interface_name_and_mac(void **state)
{
    static const char *const names[] = {
        GUID_B, "{" GUID_B "}", "00000000-0000-4000-8000-00000000000B", "eth0", "00:15:5D:01:02:03",
    };
    struct app_bus bus;
    const char *said;

    (void)state;
    make_card(GUID_A);
    make_kernels_card(GUID_B);
    for (size_t i = 0; i < countof(names); i++) {
        assert_int_equal(choose(fs.root, names[i], &bus, &said), 0);
        assert_string_equal(bus.info.instance, GUID_B);
    }
}

static void a_name_no_card_answers_to_is_told_by_its_kind(void **state)
{
    static const struct {
        const char *nic, *says;
        int status;
    } rows[] = {
        {"00000000-0000-4000-8000-00000000000c", "no card has this GUID. Run netvscctl list", 1},
        {"00000000-0000-4000-8000-00000000000", "not a GUID. Write it as", 2},
        {"{" GUID_A, "not a GUID. Write it as", 2},
        {"eth7", "no card has this interface name", 1},
        {"00:15:5d:00:00:99", "no card shows this address", 1},
    };
    struct app_bus bus;
    const char *said;

    (void)state;
    make_card(GUID_A);
    for (size_t i = 0; i < countof(rows); i++) {
        assert_int_equal(choose(fs.root, rows[i].nic, &bus, &said), rows[i].status);
        assert_non_null(strstr(said, rows[i].says));
    }
}

static void a_card_the_kernel_holds_is_told_how_to_bind(void **state)
{
    struct stderr_catcher catcher;
    struct vmbus_device *dev = NULL;
    struct app_bus bus;
    const char *said;
    int status;

    (void)state;
    make_kernels_card(GUID_A);
    assert_int_equal(choose(fs.root, NULL, &bus, &said), 0);
    stderr_catch(&catcher);
    status = app_bus_open_first(&bus, &dev);
    assert_string_equal(stderr_caught(&catcher),
                        "prog: card " GUID_A
                        ": it is bound to hv_netvsc as eth0. Bind it: netvscctl bind " GUID_A
                        ".\n");
    assert_int_equal(status, 1);
    assert_null(dev);
}

static void a_card_without_driver_is_told_how_to_bind(void **state)
{
    struct stderr_catcher catcher;
    struct vmbus_device *dev = NULL;
    struct app_bus bus;
    const char *said;

    (void)state;
    make_card(GUID_A);
    assert_int_equal(choose(fs.root, NULL, &bus, &said), 0);
    stderr_catch(&catcher);
    assert_int_equal(app_bus_open_first(&bus, &dev), 1);
    assert_non_null(
        strstr(stderr_caught(&catcher), "it is bound to no driver. Bind it: netvscctl bind"));
}

/* One whose device is /dev/zero, alone on the bus, chosen. */
static void choose_on_zero(struct app_bus *bus)
{
    const char *said;

    fake_nic_on_zero(&fs, GUID_A, 0);
    assert_int_equal(choose(fs.root, NULL, bus, &said), 0);
}

/* Another card that opens, even under the number of the old one, is not taken for it. */
static void a_card_that_left_the_bus_is_not_opened_again(void **state)
{
    struct vmbus_device *dev = NULL;
    struct app_bus bus;

    (void)state;
    choose_on_zero(&bus);
    assert_int_equal(app_bus_open(&bus, &dev), 0);
    vmbus_close(dev);
    fake_remove(fake_path(&fs, "devices/" GUID_A "/class_id"));
    fake_remove(fake_path(&fs, "dev/uio0"));
    fake_nic_on_zero(&fs, GUID_B, 0);
    assert_int_equal(app_bus_open(&bus, &dev), -ENODEV);
    assert_null(dev);
}

/* Where a card comes back under another number, it is the same card. */
static void a_card_is_found_again_under_another_number(void **state)
{
    struct vmbus_device *dev = NULL;
    struct app_bus bus;

    (void)state;
    choose_on_zero(&bus);
    fake_remove(fake_path(&fs, "dev/uio0"));
    assert_int_equal(rename(fake_path(&fs, "devices/" GUID_A "/uio/uio0"),
                            fake_path(&fs, "devices/" GUID_A "/uio/uio7")),
                     0);
    fake_node(&fs, "/dev/zero", 7);
    assert_int_equal(app_bus_open(&bus, &dev), 0);
    vmbus_close(dev);
}

#define BUS_TEST(f) with_fake_sysfs(f, &fs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(no_bus_is_told_with_both_ways_out),
        BUS_TEST(a_bus_without_cards_is_told),
        BUS_TEST(the_only_card_needs_no_name),
        BUS_TEST(two_cards_and_none_chosen_lists_both),
        BUS_TEST(a_card_answers_to_guid_interface_name_and_mac),
        BUS_TEST(a_name_no_card_answers_to_is_told_by_its_kind),
        BUS_TEST(a_card_the_kernel_holds_is_told_how_to_bind),
        BUS_TEST(a_card_without_driver_is_told_how_to_bind),
        BUS_TEST(a_card_that_left_the_bus_is_not_opened_again),
        BUS_TEST(a_card_is_found_again_under_another_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
