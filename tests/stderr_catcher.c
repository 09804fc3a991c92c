/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* memfd_create() */
#include "stderr_catcher.h"

#include "check.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

void stderr_catch(struct stderr_catcher *catcher)
{
    fflush(stderr);
    catcher->saved_fd = dup(STDERR_FILENO);
    catcher->file_fd = memfd_create("stderr", 0);
    assert_true(catcher->saved_fd >= 0 && catcher->file_fd >= 0);
    dup2(catcher->file_fd, STDERR_FILENO);
    catcher->active = true;
}

const char *stderr_caught(struct stderr_catcher *catcher)
{
    ssize_t got;

    fflush(stderr);
    dup2(catcher->saved_fd, STDERR_FILENO);
    got = pread(catcher->file_fd, catcher->text, sizeof(catcher->text) - 1, 0);
    catcher->text[got > 0 ? got : 0] = '\0';
    close(catcher->saved_fd);
    close(catcher->file_fd);
    catcher->active = false;
    return catcher->text;
}

void stderr_release(struct stderr_catcher *catcher)
{
    if (catcher->active)
        fputs(stderr_caught(catcher), stderr);
}
