/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A decoded path has no ".." in it, yet a symbolic link below the root may point anywhere, and may
 * be swapped between a check and the open. So the kernel does both in one step: openat2() with
 * RESOLVE_BENEATH refuses whatever would leave the root at the moment of opening. Relative links
 * that stay inside work. Kernels before 5.6 lack it, and some containers answer EPERM to what they
 * do not know; there the path is walked with O_NOFOLLOW, a directory at a time, which refuses every
 * link.
 *
 * Files are opened without waiting (a FIFO without writer would hold the whole server) and only
 * then looked at, so that what was checked is what is sent. Only regular files are served.
 */
#define _GNU_SOURCE /* O_PATH */
#include "http_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INDEX_NAME "index.html"
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* A descriptor or -errno. */
static int open_beneath(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

    return fd < 0 ? -errno : (int)fd;
}

/* The same without openat2(). (path) has no "..", so that only links could lead out. */
static int open_walking(int root_fd, const char *path)
{
    int dir = dup(root_fd);

    while (dir >= 0) {
        const char *slash = strchr(path, '/');
        size_t len_bytes = slash ? (size_t)(slash - path) : strlen(path);
        char name[256];
        int next, error;

        if (len_bytes >= sizeof(name)) {
            close(dir);
            return -ENAMETOOLONG;
        }
        memcpy(name, path, len_bytes);
        name[len_bytes] = '\0';
        if (slash && slash[1] == '\0')
            slash = NULL; /* a final slash names the directory before it */
        next =
            openat(dir, name,
                   slash ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : OPEN_FLAGS | O_NOFOLLOW);
        error = errno;
        close(dir);
        if (!slash)
            return next < 0 ? -error : next;
        errno = error;
        dir = next;
        path = slash + 1;
    }
    return -errno;
}

static int open_path(const struct http_root *root, const char *path)
{
    if (*path == '\0')
        path = ".";
    return root->beneath ? open_beneath(root->fd, path) : open_walking(root->fd, path);
}

static int status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return 404;
    case EACCES:
    case EPERM:
    case EXDEV: /* would leave the root */
    case ELOOP:
    case ENXIO: /* a socket, or a device without driver */
    case ENODEV:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN: /* openat2: somebody renames in the tree */
        return 503;
    default:
        return 500;
    }
}

int http_root_open(struct http_root *root, const char *dir)
{
    int probe;

    *root = (struct http_root){.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (root->fd < 0)
        return -errno;
    probe = open_beneath(root->fd, ".");
    root->beneath = probe != -ENOSYS && probe != -EPERM;
    if (probe >= 0)
        close(probe);
    return 0;
}

void http_root_close(struct http_root *root)
{
    if (root->fd >= 0)
        close(root->fd);
    root->fd = -1;
}

static struct http_file_id id_of(const struct stat *st)
{
    return (struct http_file_id){.device = st->st_dev,
                                 .inode = st->st_ino,
                                 .size_bytes = (uint64_t)st->st_size,
                                 .modified = st->st_mtim,
                                 .changed = st->st_ctim};
}

int http_file_identify(int fd, struct http_file_id *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    *out = id_of(&st);
    return 0;
}

/* Opens one name and looks at it. 200 with a file or directory open, or a status. */
static int open_one(const struct http_root *root, const char *path, struct http_file *file,
                    bool *is_dir)
{
    struct stat st;

    file->fd = open_path(root, path);
    if (file->fd < 0)
        return status_of_errno(-file->fd);
    if (fstat(file->fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        close(file->fd);
        return 403;
    }
    *is_dir = S_ISDIR(st.st_mode);
    file->id = id_of(&st);
    file->size_bytes = (uint64_t)st.st_size;
    file->modified_s = (int64_t)st.st_mtim.tv_sec;
    return 200;
}

/* The index of the directory (path), which ends with a slash or is empty. */
static int open_index(const struct http_root *root, const char *path, struct http_file *file)
{
    char index[HTTP_PATH_BYTES + sizeof(INDEX_NAME)];
    bool is_dir;
    int status;

    snprintf(index, sizeof(index), "%s%s", path, INDEX_NAME);
    status = open_one(root, index, file, &is_dir);
    if (status == 200 && is_dir) {
        close(file->fd);
        status = 404;
    }
    file->type = http_file_type(INDEX_NAME);
    return status == 404 ? 403 : status;
}

int http_file_open(const struct http_root *root, const char *path, struct http_file *file)
{
    size_t len_bytes = strlen(path);
    bool has_slash = len_bytes == 0 || path[len_bytes - 1] == '/';
    bool is_dir;
    int status;

    if (root->fd < 0)
        return 404;
    status = open_one(root, path, file, &is_dir);
    if (status != 200)
        return status;
    file->type = http_file_type(path);
    if (!is_dir && !has_slash)
        return 200;
    close(file->fd);
    if (!is_dir)
        return 404;
    return has_slash ? open_index(root, path, file) : 301;
}
