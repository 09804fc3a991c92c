/* SPDX-License-Identifier: BSD-3-Clause */
/* What the RNDIS answers that most steps wait for mean. */
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

int netvsc_ctl_accept_some(struct netvsc *nic, void *out, uint32_t least, uint32_t most)
{
    struct rndis_info info;
    int rc = rndis_parse_query_complete(nic->ctl.reply, nic->ctl.reply_bytes, &info);

    if (rc)
        return rc;
    if (info.status != RNDIS_STATUS_SUCCESS)
        return -ECONNREFUSED;
    if (info.data_bytes < least)
        return -EPROTO;
    memcpy(out, info.data, info.data_bytes < most ? info.data_bytes : most);
    return (int)info.data_bytes;
}

int netvsc_ctl_accept_info(struct netvsc *nic, void *out, uint32_t want)
{
    int rc = netvsc_ctl_accept_some(nic, out, want, want);

    if (rc < 0)
        return rc;
    return (uint32_t)rc == want ? 0 : -EPROTO;
}

int netvsc_ctl_accept_set(struct netvsc *nic)
{
    struct rndis_set_complete reply;
    int rc = rndis_parse_set_complete(nic->ctl.reply, nic->ctl.reply_bytes, &reply);

    if (rc)
        return rc;
    return reply.status == RNDIS_STATUS_SUCCESS ? 0 : -ECONNREFUSED;
}
