/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The common options in two halves: app_options.c has those of every program, about its cards and
 * itself; app_options_stack.c those of programs with one card and lwIP above it.
 */
#ifndef APP_OPTIONS_VAR_H
#define APP_OPTIONS_VAR_H

#include "app_var.h"

/* Keys of options: programs' own come first. */
enum { APP_KEYS_COMMON = 0x100, APP_KEYS_STACK = 0x200 };

struct app_parsing {
    const struct app_spec *spec;
    struct app_options *out;
    bool ip_given, gateway_given, arg_given;
    bool said;     /* what is wrong has been said */
    bool answered; /* --help or --version: nothing to run */
};

/* "--OPTION VALUE: not a valid value. REMEDY" and EINVAL. */
error_t app_bad_value(const char *option, const char *value, const char *remedy);
/* As app_number(). */
error_t app_number32(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out);

/* What one card and lwIP need: (key) with (arg) as from argp, then all together. */
extern const struct argp_option app_stack_options[];
error_t app_stack_option(struct app_parsing *p, int key, char *arg);
/* APP_GO_ON, or 2 after saying what is wrong. */
int app_stack_check(const struct app_parsing *p);

#endif
