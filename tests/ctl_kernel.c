/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* nftw() */
#include "ctl_kernel.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LATE_MS 1000u

const char *ctl_kernel_path(const struct ctl_kernel *k, const char *format, ...)
{
    static char ring[4][512];
    static unsigned next;
    char *out = ring[next++ % 4];
    va_list ap;

    const int used = snprintf(out, sizeof(ring[0]), "%s/", k->root);
    va_start(ap, format);
    vsnprintf(out + used, sizeof(ring[0]) - (size_t)used, format, ap);
    va_end(ap);
    return out;
}

const char *ctl_kernel_read(const struct ctl_kernel *k, const char *relative)
{
    static char text[4][128];
    static unsigned next;
    char *out = text[next++ % 4];

    (void)ctl_read(ctl_kernel_path(k, "%s", relative), out, sizeof(text[0]));
    out[strcspn(out, "\n")] = '\0';
    return out;
}

const char *ctl_kernel_driver(const struct ctl_kernel *k, const char *instance)
{
    static char target[256];
    const ssize_t len =
        readlink(fake_path(&k->fs, "devices/%s/driver", instance), target, sizeof(target) - 1);

    if (len <= 0)
        return "";
    target[len] = '\0';
    return strrchr(target, '/') + 1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_tree(const char *path)
{
    if (ctl_exists(path))
        assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- what the kernel does -------------------------------------------------------------------- */

#define USER "4711"

static bool is_a(const char *instance)
{
    return strcmp(instance, FAKE_NIC_A) == 0;
}

/* The interface of (instance) as /sys/class/net has it. */
static void make_interface(struct ctl_kernel *k, const char *instance, const char *ifname)
{
    const char *mac = is_a(instance) ? KERNEL_MAC_A "\n" : KERNEL_MAC_B "\n";

    fake_write(fake_path(&k->fs, "devices/%s/net/%s/address", instance, ifname), mac);
    fake_write(ctl_kernel_path(k, "sys/class/net/%s/address", ifname), mac);
    fake_write(ctl_kernel_path(k, "sys/class/net/%s/device/vendor", ifname), "0x1414\n");
}

static void detach(struct ctl_kernel *k, const char *instance)
{
    fake_remove(fake_path(&k->fs, "devices/%s/driver", instance));
    remove_tree(fake_path(&k->fs, "devices/%s/net", instance));
    remove_tree(fake_path(&k->fs, "devices/%s/uio", instance));
    remove_tree(ctl_kernel_path(k, "sys/class/net/%s", is_a(instance) ? "eth1" : "eth2"));
}

static void attach(struct ctl_kernel *k, const char *instance, const char *driver)
{
    char target[128];

    if (strcmp(driver, CTL_DRIVER) == 0) {
        if (k->bind_lies)
            return;
        fake_nic(&k->fs, instance, NULL, is_a(instance) ? 0 : 1);
        return;
    }
    snprintf(target, sizeof(target), "../../../../bus/vmbus/drivers/%s", driver);
    assert_int_equal(symlink(target, fake_path(&k->fs, "devices/%s/driver", instance)), 0);
    if (k->late_name)
        k->passed_ms = 0;
    make_interface(k, instance, k->late_name ? "eth9" : is_a(instance) ? "eth1" : "eth2");
}

/* vmbus_match(): an override lets in its driver only; else the list of the driver counts. */
static bool fits(const struct ctl_kernel *k, const char *instance, const char *driver)
{
    char override[64];

    if (ctl_read(fake_path(&k->fs, "devices/%s/driver_override", instance), override,
                 sizeof(override)) == 0 &&
        strcmp(override, "(null)") != 0)
        return strcmp(override, driver) == 0;
    return strcmp(driver, CTL_DRIVER) != 0 || k->id;
}

static int write_driver(struct ctl_kernel *k, const char *driver, const char *verb,
                        const char *text)
{
    const char *has = ctl_kernel_driver(k, text);

    if (strcmp(verb, "new_id") == 0) {
        assert_string_equal(text, VMBUS_CLASS_NIC);
        if (k->id)
            return -EEXIST;
        k->id = true;
    } else if (strcmp(verb, "remove_id") == 0) {
        assert_true(k->id);
        k->id = false;
    } else if (strcmp(verb, "unbind") == 0) {
        if (strcmp(has, driver) != 0)
            return -ENODEV;
        assert_false(ctl_exists(ctl_kernel_path(k, "proc/" USER)));
        detach(k, text);
    } else {
        assert_string_equal(verb, "bind");
        if (has[0] || !fits(k, text, driver))
            return -ENODEV;
        attach(k, text, driver);
    }
    return 0;
}

static int kernel_write(void *ctx, const char *path, const char *text)
{
    struct ctl_kernel *k = ctx;
    const char *relative = path + strlen(k->fs.root) + 1;
    char driver[32], verb[16], line[64];
    const size_t used = strlen(k->log);

    assert_memory_equal(path, k->fs.root, strlen(k->fs.root));
    snprintf(k->log + used, sizeof(k->log) - used, "%s < %s\n", relative,
             strcmp(text, "\n") == 0 ? "\\n" : text);
    if (++k->writes == k->fail_at)
        return k->fail_with;
    if (sscanf(relative, "drivers/%31[^/]/%15s", driver, verb) == 2)
        return write_driver(k, driver, verb, text);
    assert_non_null(strstr(relative, "/driver_override"));
    assert_true(ctl_exists(path));
    snprintf(line, sizeof(line), "%s\n", strcmp(text, "\n") == 0 ? "(null)" : text);
    fake_write(path, line);
    return 0;
}

static int kernel_modprobe(void *ctx, const char *module)
{
    struct ctl_kernel *k = ctx;
    const size_t used = strlen(k->log);

    snprintf(k->log + used, sizeof(k->log) - used, "modprobe %s\n", module);
    if (k->no_module)
        return -ENOENT;
    fake_write(fake_path(&k->fs, "drivers/%s/module", module), "");
    return 0;
}

static int kernel_net_save(void *ctx, struct ctl_net *net)
{
    struct ctl_kernel *k = ctx;
    char ifname[16];

    /* Interfaces other than eth1 have an address of their own each. */
    memcpy(ifname, net->ifname, sizeof(ifname));
    *net = k->net;
    memcpy(net->ifname, ifname, sizeof(ifname));
    if (strcmp(ifname, "eth1") != 0) {
        net->address_count = 1;
        snprintf(net->addresses[0], CTL_LINE_BYTES, "192.0.2.1/24 scope 0");
    }
    return k->net_error;
}

static int kernel_net_restore(void *ctx, const char *ifname, const struct ctl_net *net,
                              char line[CTL_LINE_BYTES])
{
    struct ctl_kernel *k = ctx;
    const size_t used = strlen(k->log);

    snprintf(line, CTL_LINE_BYTES, "%s", net->address_count ? net->addresses[0] : "");
    snprintf(k->log + used, sizeof(k->log) - used, "restore %s: mtu %u, %u addresses, %u routes\n",
             ifname, net->mtu_bytes, net->address_count, net->route_count);
    return k->net_error;
}

static void kernel_end(void *ctx, pid_t pid, int signal)
{
    struct ctl_kernel *k = ctx;
    const size_t used = strlen(k->log);

    snprintf(k->log + used, sizeof(k->log) - used, "signal %d to %d\n", signal, (int)pid);
    if (signal == k->ends_at)
        ctl_kernel_close(k);
}

static void kernel_pause(void *ctx, unsigned ms)
{
    struct ctl_kernel *k = ctx;

    k->passed_ms += ms;
    assert_true(k->passed_ms < 60000);
    if (!k->late_name || k->passed_ms < LATE_MS)
        return;
    k->late_name = false;
    remove_tree(fake_path(&k->fs, "devices/%s/net", FAKE_NIC_A));
    make_interface(k, FAKE_NIC_A, "eth1");
}

static const struct ctl_ops kernel_ops = {
    .write = kernel_write,
    .modprobe = kernel_modprobe,
    .net_save = kernel_net_save,
    .net_restore = kernel_net_restore,
    .end = kernel_end,
    .pause = kernel_pause,
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static void make_card(struct ctl_kernel *k, const char *instance, const char *ifname)
{
    fake_nic(&k->fs, instance, ifname, -1);
    fake_write(fake_path(&k->fs, "devices/%s/driver_override", instance), "(null)\n");
    make_interface(k, instance, ifname);
}

void ctl_kernel_setup(struct ctl_kernel *k)
{
    memset(k, 0, sizeof(*k));
    snprintf(k->root, sizeof(k->root), "/tmp/nvt-ctl-XXXXXX");
    assert_non_null(mkdtemp(k->root));
    snprintf(k->fs.root, sizeof(k->fs.root), "%s/sys/bus/vmbus", k->root);
    make_card(k, FAKE_NIC_A, "eth1");
    make_card(k, FAKE_NIC_B, "eth2");
    fake_write(fake_path(&k->fs, "drivers/hv_netvsc/module"), "");
    fake_write(fake_path(&k->fs, "dev/uio0"), "");
    k->net.mtu_bytes = 1500;
    k->net.up = true;
    k->net.address_count = k->net.route_count = 1;
    snprintf(k->net.mac, sizeof(k->net.mac), KERNEL_MAC_A);
    snprintf(k->net.addresses[0], CTL_LINE_BYTES, "10.0.0.4/24 scope 0");
    snprintf(k->net.routes[0], CTL_LINE_BYTES, "10.9.0.0/16 via 10.0.0.1 table 254 proto 4");
    unsetenv("SSH_CONNECTION");
    app_set_name("netvscctl");
    assert_int_equal(ctl_open(&k->ctl, k->root, NULL, NULL), 0);
    k->ctl.ops = &kernel_ops;
    k->ctl.ctx = k;
    assert_int_equal(ctl_choose(&k->ctl, "eth1"), 0);
}

void ctl_kernel_teardown(struct ctl_kernel *k)
{
    stderr_release(&k->catcher);
    remove_tree(k->root);
}

int ctl_kernel_before(void **state)
{
    ctl_kernel_setup(*state);
    return 0;
}

int ctl_kernel_after(void **state)
{
    ctl_kernel_teardown(*state);
    return 0;
}

void ctl_kernel_without_override(struct ctl_kernel *k)
{
    fake_remove(fake_path(&k->fs, "devices/" FAKE_NIC_A "/driver_override"));
    fake_remove(fake_path(&k->fs, "devices/" FAKE_NIC_B "/driver_override"));
}

void ctl_kernel_open(const struct ctl_kernel *k, bool mapped)
{
    char node[CTL_PATH_BYTES], line[CTL_PATH_BYTES + 64];

    snprintf(node, sizeof(node), "%s/uio0", k->ctl.bus.dev);
    snprintf(line, sizeof(line), "7f0000000000-7f0000001000 rw-s 00000000 00:05 9  %s\n",
             mapped ? node : "/dev/zero");
    fake_write(ctl_kernel_path(k, "proc/" USER "/comm"), "netvsc-http\n");
    fake_write(ctl_kernel_path(k, "proc/" USER "/maps"), line);
    fake_write(ctl_kernel_path(k, "proc/" USER "/fd/0"), "");
    assert_int_equal(symlink(mapped ? "/dev/null" : node, ctl_kernel_path(k, "proc/" USER "/fd/7")),
                     0);
}

void ctl_kernel_close(const struct ctl_kernel *k)
{
    remove_tree(ctl_kernel_path(k, "proc/" USER));
}

void ctl_kernel_default_route(const struct ctl_kernel *k, const char *ifname)
{
    char text[300];

    snprintf(text, sizeof(text),
             "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
             "%s\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
             "eth1\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n",
             ifname);
    fake_write(ctl_kernel_path(k, "proc/net/route"), text);
}

/* ---- stdout ---------------------------------------------------------------------------------- */

static int saved_stdout = -1;
static FILE *caught;

void ctl_kernel_catch_stdout(void)
{
    fflush(stdout);
    saved_stdout = dup(1);
    caught = tmpfile();
    assert_non_null(caught);
    assert_int_equal(dup2(fileno(caught), 1), 1);
}

const char *ctl_kernel_stdout(void)
{
    static char text[8192];
    size_t len;

    fflush(stdout);
    assert_int_equal(dup2(saved_stdout, 1), 1);
    close(saved_stdout);
    rewind(caught);
    len = fread(text, 1, sizeof(text) - 1, caught);
    text[len] = '\0';
    fclose(caught);
    return text;
}

/* ---- commands -------------------------------------------------------------------------------- */

int ctl_kernel_bind(struct ctl_kernel *k, const struct ctl_bind_options *options)
{
    int status;

    ctl_kernel_catch_stdout();
    stderr_catch(&k->catcher);
    status = ctl_bind(&k->ctl, options);
    (void)stderr_caught(&k->catcher);
    (void)ctl_kernel_stdout();
    return status;
}

int ctl_kernel_unbind(struct ctl_kernel *k, bool once)
{
    int status;

    k->log[0] = '\0';
    ctl_kernel_catch_stdout();
    stderr_catch(&k->catcher);
    status = ctl_unbind(&k->ctl, once, false);
    (void)stderr_caught(&k->catcher);
    (void)ctl_kernel_stdout();
    return status;
}

void ctl_kernel_expect_as_before(const struct ctl_kernel *k)
{
    assert_string_equal(ctl_kernel_driver(k, FAKE_NIC_A), "hv_netvsc");
    assert_true(ctl_exists(fake_path(&k->fs, "devices/" FAKE_NIC_A "/net/eth1")));
    assert_false(ctl_exists(ctl_kernel_path(k, KERNEL_SAVED)));
    assert_false(ctl_exists(ctl_kernel_path(k, KERNEL_KEPT)));
    assert_false(k->id);
}
