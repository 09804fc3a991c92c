/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest says on its socket: doorbells, and once, where more of its memory is. The memory
 * comes as a descriptor and is mapped for reading only. A descriptor that could be shortened later
 * would be a SIGBUS waiting for us, so its seals must forbid that; of what a message says nothing
 * is believed that fstat() does not confirm.
 */
#define _GNU_SOURCE /* recvmmsg(), F_GET_SEALS */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hvh_shm_var.h"
#include "vmbus_reg.h"

#define SHARE_PAGES_MAX (1u << 18) /* 1 GiB */

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* The descriptor that came with a message, or -1. The kernel was given no room for a second. */
static int descriptor_of(struct msghdr *msg)
{
    const struct cmsghdr *head = CMSG_FIRSTHDR(msg);
    int fd;

    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    return fd;
}

int hvh_shm_receive(int fd, struct hvh_shm_message out[HVH_SHM_MESSAGES])
{
    union control control[HVH_SHM_MESSAGES];
    struct mmsghdr msg[HVH_SHM_MESSAGES];
    struct iovec iov[HVH_SHM_MESSAGES];
    int i, got;

    for (i = 0; i < (int)HVH_SHM_MESSAGES; i++) {
        iov[i] = (struct iovec){.iov_base = &out[i].body, .iov_len = sizeof(out[i].body)};
        msg[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &control[i],
                                              .msg_controllen = CMSG_LEN(sizeof(int))}};
    }
    /* MSG_TRUNC: the true length, so that a long message is not taken for its first bytes. */
    got = recvmmsg(fd, msg, HVH_SHM_MESSAGES, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC, NULL);
    for (i = 0; i < got; i++) {
        out[i].len_bytes = msg[i].msg_len;
        out[i].fd = descriptor_of(&msg[i].msg_hdr);
    }
    return got < 0 ? -errno : got;
}

static bool fd_ok(int fd, uint32_t pages)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    return seals >= 0 && seals & F_SEAL_SHRINK && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_size >= 0 && (uint64_t)st.st_size / VMBUS_PAGE_BYTES >= pages;
}

static bool share_take(struct hvh_shm_card *card, const struct vmbus_shm_share *share, int fd)
{
    struct hvh_ram ram = {.first_pfn = share->first_pfn,
                          .mem.len_bytes = (size_t)share->pages * VMBUS_PAGE_BYTES};
    void *base;

    if (card->shared.base || share->pages == 0 || share->pages > SHARE_PAGES_MAX ||
        !fd_ok(fd, share->pages))
        return false;
    base = mmap(NULL, ram.mem.len_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return false;
    ram.mem.base = base;
    if (hvh_nic_ram_add(card->nic, &ram) != 0) {
        (void)munmap(base, ram.mem.len_bytes);
        return false;
    }
    card->shared = ram.mem;
    return true;
}

bool hvh_shm_message_share(struct hvh_shm_card *card, const struct hvh_shm_message *msg)
{
    bool ok = msg->len_bytes == sizeof(msg->body.share) &&
              msg->body.share.what == VMBUS_SHM_SHARE && msg->fd >= 0 &&
              share_take(card, &msg->body.share, msg->fd);

    if (msg->fd >= 0)
        close(msg->fd); /* the mapping stays */
    return ok;
}

void hvh_shm_share_close(struct hvh_shm_card *card)
{
    if (card->shared.base)
        (void)munmap(card->shared.base, card->shared.len_bytes);
    card->shared = (struct vmbus_region){0};
}
