/* SPDX-License-Identifier: BSD-3-Clause */
/* Between hvh_nvs.c, which judges whether a message may come now, and hvh_nvs_msg.c, which acts on
 * it. */
#ifndef HVH_NVS_VAR_H
#define HVH_NVS_VAR_H

#include "hvh_nic_var.h"

/* The request being served: a private copy, zero-extended. */
struct hvh_nvs_request {
    uint64_t xid;
    bool flagged; /* wants a completion */
    _Alignas(8) uint8_t msg[NVS_MSG_BYTES];
};

void hvh_nvs_init(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_ndis_version(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_ndis_config(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_recv_buf(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_send_buf(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_revoke(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_rndis(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_switch_data_path(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_oid_query_ex(struct hvh_chan *chan, const struct hvh_nvs_request *req);
void hvh_nvs_subchannel(struct hvh_chan *chan, const struct hvh_nvs_request *req);

/* Count a message that may not come now. */
void hvh_nvs_out_of_order(struct hvh_chan *chan);

#endif
