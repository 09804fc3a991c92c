/* SPDX-License-Identifier: BSD-3-Clause */
/* Where control sockets are, and how one is reached: for the program and for netvscctl. */
#include "app_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int app_control_folder(char *out, size_t out_bytes)
{
    const char *run = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
    int bytes;

    if (!run || !*run)
        return -ENOENT;
    bytes = snprintf(out, out_bytes, "%s/netvsc", run);
    return bytes > 0 && (size_t)bytes < out_bytes ? 0 : -ENOENT;
}

int app_control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, rc;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}
