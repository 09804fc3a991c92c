/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket programs answer on lies in a folder of this user's and may be connected to by nobody
 * else. A program that was killed leaves its socket behind; the next one to start sweeps it up.
 */
#include "app_control.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The socket (path) goes if nobody listens on it any more. False: somebody does. */
static bool make_way(const char *path)
{
    const int fd = app_control_connect(path);
    struct stat st;

    if (fd >= 0)
        close(fd);
    /* What is no socket refuses connections, too. */
    else if (fd == -ECONNREFUSED && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    return fd < 0;
}

/* For who comes next: programs that were killed leave theirs behind. */
static void sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        const size_t len = strlen(entry->d_name);
        char path[APP_CONTROL_PATH_BYTES];

        if (len < 6 || strcmp(entry->d_name + len - 5, ".sock") != 0)
            continue;
        if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= sizeof(path))
            continue;
        make_way(path);
    }
    closedir(dir);
}

static int default_path(char *out, size_t out_bytes)
{
    char folder[APP_CONTROL_PATH_BYTES - 24]; /* and there is room for the file's name */
    const int rc = app_control_folder(folder, sizeof(folder));

    if (rc)
        return rc;
    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        return -errno;
    sweep(folder);
    snprintf(out, out_bytes, "%s/%ld.sock", folder, (long)getpid());
    return 0;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask;
    int rc;

    if (fd < 0)
        return -errno;
    strcpy(address.sun_path, path);
    mask = umask(0177);
    rc = bind(fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
    umask(mask);
    if (rc == 0 && listen(fd, (int)APP_CONTROL_CLIENTS) < 0) {
        rc = -errno;
        unlink(path);
    }
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int app_control_listen(const char *wish, char path[APP_CONTROL_PATH_BYTES])
{
    int rc = 0;

    if (!wish)
        rc = default_path(path, APP_CONTROL_PATH_BYTES);
    else if (strlen(wish) >= APP_CONTROL_PATH_BYTES)
        rc = -ENAMETOOLONG;
    else
        strcpy(path, wish);
    if (rc == 0 && !make_way(path))
        rc = -EADDRINUSE;
    return rc ? rc : listen_on(path);
}
