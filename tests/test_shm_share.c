/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory handed to a host in another process: what it takes, and what it will not touch. */
#define _GNU_SOURCE /* memfd_create() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "shm_fixture.h"
#include "shm_guest.h"
#include "vmbus_memory.h"
#include "vmbus_shm_reg.h"

/* Hand the host (fd) with (share); it must stay, and go on serving. */
static void share(int sock, int fd, struct vmbus_shm_share share)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&share, sizeof(share)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = fd < 0 ? NULL : control,
                         .msg_controllen = fd < 0 ? 0 : sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

    if (head) {
        *head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    }
    assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), sizeof(share));
}

/* Two descriptors where one is asked for. */
static void share_two(int sock, int fd, struct vmbus_shm_share share)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
    const int fds[2] = {fd, fd};
    struct iovec iov = {&share, sizeof(share)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

    *head = (struct cmsghdr){CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(head), fds, sizeof(fds));
    assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), sizeof(share));
}

static int memory_fd(size_t len_bytes, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(ftruncate(fd, (off_t)len_bytes), 0);
    if (seals)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* Has the process mapped memory of ours? */
static bool maps_memfd(pid_t pid)
{
    char path[64], line[512];
    bool found = false;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    maps = fopen(path, "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps))
        found |= strstr(line, "memfd:test") != NULL;
    fclose(maps);
    return found;
}

static unsigned open_files(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* What was said on the socket so far has been read. */
static void settle(struct shm_fixture *f, struct vmbus_device *dev)
{
    const struct vmbus_transport *t = vmbus_memory(dev);
    struct hvhost_nic_stats before, now;

    shm_host_stats(f, &before);
    assert_int_equal(t->ops->signal(t->ctx, t->primary.relid), 0);
    do {
        shm_host_stats(f, &now);
    } while (now.doorbells == before.doorbells);
}

static void memory_that_could_shrink_or_is_not_what_was_said_is_not_mapped(void **state)
{
    const struct vmbus_shm_share good = {VMBUS_SHM_SHARE, 4, VMBUS_SHM_SHARE_PFN};
    struct shm_fixture *f = *state;
    struct vmbus_shm_share bad = good;
    int sealed, open_end, null, pipe_ends[2];
    struct vmbus_device *dev;
    unsigned files;

    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    settle(f, dev);
    files = open_files(f->host);
    sealed = memory_fd(4 * 4096, F_SEAL_SHRINK);
    open_end = memory_fd(4 * 4096, 0);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(pipe(pipe_ends), 0);

    share(vmbus_irq_fd(dev), open_end, good);
    share(vmbus_irq_fd(dev), null, good);
    share(vmbus_irq_fd(dev), pipe_ends[0], good);
    share(vmbus_irq_fd(dev), -1, good);
    share_two(vmbus_irq_fd(dev), open_end, good);
    bad.pages = 5;
    share(vmbus_irq_fd(dev), sealed, bad);
    bad.pages = 0;
    share(vmbus_irq_fd(dev), sealed, bad);
    bad = good;
    bad.first_pfn = UINT64_MAX - 2;
    share(vmbus_irq_fd(dev), sealed, bad);
    bad.first_pfn = 3; /* in the file of guest memory */
    share(vmbus_irq_fd(dev), sealed, bad);
    bad = good;
    bad.what = 1;
    share(vmbus_irq_fd(dev), sealed, bad);
    settle(f, dev);
    assert_int_equal(open_files(f->host), files); /* and nothing of it is kept */
    assert_false(maps_memfd(f->host));

    share(vmbus_irq_fd(dev), sealed, good);
    share(vmbus_irq_fd(dev), sealed, good); /* once is enough */
    settle(f, dev);
    assert_true(maps_memfd(f->host));
    assert_int_equal(open_files(f->host), files);
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    assert_false(maps_memfd(f->host));
    close(sealed);
    close(open_end);
    close(null);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    shm_host_quit(f);
}

static void a_guest_without_page_numbers_shares_nothing(void **state)
{
    struct shm_fixture *f = *state;
    struct vmbus_memory mem;
    struct vmbus_device *dev;
    const uint64_t *pfn;

    assert_int_equal(vmbus_memory_create(1, &mem), 0);
    assert_int_equal(shm_host_start(f, 1), 0);
    dev = shm_guest_opened(f);
    assert_int_equal(vmbus_share(dev, &mem, &pfn), 0);
    assert_int_equal(pfn[0], VMBUS_SHM_SHARE_PFN);
    assert_int_equal(pfn[511], VMBUS_SHM_SHARE_PFN + 511);
    assert_int_equal(vmbus_share(dev, &mem, &pfn), -EBUSY);
    assert_null(pfn);
    settle(f, dev);
    vmbus_close(dev);
    shm_host_await_closes(f, 1);
    shm_remove(f, "bus/dev/uio0.ram");
    dev = shm_guest_opened(f);
    assert_int_equal(vmbus_share(dev, &mem, &pfn), -ENOTSUP);
    vmbus_close(dev);
    vmbus_memory_destroy(&mem);
    shm_host_quit(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shm_setup, shm_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_that_could_shrink_or_is_not_what_was_said_is_not_mapped),
        TEST(a_guest_without_page_numbers_shares_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
