/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A card changes hands by a few writes to sysfs, in this order:
 *
 *     modprobe uio_hv_generic                        unless it is there
 *     uio_hv_generic -> devices/GUID/driver_override
 *       or, on a kernel without that attribute:
 *     class GUID     -> drivers/uio_hv_generic/new_id
 *     GUID           -> drivers/hv_netvsc/unbind     unless no driver has it
 *     GUID           -> drivers/uio_hv_generic/bind
 *
 * Whether driver_override exists is looked at, never derived from a version. The steps are planned
 * first, so that --dry-run shows exactly what would be done. Before the first one, the network
 * configuration is in the state file and the dead man's switch is armed; so whatever happens from
 * then on, somebody has what it takes to undo it.
 *
 * Undoing is not the same steps backwards: while driver_override names uio_hv_generic, hv_netvsc
 * refuses the card. ctl_give_back() looks where things stand and mends what is not as it was.
 *
 * A binding for good is a file of driverctl's, whose udev rule applies it at boot. With --rollback
 * the file is written when the bind is confirmed: a machine that crashes before comes up with the
 * card in the kernel.
 */
#include "ctl_var.h"

#include <errno.h>
#include <string.h>

#define STEPS_MAX 4u

struct step {
    char path[CTL_PATH_BYTES];
    char text[64];
};

struct plan {
    struct step steps[STEPS_MAX];
    unsigned count;
};

/* Write (text); the path is for the caller to fill. */
static char *add_step(struct plan *plan, const char *text)
{
    struct step *step = &plan->steps[plan->count++];

    snprintf(step->text, sizeof(step->text), "%s", text);
    return step->path;
}

static bool has_override(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];

    return ctl_exists(ctl_bus_path(ctl, path, "/devices/%s/driver_override", ctl->nic.instance));
}

static bool has_module(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];

    return ctl_exists(ctl_bus_path(ctl, path, "/drivers/" CTL_DRIVER));
}

static void make_plan(const struct ctl *ctl, struct plan *plan)
{
    const char *guid = ctl->nic.instance;

    plan->count = 0;
    if (has_override(ctl))
        ctl_bus_path(ctl, add_step(plan, CTL_DRIVER), "/devices/%s/driver_override", guid);
    else
        ctl_bus_path(ctl, add_step(plan, VMBUS_CLASS_NIC), "/drivers/" CTL_DRIVER "/new_id");
    if (ctl->nic.driver[0])
        ctl_bus_path(ctl, add_step(plan, guid), "/drivers/%s/unbind", ctl->nic.driver);
    ctl_bus_path(ctl, add_step(plan, guid), "/drivers/" CTL_DRIVER "/bind");
}

static void show_plan(const struct ctl *ctl, const struct plan *plan,
                      const struct ctl_bind_options *options)
{
    if (!has_module(ctl))
        printf("modprobe " CTL_DRIVER "\n");
    printf("save %s%s%s/%s.json\n", ctl->nic.ifname, ctl->nic.ifname[0] ? " to " : "",
           ctl->state_dir, ctl->nic.instance);
    if (options->rollback_s)
        printf("undo all in %u s unless confirmed\n", options->rollback_s);
    for (unsigned i = 0; i < plan->count; i++)
        printf("write %s to %s\n", plan->steps[i].text, plan->steps[i].path);
    if (!options->once && has_override(ctl))
        printf("write " CTL_DRIVER " to %s/etc/driverctl.d/vmbus-%s%s\n", ctl->root,
               ctl->nic.instance, options->rollback_s ? " when confirmed" : "");
}

