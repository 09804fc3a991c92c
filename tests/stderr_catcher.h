/* SPDX-License-Identifier: BSD-3-Clause */
/* What was written to stderr in between, for tests of messages. */
#ifndef STDERR_CATCHER_H
#define STDERR_CATCHER_H

#include <stdbool.h>

struct stderr_catcher {
    bool active;
    int saved_fd, file_fd;
    char text[4096];
};

void stderr_catch(struct stderr_catcher *catcher);

/* Puts stderr back and returns what came, terminated; longer text is cut. */
const char *stderr_caught(struct stderr_catcher *catcher);

/* For teardown: if a check failed in between, put stderr back, or nobody will read why. */
void stderr_release(struct stderr_catcher *catcher);

#endif
