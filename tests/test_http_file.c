/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening files below a root, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "http_file.h"

static char tree[] = "/tmp/test_http_file.XXXXXX";

static void make(const char *name, const char *content)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void make_dir(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *target, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    assert_int_equal(symlink(target, path), 0);
}

/* tree/secret beside tree/root, which is what is served. */
static int make_tree(void **state)
{
    char fifo[128];

    (void)state;
    if (!mkdtemp(tree))
        return -1;
    make("secret", "secret");
    make_dir("root");
    make("root/file.txt", "hello");
    make("root/empty", "");
    make_dir("root/dir");
    make_dir("root/bare");
    make_dir("root/odd");
    make_dir("root/odd/index.html");
    make("root/dir/index.html", "<p>");
    make_link("../secret", "root/leaves");
    make_link("/etc/passwd", "root/absolute");
    make_link("..", "root/up");
    make_link("dir/index.html", "root/inside");
    make_link("loop", "root/loop");
    make_link("/proc/self/root/etc/passwd", "root/magic");
    make_link("nothing", "root/dangling");
    snprintf(fifo, sizeof(fifo), "%s/root/fifo", tree);
    return mkfifo(fifo, 0644);
}

static int remove_tree(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", tree);
    return system(command);
}

static struct http_root open_root(void)
{
    struct http_root root;
    char path[128];

    snprintf(path, sizeof(path), "%s/root", tree);
    assert_int_equal(http_root_open(&root, path), 0);
    return root;
}

/* (walking) is the status without openat2() where it differs; 0 = the same. */
static const struct {
    const char *path;
    int status, walking;
} files[] = {
    {"file.txt", 200, 0},
    {"empty", 200, 0},
    {"dir/", 200, 0},
    {"dir/index.html", 200, 0},
    {"dir", 301, 0},
    {"", 403, 0},
    {"bare/", 403, 0},
    {"odd/", 403, 0},
    {"bare", 301, 0},
    {"file.txt/", 404, 0},
    {"nothing", 404, 0},
    {"file.txt/x", 404, 0},
    {"leaves", 403, 0},
    {"absolute", 403, 0},
    {"up/secret", 403, 404}, /* O_DIRECTORY | O_NOFOLLOW on a link: not a directory */
    {"up/root/file.txt", 403, 404},
    {"loop", 403, 0},
    {"magic", 403, 0},
    {"inside", 200, 403},
    {"dangling", 404, 403},
    {"fifo", 403, 0},
};

static void check_files(const struct http_root *root)
{
    for (size_t i = 0; i < countof(files); i++) {
        struct http_file file = {.fd = -1};
        int status = http_file_open(root, files[i].path, &file);
        int want = !root->beneath && files[i].walking ? files[i].walking : files[i].status;

        if (status != want)
            fail_msg("%d instead of %d for '%s'", status, want, files[i].path);
        if (status == 200)
            assert_int_equal(close(file.fd), 0);
    }
}

static int count_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void nothing_outside_the_root_opens(void **state)
{
    struct http_root root = open_root();
    int fds = count_fds();

    (void)state;
    check_files(&root);
    assert_int_equal(count_fds(), fds);
    http_root_close(&root);
}

static void without_openat2_links_are_refused_altogether(void **state)
{
    struct http_root root = open_root();
    int fds = count_fds();

    (void)state;
    root.beneath = false;
    check_files(&root);
    assert_int_equal(count_fds(), fds);
    http_root_close(&root);
}

/* A container's filter answers EPERM to calls it does not know. */
static bool forbid_openat2(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {countof(filter), filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void where_openat2_is_forbidden_files_open_without(void **state)
{
    struct http_root root;
    struct http_file file;
    char path[128];
    int status;
    pid_t child = fork();

    (void)state;
    snprintf(path, sizeof(path), "%s/root", tree);
    if (child == 0) {
        if (!forbid_openat2())
            _exit(77);
        _exit(http_root_open(&root, path) || http_file_open(&root, "file.txt", &file) != 200 ||
              http_file_open(&root, "leaves", &file) != 403);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* filters are themselves forbidden here */
    assert_int_equal(status, 0);
}

static void an_open_file_knows_size_and_type(void **state)
{
    struct http_root root = open_root();
    struct http_file file;

    (void)state;
    assert_int_equal(http_file_open(&root, "file.txt", &file), 200);
    assert_int_equal(file.size_bytes, 5);
    assert_string_equal(file.type, "text/plain; charset=utf-8");
    assert_true(file.modified_s > 0);
    close(file.fd);
    assert_int_equal(http_file_open(&root, "dir/", &file), 200);
    assert_string_equal(file.type, "text/html; charset=utf-8");
    close(file.fd);
    http_root_close(&root);
}

static void a_root_that_is_no_directory_is_an_error(void **state)
{
    struct http_root root;
    struct http_file file;
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/secret", tree);
    assert_int_equal(http_root_open(&root, path), -ENOTDIR);
    assert_int_equal(http_root_open(&root, "/nonexistent"), -ENOENT);
    assert_int_equal(http_file_open(&root, "", &file), 404);
    http_root_close(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outside_the_root_opens),
        cmocka_unit_test(without_openat2_links_are_refused_altogether),
        cmocka_unit_test(where_openat2_is_forbidden_files_open_without),
        cmocka_unit_test(an_open_file_knows_size_and_type),
        cmocka_unit_test(a_root_that_is_no_directory_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
