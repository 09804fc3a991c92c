/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What random tests share: chances that depend on a number alone, and running through the numbers.
 * `test_x` takes those from 1 on, `test_x 17` that one, `test_x 1 3000` more than a build has time
 * for. Who fails, by whatever check, leaves its number on stderr.
 */
#ifndef CHANCE_H
#define CHANCE_H

#include "check.h"

#include <stdbool.h>

/* Run (one), called (name), for each number asked for, or 1..(count). Returns main()'s status. */
int chance_run(int argc, char **argv, unsigned count, const char *name, void (*one)(unsigned));
#define chance_main(argc, argv, count, one) chance_run(argc, argv, count, #one, one)

/* Chances from here on depend on (number); chance_run() has done so. */
void chance_begin(unsigned number);
/* 0..limit - 1; limit is not 0. */
uint32_t below(uint32_t limit);
uint32_t between(uint32_t least, uint32_t most);
bool happens(unsigned of_thousand);
uint32_t chance_one_of(const uint32_t *some, size_t count);
#define pick(...)                                                                                  \
    chance_one_of((const uint32_t[]){__VA_ARGS__}, countof(((const uint32_t[]){__VA_ARGS__})))

#endif
