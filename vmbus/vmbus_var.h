/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to vmbus/: the providers behind vmbus_open(), and how they say what went wrong.
 */
#ifndef VMBUS_VAR_H
#define VMBUS_VAR_H

#include "vmbus.h"

/*
 * Open (info) and describe its memory in (*out); from 0 on the caller owns it and ends with
 * (*out).ops->close(). Otherwise nothing is held, (*err) is filled (err may be NULL) and the result
 * is one that vmbus_open() promises. The caller has checked that (info) is bound and that the node
 * vmbus_sysfs_node_path() is a character device (uio) or a socket (shm).
 */
int vmbus_uio_open(const struct vmbus_bus *bus, const struct vmbus_info *info,
                   struct vmbus_error *err, struct vmbus_transport *out);
int vmbus_shm_open(const struct vmbus_bus *bus, const struct vmbus_info *info,
                   struct vmbus_error *err, struct vmbus_transport *out);

/*
 * Fill (err), which may be NULL, and return (result) so that a failure is one line:
 *     return vmbus_fail(err, -EBUSY, "stop the other program", "%s is in use", path);
 * (what...) is a printf format. Both texts are cut to fit.
 */
int vmbus_fail(struct vmbus_error *err, int result, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

#endif
