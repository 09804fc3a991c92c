/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm_guest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "nvs_reg.h"
#include "vmbus_chan.h"

struct vmbus_error shm_why;

int shm_guest_open(const struct shm_fixture *f, unsigned index, struct vmbus_device **dev)
{
    struct vmbus_info info[8];
    struct vmbus_bus bus;
    int found;

    *dev = NULL;
    if (vmbus_bus_find(f->dir, &bus) != 0)
        return -ENOENT;
    found = vmbus_scan_nics(&bus, info, countof(info));
    if (found <= (int)index)
        return -ENODEV;
    return vmbus_open(&bus, &info[index], &shm_why, dev);
}

struct vmbus_device *shm_guest_opened(const struct shm_fixture *f)
{
    struct vmbus_device *dev;
    int rc = shm_guest_open(f, 0, &dev);

    if (rc != 0)
        fail_msg("open: %d, %s; %s", rc, shm_why.what, shm_why.remedy);
    return dev;
}

/*
 * Sleep as a driver does until the host has something to say. 0, -EIO when it is gone, -ETIME
 * when it says nothing. No assertion: this runs in processes of its own, too.
 */
static int guest_sleep(struct vmbus_device *dev)
{
    struct pollfd p = {.fd = vmbus_irq_fd(dev), .events = POLLIN};
    int rc = 0;

    if (vmbus_irq_arm(dev)) {
        rc = poll(&p, 1, SHM_WAIT_MS) == 1 ? vmbus_irq_take(dev) : -ETIME;
        vmbus_irq_disarm(dev);
    }
    return rc == -EAGAIN ? 0 : rc;
}

/* A host refuses it, so that one may ask again: after a version is settled, one may not. */
#define NVS_UNHEARD_OF 0x00ff0000u

int shm_guest_asks(struct vmbus_device *dev, uint64_t xid)
{
    const uint32_t init[NVS_MSG_BYTES / 4] = {NVS_MSG_INIT, NVS_UNHEARD_OF, NVS_UNHEARD_OF};
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = xid,
                                   .payload = init,
                                   .payload_bytes = sizeof(init)};
    int rc = vmbus_chan_send(vmbus_chan(dev, 0), &pkt);

    return rc != 0 ? rc : vmbus_chan_flush(vmbus_chan(dev, 0));
}

int shm_guest_answered(struct vmbus_device *dev, uint64_t xid)
{
    struct nvs_init_complete answer = {0};
    struct vmbus_chan *chan = vmbus_chan(dev, 0);
    struct vmbus_packet got;
    int rc = vmbus_chan_recv(chan, &got);

    if (rc <= 0)
        return rc == 0 ? -EAGAIN : rc;
    if (got.type != VMBUS_PKT_COMPLETION || got.xid != xid || got.payload_bytes < sizeof(answer))
        return -EPROTO;
    memcpy(&answer, got.payload, sizeof(answer));
    vmbus_chan_recv_done(chan);
    return answer.type == NVS_MSG_INIT_COMPLETE ? 0 : -EPROTO;
}

int shm_guest_talks(struct vmbus_device *dev, uint64_t xid)
{
    int slept = 0, rc = shm_guest_asks(dev, xid);

    if (rc != 0)
        return rc;
    while (slept == 0 && (rc = shm_guest_answered(dev, xid)) == -EAGAIN)
        slept = guest_sleep(dev);
    return slept != 0 ? slept : rc;
}

int shm_guest_awaits_end(struct vmbus_device *dev)
{
    int rc = 0;

    while (rc == 0)
        rc = guest_sleep(dev);
    return rc;
}

pid_t shm_guest_process(const struct shm_fixture *f)
{
    struct vmbus_device *dev;
    int ready[2];
    char byte = 0;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (shm_guest_open(f, 0, &dev) != 0 || shm_guest_talks(dev, 7) != 0)
            _exit(1);
        (void)!write(ready[1], "!", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1); /* end of file when it failed */
    close(ready[0]);
    return pid;
}

void shm_guest_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int shm_raw_connect(const struct shm_fixture *f)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%.90s/dev/uio0", f->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

bool shm_hangs_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&p, 1, SHM_WAIT_MS) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}
