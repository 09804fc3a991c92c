/* SPDX-License-Identifier: BSD-3-Clause */
/* A card with up to 64 queues, and TCP flows that come to them. */
#ifndef QUEUES_FIXTURE_H
#define QUEUES_FIXTURE_H

#include "netif_fixture.h"
#include "netvsc_queue.h"

#define QUEUES_FLOWS 64u

/* A host and a NIC that asks for (queues); not yet attached. */
void queues_start(struct netif_fixture *f, uint32_t queues);

/* The same, attached. */
void queues_up(struct netif_fixture *f, uint32_t queues);

/* Detach, check both books, and end. */
void queues_stop(struct netif_fixture *f);

/* The host does (act) with (arg) at (on). */
void queues_fault(struct netif_fixture *f, enum hvhost_fault_on on, enum hvhost_fault_act act,
                  uint64_t arg);

/* A TCP segment from the far end, of one of QUEUES_FLOWS flows. */
void queues_flow_send(struct netif_fixture *f, unsigned flow);

/* (rounds) times one segment of each flow, received. */
void queues_flows_send(struct netif_fixture *f, unsigned rounds);

/* Frames that came on queue (q). */
uint64_t queues_received(const struct netif_fixture *f, unsigned q);

/* One frame out on each queue comes back as completed on that queue. */
void queues_each_sends(struct netif_fixture *f);

#endif
