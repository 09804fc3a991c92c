/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest of the shared-memory face: vmbus_open() and one NVSP question, no more. */
#ifndef SHM_GUEST_H
#define SHM_GUEST_H

#include "shm_fixture.h"
#include "vmbus.h"

/* What the last shm_guest_open() in this process said. */
extern struct vmbus_error shm_why;

/* Find card (index) as a program would, and open it. */
int shm_guest_open(const struct shm_fixture *f, unsigned index, struct vmbus_device **dev);
/* The same for card 0, and failure fails the test. */
struct vmbus_device *shm_guest_opened(const struct shm_fixture *f);

/* Ask the host something and get the answer. 0, or what stood in the way. */
int shm_guest_talks(struct vmbus_device *dev, uint64_t xid);
/* Its two halves, neither of which waits: -EAGAIN, there is no answer yet. */
int shm_guest_asks(struct vmbus_device *dev, uint64_t xid);
int shm_guest_answered(struct vmbus_device *dev, uint64_t xid);
/* Sleep until the host hangs up: -EIO. */
int shm_guest_awaits_end(struct vmbus_device *dev);

/* A guest in a process of its own that has opened card 0, been answered, and now hangs around. */
pid_t shm_guest_process(const struct shm_fixture *f);
void shm_guest_kill(pid_t pid);

/* Connect to the node of card 0 without the lock, as no proper guest does. */
int shm_raw_connect(const struct shm_fixture *f);
/* The host closes this connection. */
bool shm_hangs_up(int fd);

#endif
