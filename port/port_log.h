/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines for a person on stderr. Nothing is logged per packet; what a peer can trigger is limited.
 */
#ifndef PORT_LOG_H
#define PORT_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum port_log_level {
    PORT_LOG_ERROR,
    PORT_LOG_WARN,
    PORT_LOG_INFO,
    PORT_LOG_DEBUG,
};

/* What stands before each line [netvsc] and how much is said [PORT_LOG_INFO]. (name) is kept, not
 * copied. */
void port_log_setup(const char *name, enum port_log_level most);

/* "error", "warn", "info", "debug" → level; false for anything else. */
bool port_log_parse(const char *text, enum port_log_level *out);

/* One line, without the newline. */
void port_log(enum port_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same at PORT_LOG_DEBUG, in the shape lwIP's diagnostics want. */
void port_log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For lines a peer can cause: at most one a second. Zero-initialise one per place. */
struct port_log_limit {
    uint64_t next_ns;
    uint64_t skipped; /* since the line before */
};

/* May the line be said now? (skipped) receives how many were not since the last one; NULL is
 * allowed. */
bool port_log_allow(struct port_log_limit *limit, uint64_t now_ns, uint64_t *skipped);

/* LWIP_ASSERT failed: counted always, said the first time by (*said). Returns, see arch/cc.h. */
void port_assert_failed(const char *text, const char *file, int line, int *said);

/* How often that happened. */
uint64_t port_asserts(void);

#endif
