/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the folder of the shared-memory face is made of: see hvh_shm_tree.c for who may remove it.
 */
#include "hvh_shm_var.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int hvh_tree_mkdir(struct hvh_tree *tree, const char *path)
{
    int rc = hvh_tree_note(tree, path);

    if (rc != 0)
        return rc;
    return mkdirat(tree->dir_fd, path, 0700) == 0 ? 0 : -errno;
}

int hvh_tree_symlink(struct hvh_tree *tree, const char *path, const char *target)
{
    int rc = hvh_tree_note(tree, path);

    if (rc != 0)
        return rc;
    return symlinkat(target, tree->dir_fd, path) == 0 ? 0 : -errno;
}

static int make_file(struct hvh_tree *tree, const char *path)
{
    int rc = hvh_tree_note(tree, path);
    int fd;

    if (rc != 0)
        return rc;
    fd = openat(tree->dir_fd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : -errno;
}

int hvh_tree_text(struct hvh_tree *tree, const char *path, const char *text)
{
    char unfinished[HVH_TREE_PATH_BYTES];
    size_t len = strlen(text);
    ssize_t wrote;
    int n, fd;

    n = snprintf(unfinished, sizeof(unfinished), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(unfinished))
        return -ENAMETOOLONG;
    fd = make_file(tree, unfinished);
    if (fd < 0)
        return fd;
    wrote = write(fd, text, len);
    close(fd);
    return wrote == (ssize_t)len ? hvh_tree_rename(tree, unfinished, path) : -ENOSPC;
}

int hvh_tree_region(struct hvh_tree *tree, const char *path, size_t len_bytes)
{
    int fd = make_file(tree, path);
    int rc;

    if (fd < 0)
        return fd;
    rc = len_bytes > 0 ? posix_fallocate(fd, 0, (off_t)len_bytes) : 0;
    close(fd);
    return -rc;
}

int hvh_tree_rename(struct hvh_tree *tree, const char *from, const char *to)
{
    int rc = hvh_tree_note(tree, to);

    if (rc != 0)
        return rc;
    return renameat(tree->dir_fd, from, tree->dir_fd, to) == 0 ? 0 : -errno;
}

int hvh_tree_socket(struct hvh_tree *tree, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int rc = hvh_tree_note(tree, path);
    int fd, len;

    if (rc != 0)
        return rc;
    /* Through the folder's descriptor: DIR may be longer than sun_path. */
    len = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", tree->dir_fd, path);
    if (len < 0 || (size_t)len >= sizeof(addr.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        fchmodat(tree->dir_fd, path, 0600, 0) != 0 || listen(fd, 4) != 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

void hvh_tree_update(struct hvh_tree *tree, const char *path, const char *text)
{
    int fd = openat(tree->dir_fd, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!pwrite(fd, text, strlen(text), 0);
    close(fd);
}

int hvh_tree_map(const struct hvh_tree *tree, const char *path, size_t len_bytes, uint8_t **out)
{
    /* O_NONBLOCK: should someone have put a FIFO there, opening it must not wait. */
    int fd = openat(tree->dir_fd, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    void *base;
    int rc = -EPROTO;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= len_bytes) {
        base = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        rc = base == MAP_FAILED ? -errno : 0;
        if (rc == 0)
            *out = base;
    }
    close(fd);
    return rc;
}
