/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of the control socket: find the program, ask, print. */
#define _GNU_SOURCE /* open_memstream() */
#include "netvscctl_stats.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_control.h"
#include "app_var.h"

#define ANSWER_MS 3000 /* without a byte: the program hangs, or has just begun to leave */

static bool is_socket_name(const char *name)
{
    const size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".sock") == 0;
}

/* Connected to the only program that runs here; 0 or exit status. */
static int find_only(int *out)
{
    char folder[APP_CONTROL_PATH_BYTES - 24], path[APP_CONTROL_PATH_BYTES];
    DIR *dir = app_control_folder(folder, sizeof(folder)) == 0 ? opendir(folder) : NULL;
    const struct dirent *entry;
    unsigned found = 0;

    while (dir && (entry = readdir(dir))) {
        int fd;

        if (!is_socket_name(entry->d_name) ||
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= sizeof(path))
            continue;
        fd = app_control_connect(path);
        if (fd < 0)
            continue;
        if (found++)
            close(fd);
        else
            *out = fd;
    }
    if (dir)
        closedir(dir);
    if (found == 1)
        return 0;
    if (found == 0)
        return app_fail(1, "no program", "none of yours runs on a card", "Start one, or give PATH");
    close(*out);
    return app_fail(2, "which program", "several run", "Give its process id");
}

static int find(const char *whom, int *out)
{
    char folder[APP_CONTROL_PATH_BYTES - 40], path[APP_CONTROL_PATH_BYTES];

    if (!whom)
        return find_only(out);
    if (whom[strspn(whom, "0123456789")] != '\0')
        snprintf(path, sizeof(path), "%s", whom);
    else if (app_control_folder(folder, sizeof(folder)) == 0)
        snprintf(path, sizeof(path), "%s/%.20s.sock", folder, whom);
    else
        return app_fail(1, whom, "there is no folder for sockets", "Set XDG_RUNTIME_DIR");
    *out = app_control_connect(path);
    if (*out >= 0)
        return 0;
    return app_fail(1, path, *out == -ECONNREFUSED ? "its program has gone" : strerror(-*out),
                    "Give the id of a program that runs, or what it has as --control");
}

/* All of the answer, which the caller frees; NULL after saying why not. */
static char *receive(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char *text = NULL, piece[4096];
    size_t bytes;
    ssize_t got;
    FILE *all = open_memstream(&text, &bytes);

    if (!all) {
        app_fail(1, "answer", strerror(errno), "Free some memory");
        return NULL;
    }
    do {
        got = poll(&ready, 1, ANSWER_MS) == 1 ? read(fd, piece, sizeof(piece)) : -1;
        if (got > 0)
            fwrite(piece, 1, (size_t)got, all);
    } while (got > 0);
    if (fclose(all) == 0 && got == 0 && bytes)
        return text;
    free(text);
    app_fail(1, "answer", "the program does not answer", "Look whether it hangs");
    return NULL;
}

int ctl_ask(const char *command, const char *whom, bool json)
{
    char request[APP_CONTROL_REQUEST_BYTES];
    char *answer = NULL;
    int status, fd = -1;
    int bytes;

    status = find(whom, &fd);
    if (status)
        return status;
    bytes = snprintf(request, sizeof(request), "{\"command\": \"%s\", \"format\": \"%s\"}\n",
                     command, json ? "json" : "text");
    if (send(fd, request, (size_t)bytes, MSG_NOSIGNAL) == bytes)
        answer = receive(fd);
    else
        app_fail(1, "request", strerror(errno), "Try again");
    close(fd);
    if (!answer)
        return 1;
    if (strncmp(answer, "{\"error\"", 8) == 0)
        status = app_fail(1, command, "the program does not know it", "Use its own netvscctl");
    else
        fputs(answer, stdout);
    free(answer);
    return status;
}
