/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pbufs become frames.
 *
 * Theory of operation. A chain is copied straight into a send section, unless it is so long that
 * it is better left where it is (netvsc_netif_place.c). When the NIC is busy the
 * chain waits in the backlog with a reference of ours: lwIP's TCP sees by that reference (p->ref)
 * that the segment is still with us and leaves it alone. Memory that its owner may change under a
 * reference (PBUF_REF, PBUF_ROM of lwIP's own) is cloned instead. Once anything waits everything
 * queues behind it, so that order is kept.
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#include <errno.h>
#include <string.h>

/* Up to here a sum is made where the frame is: to ask for it costs more. */
#define SUM_BYTES_MAX 512u

/* A slot with the chain in it, but for (skip) bytes behind the addresses. */
static int begin_chain(struct netvsc_netif *nif, const struct pbuf *p,
                       const struct netvsc_tx_meta *meta, uint32_t skip, struct netvsc_slot *slot)
{
    int rc = netvsc_queue_tx_begin_meta(nif->nic, nif->queue, p->tot_len - skip, meta, slot);
    u16_t rest = (u16_t)(p->tot_len - skip);

    if (rc)
        return rc;
    if (skip) {
        rest = (u16_t)(rest - pbuf_copy_partial(p, slot->data, NETVSC_MACS_BYTES, 0));
        pbuf_copy_partial(p, slot->data + NETVSC_MACS_BYTES, rest,
                          (u16_t)(NETVSC_MACS_BYTES + skip));
    } else {
        pbuf_copy_partial(p, slot->data, rest, 0);
    }
    return 0;
}

static bool sums_here(const struct netvsc_netif *nif, const struct pbuf *p, uint32_t skip,
                      const struct netvsc_tx_meta *meta)
{
    return p->tot_len <= SUM_BYTES_MAX && p->tot_len <= nif->tx_copy_bytes && skip == 0 &&
           nif->tx_csum != NETVSC_VERIFY && netvsc_netif_may_sum(meta);
}

static int send_summed(const struct netvsc_netif *nif, const struct pbuf *p,
                       const struct netvsc_tx_meta *meta)
{
    struct netvsc_slot slot;
    int rc = netvsc_queue_tx_begin(nif->nic, nif->queue, p->tot_len, &slot);

    if (rc)
        return rc;
    if (p->len == p->tot_len) /* nearly always */
        memcpy(slot.data, p->payload, p->len);
    else
        pbuf_copy_partial(p, slot.data, p->tot_len, 0);
    netvsc_netif_sum(meta, slot.data, p->tot_len);
    netvsc_queue_tx_commit(nif->nic, nif->queue, &slot, p->tot_len);
    return 0;
}

/* As it is, or in a section. */
static int send_asking(struct netvsc_netif *nif, struct pbuf *p, uint32_t skip,
                       const struct netvsc_tx_meta *meta)
{
    struct netvsc_slot slot;
    int rc = netvsc_netif_in_place(nif, p, skip, meta);

    if (rc != NETVSC_NETIF_ALONE)
        return rc;
    rc = begin_chain(nif, p, meta, skip, &slot);
    if (rc)
        return rc;
    netvsc_queue_tx_commit(nif->nic, nif->queue, &slot, p->tot_len - skip);
    return 0;
}

/* The same for NETVSC_VERIFY: what is wrong stays wrong, for the receiver to find. */
static int send_verified(struct netvsc_netif *nif, struct pbuf *p, uint32_t skip,
                         struct netvsc_tx_meta *meta)
{
    struct pbuf *flat = p->next ? pbuf_clone(PBUF_RAW, PBUF_RAM, p) : p;
    int rc;

    if (!flat)
        return -ENOMEM;
    /* The addresses, behind which the tag is left out, are not looked at. */
    if (!(netvsc_netif_truth((const uint8_t *)flat->payload + skip, flat->tot_len - skip) &
          NETVSC_CSUM_L4_OK))
        meta->csum = 0;
    if (flat != p)
        pbuf_free(flat);
    rc = send_asking(nif, p, skip, meta);
    nif->stats.tx_csum_differs += !rc && !meta->csum;
    return rc;
}

/* A chain that joins no other. */
static int send_alone(struct netvsc_netif *nif, struct pbuf *p, uint32_t skip,
                      struct netvsc_tx_meta *meta)
{
    if (sums_here(nif, p, skip, meta))
        return send_summed(nif, p, meta);
    if (meta->csum && nif->tx_csum == NETVSC_VERIFY)
        return send_verified(nif, p, skip, meta);
    return send_asking(nif, p, skip, meta);
}

static void count_large(struct netvsc_netif *nif, const struct pbuf *p, uint32_t skip,
                        const struct netvsc_tx_meta *meta)
{
    uint32_t head = skip + meta->l4_off + NETVSC_TCP_BYTES;

    nif->stats.tx_large++;
    nif->stats.tx_large_pieces += (p->tot_len - head + meta->mss_bytes - 1) / meta->mss_bytes;
}

static int send_chain(struct netvsc_netif *nif, struct pbuf *p)
{
    struct netvsc_tx_meta meta;
    uint32_t skip = netvsc_netif_look(nif, p, &meta);
    bool large = meta.mss_bytes != 0;
    int rc = skip || large ? NETVSC_NETIF_ALONE : netvsc_netif_burst(nif, p, &meta);

    if (rc != NETVSC_NETIF_ALONE)
        return rc;
    netvsc_netif_burst_end(nif);
    rc = send_alone(nif, p, skip, &meta);
    if (rc == 0 && large)
        count_large(nif, p, skip, &meta);
    return rc;
}

static bool backlog_empty(const struct netvsc_netif *nif)
{
    return nif->backlog_head == nif->backlog_tail;
}

/*
 * Memory that is not lwIP's own. PBUF_REF says so itself; what PBUF_ROM points at is the program's,
 * which has it back when its connection is reset, be the frame sent or not. A custom one's owner is
 * told of the last reference instead.
 */
static bool needs_copy(const struct pbuf *p)
{
    for (; p; p = p->next)
        if (PBUF_NEEDS_COPY(p) ||
            (pbuf_match_type(p, PBUF_ROM) && !(p->flags & PBUF_FLAG_IS_CUSTOM)))
            return true;
    return false;
}

static err_t queue_chain(struct netvsc_netif *nif, struct pbuf *p)
{
    struct pbuf *keep = p;

    if (nif->backlog_tail - nif->backlog_head == NETVSC_NETIF_BACKLOG) {
        nif->stats.tx_drop_backlog++;
        return ERR_MEM;
    }
    if (needs_copy(p))
        keep = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
    else
        pbuf_ref(p);
    if (!keep) {
        nif->stats.tx_drop_backlog++;
        return ERR_MEM;
    }
#ifdef NETVSC_NETIF_LARGE_SLOT
    keep->segment_bytes = p->segment_bytes;
#endif
    nif->backlog[nif->backlog_tail++ % NETVSC_NETIF_BACKLOG] = keep;
    nif->stats.tx_queued++;
    return ERR_OK;
}

static err_t count_refusal(struct netvsc_netif *nif, int rc)
{
    if (rc == -EMSGSIZE) {
        nif->stats.tx_drop_size++;
        return ERR_VAL;
    }
    if (rc == -ENOMEM) {
        nif->stats.tx_drop_heap++;
        return ERR_MEM;
    }
    nif->stats.tx_drop_down++;
    return ERR_IF;
}

err_t netvsc_netif_output(struct netif *netif, struct pbuf *p)
{
    struct netvsc_netif *nif = (struct netvsc_netif *)(void *)netif;
    int rc = -EAGAIN;

    if (backlog_empty(nif))
        rc = send_chain(nif, p);
    if (!rc)
        return ERR_OK;
    return rc == -EAGAIN ? queue_chain(nif, p) : count_refusal(nif, rc);
}

unsigned netvsc_netif_drain(struct netvsc_netif *nif)
{
    unsigned done = 0;

    while (!backlog_empty(nif)) {
        struct pbuf *p = nif->backlog[nif->backlog_head % NETVSC_NETIF_BACKLOG];
        int rc = send_chain(nif, p);

        if (rc == -EAGAIN)
            break;
        if (rc)
            count_refusal(nif, rc);
        nif->backlog_head++;
        pbuf_free(p);
        done++;
    }
    return done;
}

void netvsc_netif_drop_backlog(struct netvsc_netif *nif)
{
    while (!backlog_empty(nif)) {
        pbuf_free(nif->backlog[nif->backlog_head++ % NETVSC_NETIF_BACKLOG]);
        nif->stats.tx_drop_down++;
    }
}
