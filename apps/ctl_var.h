/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of netvscctl: moving a card between the kernel and user space, and what is remembered
 * meanwhile. Private to apps/. Everything below returns 0 or -errno unless it says "exit status",
 * which is 0, 1 (failed) or 2 (usage), after the reason has been said with app_fail().
 */
#ifndef CTL_VAR_H
#define CTL_VAR_H

#include <sys/types.h>

#include "app_var.h"

#define CTL_PATH_BYTES 640u

/* ---- the network configuration of an interface ----------------------------------------------- */

#define CTL_ADDRESSES_MAX 32u
#define CTL_ROUTES_MAX 256u
#define CTL_LINE_BYTES 192u

/* Addresses and routes are lines as `ip addr add` and `ip route add` take them, without "dev". */
struct ctl_net {
    char ifname[16]; /* empty: the kernel had no interface, nothing to restore */
    char mac[18];
    uint32_t mtu_bytes;
    bool up;
    uint64_t saved_s; /* seconds since boot: lifetimes of addresses count from here */
    unsigned address_count, route_count;
    unsigned left_out; /* routes and addresses of kinds that the lines cannot express */
    char addresses[CTL_ADDRESSES_MAX][CTL_LINE_BYTES];
    char routes[CTL_ROUTES_MAX][CTL_LINE_BYTES];
};

/* Of the interface (net->ifname), through rtnetlink. -E2BIG more than there is room for. */
int ctl_net_save(struct ctl_net *net);

/*
 * Give (ifname) what (net) holds. What is there already stays. Goes on after a failure and returns
 * the first, with the line it was about in (line).
 */
int ctl_net_restore(const char *ifname, const struct ctl_net *net, uint64_t now_s,
                    char line[CTL_LINE_BYTES]);

/* ---- what bind remembers for unbind ---------------------------------------------------------- */

struct ctl_saved {
    char guid[40];
    char driver[32];          /* had the card before; empty: none */
    char driver_override[64]; /* was set before; empty: none */
    bool id_added;            /* we wrote the class into new_id */
    bool persist;             /* to be made permanent when the bind is confirmed */
    struct ctl_net net;
};

/* STATE/GUID.json, replaced in one step. Makes the folder. */
int ctl_saved_write(const char *state_dir, const struct ctl_saved *saved);
/* -ENOENT nothing remembered, -EPROTO not written by us. */
int ctl_saved_read(const char *state_dir, const char *guid, struct ctl_saved *saved);
void ctl_saved_remove(const char *state_dir, const char *guid);

/* A JSON object of strings, numbers, true, false and arrays of these: each value as text. -EPROTO.
 * (each) returns 0 or -errno, which ends it. Changes (text). */
int ctl_json_read(char *text, int (*each)(void *ctx, const char *key, const char *value),
                  void *ctx);
/* (text) in quotes, with what JSON wants escaped. */
void ctl_json_text(FILE *out, const char *text);

/* ---- the machine ----------------------------------------------------------------------------- */

/* What changes something, or takes time. Tests put a kernel of their own behind it. */
struct ctl_ops {
    int (*write)(void *ctx, const char *path, const char *text);
    int (*modprobe)(void *ctx, const char *module);
    int (*net_save)(void *ctx, struct ctl_net *net);
    int (*net_restore)(void *ctx, const char *ifname, const struct ctl_net *net,
                       char line[CTL_LINE_BYTES]);
    void (*end)(void *ctx, pid_t pid, int signal);
    void (*pause)(void *ctx, unsigned ms);
};

struct ctl {
    char root[200];      /* before /proc, /etc, /sys and /run; empty: this machine */
    char state_dir[256]; /* [ROOT/run/netvsc] */
    struct vmbus_bus bus;
    struct vmbus_info nic; /* as last seen */
    long page_bytes;       /* of the kernel's pages */
    const struct ctl_ops *ops;
    void *ctx;
};

/* (ops) of the machine we run on. */
extern const struct ctl_ops ctl_machine;

/* "ROOT" + format. Returns (out); a path that does not fit is empty, which no file has. */
const char *ctl_path(const struct ctl *ctl, char out[CTL_PATH_BYTES], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same below the bus. */
const char *ctl_bus_path(const struct ctl *ctl, char out[CTL_PATH_BYTES], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Start of the file at (path) without the newline at its end; empty and -errno. */
int ctl_read(const char *path, char *out, size_t out_bytes);
bool ctl_exists(const char *path);
/* Replace a file of ours in one step, with the folders above it. */
int ctl_write_file(const char *path, const char *text);

/* Fill the parts of (ctl) that are not chosen: (root), (bus), (state) may be NULL. Exit status. */
int ctl_open(struct ctl *ctl, const char *root, const char *bus, const char *state);
/* Find (nic) by GUID, interface or MAC address. Exit status. */
int ctl_choose(struct ctl *ctl, const char *nic);
/* Look at the card again. -ENODEV it has left the bus. */
int ctl_look(struct ctl *ctl);

/* One netvscctl at a time: an fd to close, or -errno; -EBUSY after a few seconds. */
int ctl_lock(const struct ctl *ctl);

/* ---- commands: exit status ------------------------------------------------------------------- */

struct ctl_bind_options {
    bool once, force, dry_run;
    unsigned rollback_s; /* 0: for good */
};

#define CTL_DRIVER "uio_hv_generic"

int ctl_bind(struct ctl *ctl, const struct ctl_bind_options *options);
int ctl_unbind(struct ctl *ctl, bool once, bool dry_run);
int ctl_confirm(struct ctl *ctl);
/* The options that give a program the card and its saved addresses, on one line. */
int ctl_options(struct ctl *ctl);
/* All cards when (nic) is NULL. */
int ctl_doctor(struct ctl *ctl, const char *nic, bool json);

/* ---- between them ---------------------------------------------------------------------------- */

/* May the kernel lose (saved->net.ifname)? Exit status. */
int ctl_guard(const struct ctl *ctl, const struct ctl_saved *saved);

/*
 * Make the kernel as (saved) says: override, driver, interface, addresses. From whatever state the
 * card is in; what is right already is not written. Exit status.
 */
int ctl_give_back(struct ctl *ctl, const struct ctl_saved *saved);

/* A program that has the card's uio device open or mapped. */
struct ctl_user {
    pid_t pid;
    char name[32];
};

/* ctl_users.c: one of them, as far as we may look. */
bool ctl_user(const struct ctl *ctl, struct ctl_user *out);
/* Say who has the card, if anybody has. Exit status. */
int ctl_used(const struct ctl *ctl);
/* End them all. -EBUSY after ten seconds. */
int ctl_users_end(struct ctl *ctl);

/* Wait, bounded, until the card has driver (driver), empty: none; and then what comes with it: a
 * uio device or an interface. -ETIMEDOUT, -ENODEV. */
int ctl_wait_driver(struct ctl *ctl, const char *driver);

/* Say that (path) in sysfs could not be written, and what to do about (rc). Returns 1. */
int ctl_put_failed(const char *path, int rc);

/* /etc/driverctl.d/vmbus-GUID, as driverctl keeps it. */
int ctl_persist(const struct ctl *ctl);

/* Undo the bind in (seconds) unless disarmed, whatever becomes of this process. */
int ctl_rollback_arm(struct ctl *ctl, unsigned seconds);
/* -ENOENT: none is armed, or it is running already. */
int ctl_rollback_disarm(const struct ctl *ctl);
bool ctl_rollback_armed(const struct ctl *ctl);

#endif
