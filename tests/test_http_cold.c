/* SPDX-License-Identifier: BSD-3-Clause */
/* Files whose data is not in memory: the read call is this test's own. */
#define _GNU_SOURCE /* preadv2 */
#include "http_site.h"

#include "http_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* How the file "big" answers; all others are in memory. */
static struct {
    unsigned cold;        /* so many reads find nothing */
    size_t at_hand_bytes; /* and each other one no more than this; 0 = all */
    int error;            /* this instead of EAGAIN, on all files */
    unsigned calls;
} disk;

ssize_t preadv2(int fd, const struct iovec *part, int parts, off_t off, int flags)
{
    size_t n = part->iov_len;
    struct stat st;

    assert_int_equal(parts, 1);
    assert_int_equal(flags, RWF_NOWAIT);
    assert_int_equal(fstat(fd, &st), 0);
    disk.calls++;
    errno = disk.error;
    if (disk.error)
        return -1;
    if ((size_t)st.st_size == SITE_BIG) {
        errno = EAGAIN;
        if (disk.cold > 0 && disk.cold--)
            return -1;
        n = disk.at_hand_bytes && disk.at_hand_bytes < n ? disk.at_hand_bytes : n;
        disk.cold = disk.at_hand_bytes ? 1 : 0;
    }
    return pread(fd, part->iov_base, n, off);
}

static int disk_open(void **state)
{
    memset(&disk, 0, sizeof(disk));
    return site_open(state);
}

static void nobody_waits_for_another_ones_disk(void **state)
{
    static struct wire_client slow, quick;

    (void)state;
    disk.cold = 1;
    wire_open(&slow, SITE_PORT);
    wire_open(&quick, SITE_PORT);
    wire_send(&slow, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(slow.len_bytes, 0);
    wire_send(&quick, "GET /ten HTTP/1.1\r\n" H "\r\n");
    assert_answer(&quick, 200, 0, 10);
    wire_wait_s(1);
    assert_answer(&slow, 200, 0, SITE_BIG);
    assert_int_equal(server.stats.cold_reads, 1);
    assert_int_equal(server.stats.slow_reads, 0);
    wire_close(&slow);
    wire_close(&quick);
}

static void what_is_at_hand_is_sent(void **state)
{
    static struct wire_client c;

    (void)state;
    disk.at_hand_bytes = 20000;
    site_ask(&c, "GET /big HTTP/1.1\r\n" H "Range: bytes=7-200006\r\n\r\n");
    assert_true(c.len_bytes > 20000); /* before any time has passed */
    wire_wait_s(10);
    assert_answer(&c, 206, 7, 200000);
    assert_true(server.stats.cold_reads >= 9);
    assert_int_equal(server.stats.slow_reads, 0);
    wire_close(&c);
}

static void a_disk_that_never_comes_is_waited_for(void **state)
{
    static struct wire_client c[2];

    (void)state;
    disk.cold = UINT32_MAX;
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask(&c[i], "GET /big HTTP/1.1\r\n" H "\r\n");
    }
    wire_wait_s(2);
    for (unsigned i = 0; i < countof(c); i++) {
        assert_answer(&c[i], 200, 0, SITE_BIG);
        wire_close(&c[i]);
    }
    assert_int_equal(server.stats.slow_reads, 2);
}

static void a_file_system_without_the_flag_is_asked_once(void **state)
{
    static struct wire_client c;

    (void)state;
    disk.error = EOPNOTSUPP;
    site_ask(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, SITE_BIG);
    assert_int_equal(disk.calls, 1);
    wire_close(&c);
}

/* By a reset, and by the server's own end. */
static void who_waits_may_go(void **state)
{
    static struct wire_client c[3];

    (void)state;
    disk.cold = 3;
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask(&c[i], "GET /big HTTP/1.1\r\n" H "\r\n");
    }
    wire_close(&c[1]);
    assert_int_equal(server.open, 2);
    wire_wait_s(1);
    assert_answer(&c[0], 200, 0, SITE_BIG);
    assert_answer(&c[2], 200, 0, SITE_BIG);
    disk.cold = 1;
    wire_send(&c[0], "GET /big HTTP/1.1\r\n" H "\r\n");
    http_server_close(&server);
    wire_run();
    assert_true(c[0].got_reset);
    wire_wait_s(1);
    wire_close(&c[0]);
    wire_close(&c[2]);
}

/* lwIP takes so many segments and no more, however small the client wants them. */
static void small_segments_are_read_for_in_large_pieces(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    server.conns[0].pcb->mss = 10;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "Range: bytes=0-19999\r\n\r\n");
    wire_wait_s(20);
    assert_answer(&c, 206, 0, 20000);
    if (disk.calls >= 40)
        fail_msg("%u reads", disk.calls);
    wire_close(&c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, disk_open, site_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nobody_waits_for_another_ones_disk),
        T(what_is_at_hand_is_sent),
        T(a_disk_that_never_comes_is_waited_for),
        T(a_file_system_without_the_flag_is_asked_once),
        T(who_waits_may_go),
        T(small_segments_are_read_for_in_large_pieces),
    };

    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
