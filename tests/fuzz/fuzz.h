/* SPDX-License-Identifier: BSD-3-Clause */
/* What fuzz targets share: libFuzzer calls LLVMFuzzerTestOneInput(), and ours abort when wrong. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Also without NDEBUG: the fuzzer keeps the input that got here. */
#define fuzz_must(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#endif