static int load_module(struct ctl *ctl)
{
    int rc;

    if (has_module(ctl))
        return 0;
    rc = ctl->ops->modprobe(ctl->ctx, CTL_DRIVER);
    for (int i = 0; rc == 0 && !has_module(ctl) && i < 20; i++)
        ctl->ops->pause(ctl->ctx, 100);
    if (rc == -ENOEXEC)
        return app_fail(1, "modprobe " CTL_DRIVER, "there is no modprobe here", "Install kmod");
    if (rc || !has_module(ctl))
        return app_fail(1, "modprobe " CTL_DRIVER,
                        "this kernel has no such module, or you are not root",
                        "Run as root; else install the kernel's extra modules (Ubuntu: "
                        "linux-modules-extra-$(uname -r)), see netvscctl doctor");
    return 0;
}

/* Fill (saved) with the state to come back to. Exit status. */
static int save(const struct ctl *ctl, const struct ctl_bind_options *options,
                struct ctl_saved *saved)
{
    char path[CTL_PATH_BYTES];
    int rc;

    /* A card without a driver may be one that an earlier, interrupted bind took. */
    if (ctl->nic.driver[0] || ctl_saved_read(ctl->state_dir, ctl->nic.instance, saved) != 0) {
        memset(saved, 0, sizeof(*saved));
        memcpy(saved->guid, ctl->nic.instance, sizeof(saved->guid));
        memcpy(saved->driver, ctl->nic.driver, sizeof(saved->driver));
        memcpy(saved->net.ifname, ctl->nic.ifname, sizeof(saved->net.ifname));
        (void)ctl_read(ctl_bus_path(ctl, path, "/devices/%s/driver_override", saved->guid),
                       saved->driver_override, sizeof(saved->driver_override));
        if (strcmp(saved->driver_override, "(null)") == 0)
            saved->driver_override[0] = '\0';
    }
    saved->persist = !options->once && has_override(ctl);
    if (!ctl->nic.ifname[0])
        return 0;
    rc = ctl->ops->net_save(ctl->ctx, &saved->net);
    if (rc)
        return app_fail(1, ctl->nic.ifname, strerror(-rc),
                        "Its addresses and routes could not be read, so it stays with the kernel");
    return 0;
}

static int fail_state(const struct ctl *ctl, int rc)
{
    return app_fail(1, ctl->state_dir, strerror(-rc),
                    rc == -EBUSY ? "Wait for the other netvscctl" : "Run as root, or give --state");
}

/* The writes. Exit status. */
static int carry_out(struct ctl *ctl, const struct plan *plan, struct ctl_saved *saved)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];
        const bool is_id = strcmp(step->text, VMBUS_CLASS_NIC) == 0;
        const int rc = ctl->ops->write(ctl->ctx, step->path, step->text);

        if (is_id && rc == 0)
            saved->id_added = true;
        /* Somebody had added the class before; it stays when we go. */
        if (rc == 0 || (is_id && rc == -EEXIST))
            continue;
        return ctl_put_failed(step->path, rc);
    }
    return 0;
}

/* Exit status. */
static int verify(struct ctl *ctl)
{
    char what[64];
    const int rc = ctl_wait_driver(ctl, CTL_DRIVER);

    if (rc == 0)
        return 0;
    snprintf(what, sizeof(what), "card %s", ctl->nic.instance);
    return app_fail(1, what,
                    rc == -ENODEV ? "it has left the bus"
                    : strcmp(ctl->nic.driver, CTL_DRIVER) == 0
                        ? "bound to " CTL_DRIVER ", but no uio device came"
                        : "the kernel took the bind, but the driver has not the card",
                    "See dmesg, and netvscctl doctor");
}

/* Before the first write: what undoes it all. Exit status. */
static int prepare(struct ctl *ctl, unsigned rollback_s, const struct ctl_saved *saved)
{
    int rc = ctl_saved_write(ctl->state_dir, saved);

    if (rc == 0 && rollback_s)
        rc = ctl_rollback_arm(ctl, rollback_s);
    if (rc == 0)
        return 0;
    ctl_saved_remove(ctl->state_dir, saved->guid);
    return fail_state(ctl, rc);
}

static int make_permanent(const struct ctl *ctl)
{
    const int rc = ctl_persist(ctl);

    if (rc == 0)
        return 0;
    return app_fail(1, "/etc/driverctl.d", strerror(-rc), "Run as root, or bind with --once");
}

