/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the programs hvhost and hvhost-kvm: options, setting up, sleeping, printing. */
#ifndef HVHOST_MAIN_VAR_H
#define HVHOST_MAIN_VAR_H

#include <stdbool.h>
#include <stdint.h>

#include "hvhost.h"
#include "hvhost_impair.h"

#define MAIN_NICS_MAX 16u
#define MAIN_TAPS_MAX 4u
#define MAIN_SECOND_NS UINT64_C(1000000000)

struct main_tap {
    const char *name;
    uint32_t network;
};

struct main_options {
    const char *dir;
    struct hvhost_nic_config nic[MAIN_NICS_MAX];
    unsigned nic_count;
    struct main_tap tap[MAIN_TAPS_MAX];
    unsigned tap_count;
    bool impaired;
    struct hvhost_impair impair;
    uint64_t spin_ns; /* how long to look again after work before sleeping */
    bool stats;       /* a line per second even when stderr is no terminal */
    bool json;
    bool quiet; /* --log error */
};

/* Parse the command line. Exits with status 2, having said why, when it is wrong. */
void main_options_parse(int argc, char **argv, struct main_options *out);

/* Parse the value of --nic over (*config), which holds the defaults. NULL, or what is wrong. */
const char *main_nic_parse(char *text, struct hvhost_nic_config *config);

/* Parse the value of --tap, which it keeps and changes. NULL, or what is wrong. */
const char *main_tap_parse(char *text, struct main_tap *out);

/* A number up to (max), with k, M or G for powers of 1024. -EINVAL, -ERANGE. */
int main_number_parse(const char *text, uint64_t max, uint64_t *out);

/* Text form of an NVSP version: 1, 2, 4, 5, 6.0 or 6.1. -EINVAL. */
int main_nvs_parse(const char *text, uint32_t *out);

/* "hvhost: WHAT: WHY. REMEDY." on stderr; returns (status). */
int main_fail(int status, const char *what, const char *why, const char *remedy);

/* Make the options' cards and uplinks. 0, or exit status after saying why not. */
int main_cards_create(struct hvhost *host, const struct main_options *options);

/* From here on SIGINT and SIGTERM only set what main_stopped() says, and only in main_rest(). */
void main_catch_signals(void);
bool main_stopped(void);
/* Since some moment in the past. */
uint64_t main_clock_ns(void);
/* Sleep until something happens on (host) or to us, at most (ns); UINT64_MAX: however long. True:
 * the time is over and nothing happened. */
bool main_rest(struct hvhost *host, uint64_t ns);

struct hvhost_totals {
    uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes, doorbells, interrupts, drops, strict;
};
void main_totals(const struct hvhost *host, struct hvhost_totals *out);

/* One line per card that is ready for guests, then the line scripts wait for: "hvhost: ready". */
void main_print_ready(const struct hvhost *host, const struct main_options *options);
/* What happened between two readings, (ns) apart. */
void main_print_rate(const struct hvhost_totals *before, const struct hvhost_totals *now,
                     uint64_t ns);
/* The books at the end; returns the exit status: 0 when they balance, else 1. */
int main_print_books(const struct hvhost *host, bool json);
/* The books as they are now, as JSON, to the file (path), which appears complete. 0 or -errno. */
int main_save_books(const struct hvhost *host, const char *path);

#endif
