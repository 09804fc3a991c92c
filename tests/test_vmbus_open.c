/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening: what each failure tells a person, and that nothing is held after it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "vmbus_chan.h"

static struct fake_sysfs fs;
static struct vmbus_info info;
static struct vmbus_error err;

#define with_bus(test) with_fake_sysfs(test, &fs)

static void scan(void)
{
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
}

/* Opening fails with (error), naming (what) and (remedy), and gives no device. */
static void expect_open(int error, const char *what, const char *remedy)
{
    struct vmbus_device *dev = (struct vmbus_device *)(void *)&fs;

    memset(&err, 0, sizeof(err));
    int got = vmbus_open(&fs.bus, &info, &err, &dev);
    if (got != error || strstr(err.what, what) == NULL || strstr(err.remedy, remedy) == NULL)
        fail_msg("%d \"%s\" \"%s\", not %d \"%s\" \"%s\"", got, err.what, err.remedy, error, what,
                 remedy);
    assert_null(dev);
    assert_int_equal(vmbus_open(&fs.bus, &info, NULL, &dev), error); /* nobody has to listen */
}

/* ---- before a provider is chosen ------------------------------------------------------------- */

static void nic_still_held_by_the_kernel_is_named_with_its_interface(void **state)
{
    (void)state;
    fake_nic(&fs, FAKE_NIC_A, "eth0", -1);
    scan();
    expect_open(-ENODEV, "is still bound to hv_netvsc, as interface eth0", "uio_hv_generic");
    expect_open(-ENODEV, FAKE_NIC_A, "set-override " FAKE_NIC_A " uio_hv_generic");
}

static void nic_without_a_driver_is_told_how_to_get_one(void **state)
{
    (void)state;
    fake_nic(&fs, FAKE_NIC_A, NULL, -1);
    scan();
    expect_open(-ENODEV, "has no driver", "uio_hv_generic");
}

static void missing_node_and_wrong_kind_of_node_are_told_apart(void **state)
{
    (void)state;
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    scan();
    expect_open(-ENODEV, "has no node", "netvscctl list");
    fake_write(fake_path(&fs, "dev/uio0"), "");
    expect_open(-ENODEV, "is neither a uio device nor a socket", "--bus");
}

static void node_out_of_reach_is_a_question_of_permission(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    scan();
    assert_int_equal(chmod(fs.root, 0700), 0);
    assert_int_equal(seteuid(65534), 0);
    int got = vmbus_open(&fs.bus, &info, &err, &(struct vmbus_device *){NULL});
    int scanned = vmbus_scan_nics(&fs.bus, &info, 1);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(got, -EACCES);
    assert_int_equal(scanned, -EACCES);
    assert_non_null(strstr(err.what, "cannot look at"));
    assert_non_null(strstr(err.remedy, "run as root"));
}

/* ---- what sysfs says ------------------------------------------------------------------------- */

/* A character device that is no uio device: enough to reach the uio provider. */
static void nic_on_null(void)
{
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    fake_node(&fs, "/dev/null", 0);
    scan();
}

static const char *map_file(unsigned k, const char *name)
{
    return fake_path(&fs, "devices/%s/uio/uio0/maps/map%u/%s", FAKE_NIC_A, k, name);
}

static void old_kernel_is_known_by_the_map_that_is_missing(void **state)
{
    static const char *const names[] = {"txrx_rings", "int_page", "monitor_page", "recv:<handle>",
                                        "send:<handle>"};
    static const char *const kept[] = {"txrx_rings\n", "int_page\n", "monitor_page\n",
                                       "recv:925200\n", "send:925201\n"};

    (void)state;
    nic_on_null();
    for (unsigned k = 0; k < countof(names); k++) {
        fake_write(map_file(k, "name"), "something_else\n");
        char what[64];
        (void)snprintf(what, sizeof(what), "gives no map named %s", names[k]);
        expect_open(-ENOTSUP, what, "Linux 4.16");
        fake_write(map_file(k, "name"), kept[k]);
    }
    fake_write(map_file(3, "name"), "recv\n"); /* no handle, as the first kernels had it */
    expect_open(-ENOTSUP, "gives no map named recv:<handle>", "Linux 4.16");
}

static void handles_are_numbers(void **state)
{
    static const char *const bad[] = {"recv:\n",      "recv:x\n",  "recv:-1\n",
                                      "recv: 1\n",    "recv:1 \n", "recv:4294967296\n",
                                      "recv:1recv\n", "recv:0x\n"};

    (void)state;
    nic_on_null();
    for (size_t i = 0; i < countof(bad); i++) {
        fake_write(map_file(3, "name"), bad[i]);
        expect_open(-ENOTSUP, "recv:<handle>", "");
    }
}