static int undo(struct ctl *ctl, const struct ctl_saved *saved, bool armed)
{
    /* The switch has fallen already: it does what we would. */
    if (armed && ctl_rollback_disarm(ctl) != 0)
        return app_fail(1, "rollback", "the time is over, the card goes back",
                        "See netvscctl list");
    if (ctl_give_back(ctl, saved) == 0) {
        ctl_saved_remove(ctl->state_dir, saved->guid);
        fprintf(stderr, "%s: all is as before.\n", app_name());
    }
    return 1;
}

static void say_done(const struct ctl *ctl, const struct ctl_bind_options *options,
                     const struct ctl_saved *saved)
{
    char path[CTL_PATH_BYTES];

    printf("%s: " CTL_DRIVER ", uio%d\n", ctl->nic.instance, ctl->nic.uio);
    if (saved->net.left_out)
        printf("%u routes or addresses of %s could not be saved\n", saved->net.left_out,
               saved->net.ifname);
    if (options->rollback_s)
        printf("goes back in %u s unless: netvscctl confirm %s\n", options->rollback_s,
               ctl->nic.instance);
    if (options->once)
        printf("until the next boot\n");
    else if (!saved->persist)
        printf("until the next boot: this kernel has no driver_override\n");
    else if (!ctl_exists(ctl_path(ctl, path, "/lib/udev/rules.d/05-driverctl.rules")) &&
             !ctl_exists(ctl_path(ctl, path, "/usr/lib/udev/rules.d/05-driverctl.rules")))
        printf("until the next boot: for good needs the package driverctl\n");
    printf("try: netvsc-echo $(netvscctl options %s)\n", ctl->nic.instance);
}

/* With everything saved and nothing changed yet. Exit status. */
static int bind_now(struct ctl *ctl, const struct ctl_bind_options *options,
                    struct ctl_saved *saved)
{
    const bool armed = options->rollback_s != 0;
    struct plan plan;
    int status;

    make_plan(ctl, &plan);
    status = prepare(ctl, options->rollback_s, saved);
    if (status)
        return status;
    status = carry_out(ctl, &plan, saved);
    if (status == 0)
        status = verify(ctl);
    /* What only now is known, unbind must know too. */
    if (status == 0 && saved->id_added && ctl_saved_write(ctl->state_dir, saved) != 0)
        status = fail_state(ctl, -EIO);
    if (status == 0 && saved->persist && !armed)
        status = make_permanent(ctl);
    if (status)
        return undo(ctl, saved, armed);
    say_done(ctl, options, saved);
    return 0;
}

static int bind_again(const struct ctl *ctl, const struct ctl_bind_options *options)
{
    int status = 0;

    if (ctl_rollback_armed(ctl))
        return app_fail(1, ctl->nic.instance, "it is bound, and waits to be confirmed",
                        "Run netvscctl confirm, or unbind");
    if (!options->once && !options->dry_run && has_override(ctl))
        status = make_permanent(ctl);
    if (status == 0)
        printf("%s: " CTL_DRIVER ", uio%d, already\n", ctl->nic.instance, ctl->nic.uio);
    return status;
}

int ctl_bind(struct ctl *ctl, const struct ctl_bind_options *options)
{
    struct ctl_saved saved;
    struct plan plan;
    int status;

    if (strcmp(ctl->nic.driver, CTL_DRIVER) == 0 && ctl->nic.uio >= 0)
        return bind_again(ctl, options);
    status = save(ctl, options, &saved);
    if (status == 0 && !options->force)
        status = ctl_guard(ctl, &saved);
    if (status)
        return status;
    if (options->dry_run) {
        make_plan(ctl, &plan);
        show_plan(ctl, &plan, options);
        return 0;
    }
    status = load_module(ctl);
    return status ? status : bind_now(ctl, options, &saved);
}
