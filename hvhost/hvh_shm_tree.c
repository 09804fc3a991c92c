/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The folder of the shared-memory face.
 *
 * Theory of operation
 *
 * DIR/hvhost.lock is both lock and list. A host holds flock(2) on it as long as it lives, so the
 * kernel lets go when it is killed. Every path is appended to it before it is created for the first
 * time; what comes and goes with every guest is on it once. A new host
 * that gets the lock removes the listed paths, newest first, and then insists that nothing else is
 * left: a folder with anything not on the list is not ours (-EEXIST), and nothing that is not on
 * the list is ever removed.
 *
 * The list is trusted only as far as its file is: folder and file must belong to us and the folder
 * must be closed to others' writing, and a path may not leave the folder.
 */
#include "hvh_shm_var.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "hvhost.lock"
#define SELF "." /* line in the list: the folder itself is ours to remove */

/* ---- the list ------------------------------------------------------------------------------ */

static int remember(struct hvh_tree *tree, const char *path)
{
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? tree->capacity * 2 : 64;
        struct hvh_tree_name *names = realloc(tree->names, capacity * sizeof(*names));

        if (!names)
            return -ENOMEM;
        tree->names = names;
        tree->capacity = capacity;
    }
    tree->names[tree->count] = (struct hvh_tree_name){.path = strdup(path), .made = true};
    if (!tree->names[tree->count].path)
        return -ENOMEM;
    tree->count++;
    return 0;
}

static struct hvh_tree_name *find(const struct hvh_tree *tree, const char *path)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (strcmp(tree->names[i].path, path) == 0)
            return &tree->names[i];
    }
    return NULL;
}

static int append_line(const struct hvh_tree *tree, const char *path)
{
    char line[HVH_TREE_PATH_BYTES + 1];
    int len = snprintf(line, sizeof(line), "%s\n", path);
    ssize_t wrote;
    off_t end;

    if (len < 0 || (size_t)len >= sizeof(line))
        return -ENAMETOOLONG;
    wrote = write(tree->lock_fd, line, (size_t)len);
    if (wrote == len)
        return 0;
    /* Half a name would be taken for the beginning of the next one. */
    end = wrote > 0 ? lseek(tree->lock_fd, 0, SEEK_END) : 0;
    if (end > 0)
        (void)!ftruncate(tree->lock_fd, end - wrote);
    return -ENOSPC;
}

/*
 * Write ahead: a host killed between this and the creation leaves a name too many, never one too
 * few. Made again, a name keeps its place: whatever holds it was made before it the first time.
 */
int hvh_tree_note(struct hvh_tree *tree, const char *path)
{
    struct hvh_tree_name *name = find(tree, path);
    int rc;

    if (name) {
        name->made = true;
        return 0;
    }
    rc = append_line(tree, path);
    return rc == 0 ? remember(tree, path) : rc;
}

/* A listed path must stay inside the folder. */
static bool path_ok(const char *path)
{
    return path[0] != '\0' && path[0] != '/' && !strstr(path, "..");
}

static int recall(struct hvh_tree *tree)
{
    char line[HVH_TREE_PATH_BYTES + 2];
    int copy = dup(tree->lock_fd);
    FILE *list = copy < 0 ? NULL : fdopen(copy, "r");
    int rc = 0;

    if (!list) {
        rc = -errno;
        if (copy >= 0)
            close(copy);
        return rc;
    }
    while (rc == 0 && fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, SELF) == 0)
            tree->owns_dir = true;
        else if (path_ok(line))
            rc = remember(tree, line);
    }
    fclose(list);
    return rc;
}

static bool belongs_to(const char *path, const char *top)
{
    size_t len = strlen(top);

    return len == 0 || (strncmp(path, top, len) == 0 && strchr("/.", path[len]));
}

