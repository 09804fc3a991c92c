/* SPDX-License-Identifier: BSD-3-Clause */
#include "netvsc_netif_worker.h"

#include <errno.h>
#include <string.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "netvsc_netif_var.h"
#include "netvsc_worker.h"

void netvsc_netif_alone(struct netvsc_netif *nif)
{
    nif->alone = true;
    nif->queue = 0;
    nif->rx_copybreak_bytes = NETVSC_RX_COPY_ALL;
}

int netvsc_netif_become(struct netvsc_netif *nif, unsigned q, uint32_t copybreak_bytes)
{
    struct netvsc_netif_loans *loans = netvsc_netif_loans_create();

    if (!loans)
        return -ENOMEM;
    netvsc_netif_loans_abandon(nif->loans);
    nif->loans = loans;
    nif->burst.open = false;
    netvsc_netif_drop_backlog(nif);
    memset(&nif->stats, 0, sizeof(nif->stats));
    nif->queue = q;
    nif->rx_copybreak_bytes = copybreak_bytes ? copybreak_bytes : NETVSC_RX_COPY_BYTES;
#if LWIP_IPV4 && LWIP_IGMP
    netif_set_igmp_mac_filter(&nif->netif, NULL);
#endif
#if LWIP_IPV6 && LWIP_IPV6_MLD
    netif_set_mld_mac_filter(&nif->netif, NULL);
#endif
    return 0;
}

bool netvsc_netif_arm(struct netvsc_netif *nif)
{
    return nif->alone ? netvsc_queue_arm(nif->nic, nif->queue) : netvsc_irq_arm(nif->nic);
}

void netvsc_netif_disarm(struct netvsc_netif *nif)
{
    if (nif->alone)
        netvsc_queue_disarm(nif->nic, nif->queue);
    else
        netvsc_irq_disarm(nif->nic);
}

int netvsc_netif_irq_fd(const struct netvsc_netif *nif)
{
    return nif->queue == 0 ? netvsc_irq_fd(nif->nic) : -1;
}

uint64_t netvsc_netif_next_deadline(const struct netvsc_netif *nif, uint64_t now_ns)
{
    return nif->alone ? netvsc_queue_next_deadline(nif->nic, nif->queue, now_ns)
                      : netvsc_next_deadline(nif->nic, now_ns);
}
