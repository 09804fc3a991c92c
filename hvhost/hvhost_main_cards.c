/* SPDX-License-Identifier: BSD-3-Clause */
/* The cards and uplinks that the options of hvhost and hvhost-kvm ask for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hvhost_main_var.h"

static int fail_nic(const struct hvhost_nic_config *config, unsigned index, int error)
{
    char what[96];

    (void)snprintf(what, sizeof(what), "cannot make card %u", index);
    if (error == -EEXIST)
        return main_fail(2, what, "another card has its guid", "Give each --nic a guid of its own");
    if (error == -EINVAL && config->instance)
        return main_fail(2, what, "its guid or one of its sizes is no good",
                         "Write the guid as 8-4-4-4-12 hex digits, sizes as multiples of 4096");
    if (error == -EINVAL)
        return main_fail(2, what, "one of its sizes is no good", "Use multiples of 4096 bytes");
    return main_fail(1, what, strerror(-error), "Use fewer or smaller cards");
}

static int fail_tap(const char *name, int error)
{
    char what[64];

    (void)snprintf(what, sizeof(what), "cannot use TAP device %s", name);
    switch (error) {
    case -EPERM:
    case -EACCES:
        return main_fail(1, what, "not permitted",
                         "Run as root, or let root run: ip tuntap add NAME mode tap user YOU");
    case -EBUSY:
        return main_fail(1, what, "another program uses it",
                         "Stop that one or choose another name");
    case -ENOENT:
        return main_fail(1, what, "there is no /dev/net/tun",
                         "Run modprobe tun; in a container, pass the device in");
    case -EINVAL:
        return main_fail(1, what, "the name is no good or belongs to another kind of interface",
                         "Choose a new name of 1 to 15 characters");
    default:
        return main_fail(1, what, strerror(-error), "See ip link show");
    }
}

int main_cards_create(struct hvhost *host, const struct main_options *options)
{
    struct hvhost_nic *nic;
    int rc;

    for (unsigned i = 0; i < options->nic_count; i++) {
        rc = hvhost_nic_add(host, &options->nic[i], &nic);
        if (rc != 0)
            return fail_nic(&options->nic[i], i, rc);
    }
    for (unsigned i = 0; i < options->tap_count; i++) {
        rc = hvhost_tap_join(host, options->tap[i].name, options->tap[i].network);
        if (rc != 0)
            return fail_tap(options->tap[i].name, rc);
    }
    return 0;
}
