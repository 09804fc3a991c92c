/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the programs hvhost and hvhost-kvm: the options they share. */
#ifndef HVHOST_OPTS_VAR_H
#define HVHOST_OPTS_VAR_H

#include <argp.h>

#include "hvhost_main_var.h"

/* What the child parser works on. --nic is parsed last, over the defaults the others set. */
struct main_cards {
    struct main_options *out; /* nic, tap and json are written */
    char *nic_text[MAIN_NICS_MAX];
    struct hvhost_nic_config defaults;
};

/* --nic, --tap, --nvs-version, --monitor, --punish, --json: input is a struct main_cards. */
extern const struct argp main_cards_argp;

/* After all options have been seen: parse what --nic said. */
void main_cards_parse(struct main_cards *cards);

/* Say what is wrong with an option's value and exit with status 2. */
void main_usage(const char *option, const char *value, const char *why);
/* Its value as a number up to (max), or main_usage(). */
uint64_t main_number(const char *option, const char *text, uint64_t max);

#endif
