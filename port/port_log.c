/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "port_clock.h"

static const char *name = "netvsc";
static enum port_log_level most = PORT_LOG_INFO;
static uint64_t asserts;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void port_log_setup(const char *program, enum port_log_level level)
{
    name = program;
    most = level;
}

bool port_log_parse(const char *text, enum port_log_level *out)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) != 0)
            continue;
        *out = (enum port_log_level)i;
        return true;
    }
    return false;
}

__attribute__((format(printf, 2, 0))) static void say(enum port_log_level level, const char *format,
                                                      va_list args)
{
    char text[512];

    if (level > most)
        return;
    vsnprintf(text, sizeof(text), format, args);
    /* One call, so that lines of several processes on one terminal stay whole. */
    if (level == PORT_LOG_INFO)
        fprintf(stderr, "%s: %s\n", name, text);
    else
        fprintf(stderr, "%s: %s: %s\n", name, level_names[level], text);
}

void port_log(enum port_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(level, format, args);
    va_end(args);
}

void port_log_debug(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(PORT_LOG_DEBUG, format, args);
    va_end(args);
}

bool port_log_allow(struct port_log_limit *limit, uint64_t now_ns, uint64_t *skipped)
{
    if (now_ns < limit->next_ns) {
        limit->skipped++;
        return false;
    }
    if (skipped)
        *skipped = limit->skipped;
    limit->skipped = 0;
    limit->next_ns = now_ns + PORT_NS_PER_S;
    return true;
}

void port_assert_failed(const char *text, const char *file, int line, int *said)
{
    asserts++;
    if (*said)
        return;
    *said = 1;
    port_log(PORT_LOG_ERROR, "lwIP: \"%s\" does not hold in %s:%d", text, file, line);
}

uint64_t port_asserts(void)
{
    return asserts;
}
