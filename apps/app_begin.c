/* SPDX-License-Identifier: BSD-3-Clause */
/* The first steps of every program, before it has a card or lwIP. */
#define _GNU_SOURCE /* cpu_set_t */
#include "app_var.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "port_tcp.h"

int app_pin(const struct app_options *options, unsigned more)
{
    cpu_set_t cpus;

    if (!options->pinned)
        return 0;
    CPU_ZERO(&cpus);
    CPU_SET(options->cpu + more, &cpus);
    if (sched_setaffinity(0, sizeof(cpus), &cpus) == 0)
        return 0;
    return app_fail(1, "--cpu", strerror(errno), "Give a CPU this program may use, see nproc");
}

int app_begin(const struct app_spec *spec, int argc, char **argv, struct app_options *options)
{
    int status = app_options_parse(spec, argc, argv, options);

    if (status != APP_GO_ON)
        return status;
    port_log_setup(spec->name, options->log);
    signal(SIGPIPE, SIG_IGN); /* who reads a capture or a log may end before we do */
    /* Cannot fail: the options' bounds are the same. */
    port_tcp_sizes(options->tcp_window_bytes, options->tcp_sndbuf_bytes);
    port_tcp_connections(options->connections);
    status = app_pin(options, 0);
    return status ? status : APP_GO_ON;
}