void hvh_tree_remove(struct hvh_tree *tree, const char *path)
{
    for (size_t i = tree->count; i-- > 0;) {
        struct hvh_tree_name *name = &tree->names[i];

        if (!name->made || !belongs_to(name->path, path))
            continue;
        if (unlinkat(tree->dir_fd, name->path, 0) != 0)
            (void)unlinkat(tree->dir_fd, name->path, AT_REMOVEDIR);
        name->made = false;
    }
}

/* ---- taking a folder over ------------------------------------------------------------------ */

static int only_lock_left(const struct hvh_tree *tree)
{
    int fd = openat(tree->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int rc = 0;

    if (!d) {
        rc = -errno;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    while ((entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, LOCK_NAME) != 0)
            rc = -EEXIST;
    }
    closedir(d);
    return rc;
}

/* Ours, and nobody else may put names into it. */
static int check_owner(int fd, bool folder)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (st.st_uid != geteuid() || (folder && (st.st_mode & (S_IWGRP | S_IWOTH))))
        return -EPERM;
    return folder || S_ISREG(st.st_mode) ? 0 : -EEXIST;
}

/* The lock counts only while the name still leads to the file we locked. */
static int lock(struct hvh_tree *tree)
{
    struct stat held, named;
    int rc;

    tree->lock_fd =
        openat(tree->dir_fd, LOCK_NAME, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (tree->lock_fd < 0)
        return errno == ELOOP ? -EEXIST : -errno;
    rc = check_owner(tree->lock_fd, false);
    if (rc != 0)
        return rc;
    if (flock(tree->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(tree->lock_fd, &held) != 0 || fstatat(tree->dir_fd, LOCK_NAME, &named, 0) != 0 ||
        held.st_ino != named.st_ino)
        return -EBUSY; /* a host is just leaving */
    return 0;
}

static void forget_names(struct hvh_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->names[i].path);
    free(tree->names);
    tree->names = NULL;
    tree->count = 0;
    tree->capacity = 0;
}

static void forget(struct hvh_tree *tree)
{
    forget_names(tree);
    if (tree->lock_fd >= 0)
        close(tree->lock_fd);
    if (tree->dir_fd >= 0)
        close(tree->dir_fd);
    *tree = (struct hvh_tree){.dir_fd = -1, .lock_fd = -1};
}

/* A folder without our lock file is ours only if it is empty: look before leaving a file in it. */
static int check_foreign(const struct hvh_tree *tree)
{
    if (faccessat(tree->dir_fd, LOCK_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return only_lock_left(tree);
}

static int take_over(struct hvh_tree *tree)
{
    int rc;

    rc = check_owner(tree->dir_fd, true);
    if (rc == 0)
        rc = check_foreign(tree);
    if (rc == 0)
        rc = lock(tree);
    if (rc == 0)
        rc = recall(tree);
    if (rc != 0)
        return rc;
    hvh_tree_remove(tree, "");
    rc = only_lock_left(tree);
    if (rc != 0)
        return rc;
    if (ftruncate(tree->lock_fd, 0) != 0)
        return -errno;
    forget_names(tree); /* or they would be taken for listed */
    return tree->owns_dir ? append_line(tree, SELF) : 0;
}

int hvh_tree_open(const char *dir, struct hvh_tree *tree)
{
    int rc;

    *tree = (struct hvh_tree){.dir_fd = -1, .lock_fd = -1};
    if (strlen(dir) >= sizeof(tree->dir))
        return -ENAMETOOLONG;
    strcpy(tree->dir, dir);
    tree->owns_dir = mkdir(dir, 0700) == 0;
    if (!tree->owns_dir && errno != EEXIST)
        return -errno;
    tree->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->dir_fd < 0)
        return errno == ENOTDIR ? -EEXIST : -errno;
    rc = take_over(tree);
    if (rc != 0)
        forget(tree);
    return rc;
}

void hvh_tree_close(struct hvh_tree *tree)
{
    if (tree->dir_fd < 0)
        return;
    hvh_tree_remove(tree, "");
    (void)unlinkat(tree->dir_fd, LOCK_NAME, 0);
    if (tree->owns_dir)
        (void)rmdir(tree->dir);
    forget(tree);
}
