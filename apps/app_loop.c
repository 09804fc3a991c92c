/* SPDX-License-Identifier: BSD-3-Clause */
/* The poll loop of a program, and the signals that end it. */
#include "app_var.h"

#include <signal.h>
#include <string.h>

int app_loop_open(struct port_loop *loop, const struct port_loop_config *config,
                  void (*on_signal)(int signal))
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const int rc = port_loop_open(loop, config);

    if (rc)
        return app_fail(1, "poll loop", strerror(-rc), "Allow more open files: ulimit -n");
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return 0;
}
