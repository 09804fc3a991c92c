/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http_file.h"

static void paths_are_decoded_once_and_kept_inside(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *out;
    } rows[] = {
        {"", 0, ""},
        {"/", 0, ""},
        {"//", 0, ""},
        {"/.", 0, ""},
        {"/a", 0, "a"},
        {"/a/", 0, "a/"},
        {"/a//b/./c", 0, "a/b/c"},
        {"/a/.", 0, "a/"},
        {"/a%20b%2e", 0, "a b."},
        {"/%41%2fb", 400, NULL},
        {"/%2F", 400, NULL},
        {"/a%00b", 400, NULL},
        {"/%", 400, NULL},
        {"/%4", 400, NULL},
        {"/%4g", 400, NULL},
        {"/%g4", 400, NULL},
        {"/%252e%252e/x", 0, "%2e%2e/x"}, /* decoded once */
        {"/..", 403, NULL},
        {"/../etc/passwd", 403, NULL},
        {"/a/..", 403, NULL},
        {"/a/../../b", 403, NULL},
        {"/%2e%2E/x", 403, NULL},
        {"/.%2e/x", 403, NULL},
        {"/...", 0, "..."},
        {"/..a/b..", 0, "..a/b.."},
        {"/..\\x", 0, "..\\x"},
        {"a", 400, NULL},
        {"/%ff", 0, "\xff"},
    };
    char out[HTTP_PATH_BYTES];

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        assert_int_equal(http_path_decode(rows[i].path, strlen(rows[i].path), out), rows[i].status);
        if (rows[i].out)
            assert_string_equal(out, rows[i].out);
    }
}

static void a_path_of_2046_bytes_fits_and_longer_ones_are_414(void **state)
{
    char path[HTTP_PATH_BYTES + 16], out[HTTP_PATH_BYTES];

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    for (size_t len = HTTP_PATH_BYTES - 4; len < sizeof(path); len++)
        assert_int_equal(http_path_decode(path, len, out), len <= HTTP_PATH_BYTES - 1 ? 0 : 414);
    for (size_t i = 0; i < sizeof(path); i += 2)
        path[i] = '/';
    for (size_t len = HTTP_PATH_BYTES - 4; len < sizeof(path); len++) {
        int status = http_path_decode(path, len, out);

        assert_true(status == 0 || status == 414);
        assert_true(status == 414 || strlen(out) < sizeof(out));
    }
}

static void a_segment_after_a_full_path_is_414_and_writes_nothing_behind_it(void **state)
{
    char path[2 * HTTP_PATH_BYTES];
    struct {
        char out[HTTP_PATH_BYTES];
        char behind[HTTP_PATH_BYTES];
    } to;

    (void)state;
    for (size_t slash = HTTP_PATH_BYTES - 4; slash < HTTP_PATH_BYTES + 4; slash++) {
        memset(&to, 'z', sizeof(to));
        memset(path, 'a', sizeof(path));
        path[0] = path[slash] = '/';
        assert_int_equal(http_path_decode(path, sizeof(path), to.out), 414);
        for (size_t i = 0; i < sizeof(to.behind); i++)
            assert_int_equal(to.behind[i], 'z');
    }
}

static void encoding_escapes_all_but_plain_characters(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(http_path_encode("a b/\xff?", out, sizeof(out)), 13);
    assert_string_equal(out, "/a%20b/%FF%3F");
    assert_int_equal(http_path_encode("aaaaaaaaaaaaaaaa", out, sizeof(out)), 0);
    assert_int_equal(http_path_encode("", out, 2), 1);
    assert_int_equal(http_path_encode("", out, 1), 0);
}

static void suffixes_choose_the_type(void **state)
{
    (void)state;
    assert_string_equal(http_file_type("a/b.html"), "text/html; charset=utf-8");
    assert_string_equal(http_file_type("a.PNG"), "image/png");
    assert_string_equal(http_file_type("a.tar.gz"), "application/gzip");
    assert_string_equal(http_file_type("a"), "application/octet-stream");
    assert_string_equal(http_file_type("a.html/b"), "application/octet-stream");
    assert_string_equal(http_file_type(".html"), "application/octet-stream");
    assert_string_equal(http_file_type("a."), "application/octet-stream");
}

static void ranges_are_read_as_rfc_9110_says(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
        int status;
        uint64_t first, last;
    } rows[] = {
        {"bytes=0-0", 10, 206, 0, 0},
        {"bytes=0-9", 10, 206, 0, 9},
        {"bytes=2-", 10, 206, 2, 9},
        {"bytes=9-10", 10, 206, 9, 9},
        {"bytes=0-99999999999999999999999", 10, 206, 0, 9},
        {"bytes=-1", 10, 206, 9, 9},
        {"bytes=-10", 10, 206, 0, 9},
        {"bytes=-99", 10, 206, 0, 9},
        {"BYTES=1-2", 10, 206, 1, 2},
        {"bytes=4294967296-4294967297", UINT64_C(1) << 40, 206, 4294967296, 4294967297},
        {"bytes=10-", 10, 416, 0, 0},
        {"bytes=10-20", 10, 416, 0, 0},
        {"bytes=99999999999999999999999-", 10, 416, 0, 0},
        {"bytes=18446744073709551617-", 10, 416, 0, 0}, /* 1, were it to wrap */
        {"bytes=-0", 10, 416, 0, 0},
        {"bytes=0-", 0, 416, 0, 0},
        {"bytes=-5", 0, 416, 0, 0},
        {"bytes=5-4", 10, 200, 0, 0},
        {"bytes=0-1,3-4", 10, 200, 0, 0},
        {"bytes=-", 10, 200, 0, 0},
        {"bytes=", 10, 200, 0, 0},
        {"bytes=1", 10, 200, 0, 0},
        {"bytes=a-b", 10, 200, 0, 0},
        {"bytes=1-2x", 10, 200, 0, 0},
        {"bytes= 1-2", 10, 200, 0, 0},
        {"lines=1-2", 10, 200, 0, 0},
        {"", 10, 200, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        uint64_t first = 77, last = 77;
        int status =
            http_range_parse(rows[i].text, strlen(rows[i].text), rows[i].size, &first, &last);

        if (status != rows[i].status)
            fail_msg("%d for %s", status, rows[i].text);
        if (status == 206) {
            assert_int_equal(first, rows[i].first);
            assert_int_equal(last, rows[i].last);
        }
    }
}

/* ---- a tree -------------------------------------------------------------------------------- */

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
        cmocka_unit_test(paths_are_decoded_once_and_kept_inside),
        cmocka_unit_test(a_path_of_2046_bytes_fits_and_longer_ones_are_414),
        cmocka_unit_test(a_segment_after_a_full_path_is_414_and_writes_nothing_behind_it),
        cmocka_unit_test(encoding_escapes_all_but_plain_characters),
        cmocka_unit_test(suffixes_choose_the_type),
        cmocka_unit_test(ranges_are_read_as_rfc_9110_says),
        cmocka_unit_test(nothing_outside_the_root_opens),
        cmocka_unit_test(without_openat2_links_are_refused_altogether),
        cmocka_unit_test(where_openat2_is_forbidden_files_open_without),
        cmocka_unit_test(an_open_file_knows_size_and_type),
        cmocka_unit_test(a_root_that_is_no_directory_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
