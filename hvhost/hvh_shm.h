/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shared-memory face: serve a host's cards to other processes through a folder in tmpfs that
 * mirrors /sys/bus/vmbus name for name, with the uio devices as sockets below dev/. Layout and
 * rules: hvh_shm.c, hvh_shm_sysfs.c.
 */
#ifndef HVH_SHM_H
#define HVH_SHM_H

#include "hvhost.h"

struct hvh_shm;

/*
 * Publish every card of (host) below (dir), which is created if missing; what a crashed host left
 * there is replaced. Serving happens in hvhost_step(), the sockets are in hvhost_pollfds().
 * -EBUSY another hvhost serves (dir); -EEXIST (dir) holds something that is not a bus; or errno.
 */
int hvh_shm_serve(struct hvhost *host, const char *dir, struct hvh_shm **out);

/*
 * Disconnect every guest, remove what hvh_shm_serve() made. hvhost_destroy() does it if you do not.
 */
void hvh_shm_close(struct hvh_shm *shm);

#endif
