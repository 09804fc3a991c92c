/* SPDX-License-Identifier: BSD-3-Clause */
#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    uint32_t random;
    unsigned first, last;
    void (*one)(unsigned number);
    char text[64]; /* which number is under way; empty: none */
} chance;

void chance_begin(unsigned number)
{
    chance.random = number * 2654435761u;
}

uint32_t below(uint32_t limit)
{
    chance.random = chance.random * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)chance.random * limit >> 32);
}

uint32_t between(uint32_t least, uint32_t most)
{
    return least + below(most - least + 1);
}

bool happens(unsigned of_thousand)
{
    return below(1000) < of_thousand;
}

uint32_t chance_one_of(const uint32_t *some, size_t count)
{
    return some[below((uint32_t)count)];
}

static void tell(void)
{
    (void)!write(STDERR_FILENO, chance.text, strlen(chance.text));
}

static void every_number(void **state)
{
    (void)state;
    for (unsigned number = chance.first; number <= chance.last; number++) {
        snprintf(chance.text, sizeof(chance.text), "at number %u\n", number);
        chance_begin(number);
        chance.one(number);
    }
    chance.text[0] = '\0';
}

/* A sanitizer ends the process in its own way. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

int chance_run(int argc, char **argv, unsigned count, const char *name, void (*one)(unsigned))
{
    const struct CMUnitTest tests[] = {{name, every_number, NULL, NULL, NULL}};
    const unsigned asked = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

    chance.first = asked ? asked : 1;
    chance.last = asked ? asked : count;
    if (argc > 2)
        chance.last = (unsigned)strtoul(argv[2], NULL, 10);
    chance.one = one;
    atexit(tell);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(tell);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
