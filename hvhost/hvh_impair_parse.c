/* SPDX-License-Identifier: BSD-3-Clause */
/* Impairments as people write them. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hvhost_impair.h"

/* What may stand behind a number, and what it is worth. */
struct unit {
    const char *name;
    double factor;
};

static const struct unit shares[] = {{"%", 1e4}, {NULL, 0}};
static const struct unit times[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {NULL, 0}};
static const struct unit rates[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

struct key {
    const char *name;
    const struct unit *units;
    double max;
    size_t offset; /* of its field, whose size is (bytes) */
    size_t bytes;
    const char *wrong;
};

#define FIELD(f) offsetof(struct hvhost_impair, f), sizeof(((struct hvhost_impair *)0)->f)
#define WRONG_SHARE "loss, duplicate, corrupt and reorder are shares from 0% to 100%"

static const struct key keys[] = {
    {"loss", shares, 1e6, FIELD(loss_ppm), WRONG_SHARE},
    {"duplicate", shares, 1e6, FIELD(duplicate_ppm), WRONG_SHARE},
    {"corrupt", shares, 1e6, FIELD(corrupt_ppm), WRONG_SHARE},
    {"reorder", shares, 1e6, FIELD(reorder_ppm), WRONG_SHARE},
    {"delay", times, HVHOST_IMPAIR_DELAY_US_MAX, FIELD(delay_us), "delay is up to 10s, as 5ms"},
    {"rate", rates, (double)HVHOST_IMPAIR_RATE_MAX, FIELD(rate_bps),
     "rate is bits per second up to 1000G, as 10M"},
    {"seed", plain, UINT32_MAX, FIELD(seed), "seed is a number up to 4294967295"},
};

/* Digits, perhaps a point and more digits: what strtod() takes besides is no number to us. */
static int number_parse(const char *text, const struct key *key, double *out)
{
    const size_t digits = strspn(text, "0123456789.");
    char *end;
    double value = strtod(text, &end);

    if (digits == 0 || end != text + digits)
        return -1;
    for (const struct unit *unit = key->units; unit->name; unit++) {
        if (strcmp(end, unit->name) != 0)
            continue;
        *out = value * unit->factor;
        return *out <= key->max ? 0 : -1;
    }
    return -1;
}

static const char *part_parse(const char *name, const char *value, struct hvhost_impair *out)
{
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        const struct key *key = &keys[k];
        char *field = (char *)out + key->offset;
        double number;

        if (strcmp(name, key->name) != 0)
            continue;
        if (!value || number_parse(value, key, &number) != 0)
            return key->wrong;
        if (key->bytes == sizeof(uint64_t))
            *(uint64_t *)(void *)field = (uint64_t)(number + 0.5);
        else
            *(uint32_t *)(void *)field = (uint32_t)(number + 0.5);
        return NULL;
    }
    return "there are loss, duplicate, corrupt, reorder, delay, rate and seed";
}

const char *hvhost_impair_parse(char *text, struct hvhost_impair *out)
{
    const char *wrong = *text ? NULL : "it says nothing";
    char *part;

    while (!wrong && (part = strsep(&text, ",+"))) {
        char *value = strchr(part, '=');

        if (value)
            *value++ = '\0';
        wrong = part_parse(part, value, out);
    }
    return wrong;
}
