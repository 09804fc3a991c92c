/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of app_main(): options, bus, emulated host, statistics. Private to apps/. */
#ifndef APP_VAR_H
#define APP_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "app.h"
#include "port_log.h"
#include "port_loop.h"
#include "port_net.h"
#include "vmbus.h"

/* ---- options ------------------------------------------------------------------------------- */

/* --emulate tap=NAME[,mac=M][,mtu=N][,queues=N][,strict][,impair=...] */
struct hvhost_impair;
struct app_emulate_options {
    char tap[16]; /* empty: a switch without uplink */
    uint8_t mac[6];
    uint32_t mtu_bytes; /* 0 = the host's default */
    uint32_t queues;    /* 0 = as many as --queues asks for */
    bool strict;
    const struct hvhost_impair *impair; /* NULL = a perfect switch */
};

#define APP_CARDS_MAX 2u

struct app_options {
    const char *bus;                /* NULL = the real one */
    const char *nic[APP_CARDS_MAX]; /* NULL = the only one */
    struct app_emulate_options emulate[APP_CARDS_MAX];
    unsigned nics, emulated; /* how many of each were given */
    const char *pcap;
    const char *control; /* socket to answer netvscctl on; NULL = where it looks, "none" = none */
    struct port_net_config net;
    bool stats;
    bool promiscuous, has_mac;
    uint8_t mac[6];
    bool pinned;
    uint32_t cpu, latency_us;
    enum port_log_level log;
    enum netvsc_switch offload;
    bool no_rsc, no_gro;
    uint32_t rx_copybreak_bytes, rx_hold_percent; /* 0 = the card's defaults */
    uint32_t tx_copy_bytes;                       /* 0 = the driver's choice, NETVSC_TX_COPY_ALL */
    uint32_t queues, workers;
    uint32_t mtu_bytes, spin_us, tcp_window_bytes, tcp_sndbuf_bytes;
    uint32_t connections; /* 0 = the program's default */
};

#define APP_GO_ON (-1)

/* APP_GO_ON, or the exit status: 0 after --help and --version, 2 after saying what is wrong. */
int app_options_parse(const struct app_spec *spec, int argc, char **argv, struct app_options *out);

/*
 * How every program begins: options, log, signals, lwIP's sizes, CPU. APP_GO_ON, or the exit
 * status.
 */
int app_begin(const struct app_spec *spec, int argc, char **argv, struct app_options *options);
/* To the CPU of --cpu, or (more) behind it; 0, or exit status. */
int app_pin(const struct app_options *options, unsigned more);
/* The loop, and (on_signal) for SIGINT and SIGTERM; 0, or exit status. */
int app_loop_open(struct port_loop *loop, const struct port_loop_config *config,
                  void (*on_signal)(int signal));

/* "tap=NAME,..." 0, or EINVAL after saying what is wrong. Changes (text). */
error_t app_emulate_parse(char *text, struct app_emulate_options *out);

/* "00:15:5d:01:02:03", a unicast address. */
bool app_mac_parse(const char *text, uint8_t mac[6]);

/* The list of options on stdout. Needs app_help_filter in the struct argp, which shortens it to a
 * screen. */
void app_help(struct argp_state *state);
char *app_help_filter(int key, const char *text, void *input);

/* What app_fail() and --help call the program. */
void app_set_name(const char *name);
const char *app_name(void);

/* ---- a card on a bus ------------------------------------------------------------------------ */

#define APP_NICS_MAX 64u

struct app_bus {
    struct vmbus_bus bus;
    struct vmbus_info info;
};

/*
 * The cards of the bus in (dir), at most APP_NICS_MAX of them. 0, or exit status after saying why;
 * a bus without cards is no failure.
 */
int app_bus_scan(const char *dir, struct vmbus_bus *bus, struct vmbus_info nics[APP_NICS_MAX],
                 int *count);

/* Find the card (nic) [the only one] on the bus in (dir). 0, or exit status after saying why. */
int app_bus_choose(struct app_bus *bus, const char *dir, const char *nic);

/* Open it; 0, or exit status after saying why. */
int app_bus_open_first(struct app_bus *bus, struct vmbus_device **out);

/* Open it again, wherever it is now; (ctx) is the struct app_bus. Quiet: 0 or -errno. */
int app_bus_open(void *ctx, struct vmbus_device **out);

/* MAC address of the card's kernel interface as text; false while the kernel has none. */
bool app_bus_mac(const struct vmbus_bus *bus, const struct vmbus_info *info, char *out,
                 size_t out_bytes);

/* ---- a host in this process ------------------------------------------------------------------ */

struct hvhost;
struct hvhost_nic;

struct app_emulate {
    struct hvhost *host;
    struct hvhost_nic *nic;
};

