/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka with what it needs before it. */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define countof(a) (sizeof(a) / sizeof((a)[0]))

#endif
