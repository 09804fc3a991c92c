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

/* The reason in {"error": "reason"}, cut off in place. */
static const char *reason(char *answer)
{
    static const char before[] = "{\"error\": \"";
    char *end = strrchr(answer, '"');

    if (strncmp(answer, before, sizeof(before) - 1) != 0 || end < answer + sizeof(before) - 1)
        return NULL;
    *end = '\0';
    return answer + sizeof(before) - 1;
}

/* Exit status. */
static int ask(const char *what, const char *whom, const char *request)
{
    const size_t bytes = strlen(request);
    char *answer = NULL;
    const char *wrong;
    int fd = -1, status = find(whom, &fd);

    if (status)
        return status;
    if (send(fd, request, bytes, MSG_NOSIGNAL) == (ssize_t)bytes)
        answer = receive(fd);
    else
        app_fail(1, "request", strerror(errno), "Try again");
    close(fd);
    if (!answer)
        return 1;
    wrong = reason(answer);
    if (wrong)
        status = app_fail(1, what, wrong, "See netvscctl --help");
    else
        fputs(answer, stdout);
    free(answer);
    return status;
}

int ctl_ask(const char *command, const char *whom, bool json)
{
    char request[APP_CONTROL_REQUEST_BYTES];

    snprintf(request, sizeof(request), "{\"command\": \"%s\", \"format\": \"%s\"}\n", command,
             json ? "json" : "text");
    return ask(command, whom, request);
}

int ctl_set(const char *change, const char *whom, bool json)
{
    const char *value = change ? strchr(change, '=') : NULL;
    char request[APP_CONTROL_REQUEST_BYTES];
    int bytes;

    if (!value)
        return app_fail(2, "set", "of what, to what", "Give NAME=VALUE");
    bytes = snprintf(request, sizeof(request),
                     "{\"command\": \"set\", \"name\": \"%.*s\", \"value\": \"%s\", "
                     "\"format\": \"%s\"}\n",
                     (int)(value - change), change, value + 1, json ? "json" : "text");
    if ((size_t)bytes >= sizeof(request))
        return app_fail(2, "set", "the value is too long", "See netvscctl --help");
    return ask(change, whom, request);
}