static void nonsense_about_a_map_is_refused(void **state)
{
    static const char *const sizes[] = {"",          "0x0\n",   "4097\n",
                                        "0x1000 \n", "-4096\n", "0x80000000\n"};
    static const char *const offsets[] = {"", "0x1000\n", "-1\n", "x\n"};

    (void)state;
    nic_on_null();
    for (size_t i = 0; i < countof(sizes); i++) {
        fake_write(map_file(4, "size"), sizes[i]);
        expect_open(-EPROTO, "map4", "report");
    }
    fake_write(map_file(4, "size"), "0x1000000\n");
    for (size_t i = 0; i < countof(offsets); i++) {
        fake_write(map_file(2, "offset"), offsets[i]);
        expect_open(-EPROTO, "map2", "report");
    }
    fake_write(map_file(2, "offset"), "0x0\n");
    fake_map(&fs, FAKE_NIC_A, 0, 7, "int_page\n", "0x1000\n"); /* a second one */
    expect_open(-EPROTO, "map7", "report");
}

static void numbers_of_the_device_must_make_sense(void **state)
{
    (void)state;
    nic_on_null();
    fake_write(fake_path(&fs, "devices/%s/id", FAKE_NIC_A), "2048\n");
    expect_open(-EPROTO, "/id is no channel number", "");
    fake_write(fake_path(&fs, "devices/%s/id", FAKE_NIC_A), "0\n");
    expect_open(-EPROTO, "/id is no channel number", "");
    fake_write(fake_path(&fs, "devices/%s/id", FAKE_NIC_A), "5\n");
    fake_write(fake_path(&fs, "devices/%s/monitor_id", FAKE_NIC_A), "128\n");
    expect_open(-EPROTO, "/monitor_id is no monitor number", "");
}

static void device_unbound_after_the_scan_has_gone(void **state)
{
    (void)state;
    nic_on_null();
    assert_int_equal(rename(fake_path(&fs, "devices/%s/uio/uio0", FAKE_NIC_A),
                            fake_path(&fs, "devices/%s/uio/uio1", FAKE_NIC_A)),
                     0);
    expect_open(-ENODEV, "has gone", "netvscctl list");
}

/* A socket is the other provider's: whatever it says, it is not this. */
static void socket_is_handed_to_the_other_provider(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct vmbus_device *dev;

    (void)state;
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    scan();
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", fake_path(&fs, "dev/uio0"));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_true(vmbus_open(&fs.bus, &info, &err, &dev) < 0);
    assert_null(dev);
    assert_true(strlen(err.what) > 0);
    assert_null(strstr(err.what, "neither"));
    close(fd);
}

/* ---- opened all the way ---------------------------------------------------------------------- */

static int open_on_zero(struct vmbus_device **dev)
{
    scan();
    return vmbus_open(&fs.bus, &info, &err, dev);
}

static void device_is_opened_with_its_memory(void **state)
{
    struct vmbus_device *dev;

    (void)state;
    fake_nic_on_zero(&fs, FAKE_NIC_A, 0);
    assert_int_equal(open_on_zero(&dev), 0);
    assert_int_equal(vmbus_memory(dev)->recv.len_bytes, 0x4000);
    assert_int_equal(vmbus_memory(dev)->recv_gpadl, 925200);
    assert_int_equal(vmbus_memory(dev)->send_gpadl, 925201);
    assert_int_equal(vmbus_chan_relid(vmbus_chan(dev, 0)), 5);
    assert_true(vmbus_irq_fd(dev) >= 0);
    vmbus_close(dev);
}

static void memory_that_makes_no_sense_is_given_back(void **state)
{
    struct vmbus_device *dev;

    (void)state;
    fake_nic_on_zero(&fs, FAKE_NIC_A, 0);
    fake_map(&fs, FAKE_NIC_A, 0, 0, "txrx_rings\n", "0x4000\n"); /* two pages per ring */
    assert_int_equal(open_on_zero(&dev), -EPROTO);
    assert_null(dev);
    assert_non_null(strstr(err.what, "makes no sense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bus(nic_still_held_by_the_kernel_is_named_with_its_interface),
        with_bus(nic_without_a_driver_is_told_how_to_get_one),
        with_bus(missing_node_and_wrong_kind_of_node_are_told_apart),
        with_bus(node_out_of_reach_is_a_question_of_permission),
        with_bus(old_kernel_is_known_by_the_map_that_is_missing),
        with_bus(handles_are_numbers),
        with_bus(nonsense_about_a_map_is_refused),
        with_bus(numbers_of_the_device_must_make_sense),
        with_bus(device_unbound_after_the_scan_has_gone),
        with_bus(socket_is_handed_to_the_other_provider),
        with_bus(device_is_opened_with_its_memory),
        with_bus(memory_that_makes_no_sense_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