/*
 * One card, one switch, one TAP. 0, or exit status after saying why; then nothing is left behind.
 */
int app_emulate_start(struct app_emulate *emulate, const struct app_emulate_options *options);
/* No host is allowed. */
void app_emulate_stop(struct app_emulate *emulate);

/* (second) becomes another card on the switch of (first), which owns the host. 0 or exit status. */
int app_emulate_join(struct app_emulate *second, const struct app_emulate *first);
/* The same on a network of its own, with its own TAP. */
int app_emulate_beside(struct app_emulate *second, const struct app_emulate *first,
                       const struct app_emulate_options *options);

/* Open the card; (ctx) is the struct app_emulate. 0 or -errno. */
int app_emulate_open(void *ctx, struct vmbus_device **out);

/* How the loop drives (host), a struct hvhost. */
struct port_loop_peer app_emulate_peer(struct hvhost *host);

/* ---- the program's card ---------------------------------------------------------------------- */

#define APP_ATTACH_TIMEOUT_NS 60000000000ull /* every step has a shorter one of its own */
#define APP_DETACH_TIMEOUT_NS 20000000000ull

struct app_card {
    struct app_bus bus;
    struct app_emulate emulate; /* without host: on a bus */
    struct port_attach attach;
};

/*
 * Get the device of (card) as (options) say, and keep how to get it again. (first) is NULL, or the
 * other card of a program with two, whose host becomes this one's, too. 0, or exit status after
 * saying why; a host that was started is the caller's to stop.
 */
int app_card_open(struct app_card *card, const struct app_card *first,
                  const struct app_options *options, struct vmbus_device **out);

/* What the options say about a card, with --pcap's captures. */
struct netvsc_config app_card_config(const struct app_options *options);

/* Attach (nic) to (dev), which is taken over, and keep it attached. 0 or -errno. */
int app_card_begin(struct app_card *card, struct netvsc *nic, const struct app_options *options,
                   struct vmbus_device *dev);

/* Once it attaches no more: log (name)'s properties; 0, or exit status after saying why not. */
int app_card_check(const char *name, const struct netvsc *nic);

/* For logs. */
const char *app_card_name(const struct app_card *card);

/* ---- captures -------------------------------------------------------------------------------- */

/* To (path), unless it is NULL. 0, or exit status after saying why. One at a time. */
int app_capture_open(const char *path, const char *card);
/* Have (config)'s card show its frames, if there is a capture. */
void app_capture_frames(struct netvsc_config *config);
/* Is there one? */
bool app_captures(void);
/* Let readers see what was written so far. */
void app_capture_flush(void);
/* Log how much it is. */
void app_capture_say(void);
void app_capture_close(void);
/* After a fork: what is not yet written is the parent's. */
void app_capture_forget(void);

/* ---- numbers --------------------------------------------------------------------------------- */

struct app_rates {
    struct netvsc_stats before;
    uint64_t before_ns;
};

/* Frames, bits, doorbells, interrupts and drops per second since the call before, as one line. */
void app_rates_print(struct app_rates *rates, const struct netvsc_netif *nif, uint64_t now_ns,
                     FILE *out);

/* What all processes of the program counted. */
struct app_totals {
    struct netvsc_stats card;
    struct netvsc_netif_stats interface;
    uint64_t outstanding; /* frames */
    uint64_t rx_lost;     /* frames that went with a worker */
};
void app_totals(const struct netvsc_netif *nif, struct app_totals *out);
/* There are other processes: (totals) are everybody's, (print) shows what they count besides. */
void app_stats_shared(void (*totals)(struct app_totals *out), void (*print)(FILE *out));

/* Every counter that is not zero, of card, netif, lwIP and, if not NULL, the emulated host. */
void app_stats_print(const struct netvsc_netif *nif, const struct app_emulate *emulate, FILE *out);

/* The parts of it, for programs with other things to count. */
struct app_counter {
    const char *name, *help;
    uint64_t value;
};
void app_counters_print(FILE *out, const char *title, const struct app_counter *counters,
                        size_t count);
void app_card_print(const struct netvsc *nic, const char *title, FILE *out);
void app_interface_print(const struct netvsc_netif *nif, const char *title, FILE *out);
void app_host_card_print(const struct app_emulate *emulate, const char *title, FILE *out);
void app_host_switch_print(const struct hvhost *host, FILE *out);
void app_lwip_print(FILE *out);
void app_books_print(const char *wrong, FILE *out);
const char *app_host_books(const struct hvhost *host);

/*
 * Do the books balance? NULL, or a sentence with the numbers, good until the next call. (host) may
 * be NULL.
 */
const char *app_books(const struct netvsc_netif *nif, const struct hvhost *host);

#endif
