/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the bytes of a message 107 lie: a send-buffer section, guest pages, or a section followed
 * by pages. Nothing is copied here; each part is bounds-checked guest memory. Guest pages that are
 * neighbours are so here, too, for RAM is mapped in one piece: they are one part, as 60 KB of a
 * guest's heap mostly are, which all that comes after takes in one step instead of fifteen. The
 * first part is by itself: a header must not go on in another page.
 */
#include <string.h>

#include "hvh_nic_var.h"

static bool part_add(struct hvh_gather *g, uint8_t *base, uint32_t len)
{
    struct vmbus_region *last = &g->part[g->parts];

    if (!base || g->pages == HVH_PARTS_MAX)
        return false;
    g->pages++;
    g->bytes += len; /* at most HVH_PARTS_MAX pages and a section: no overflow */
    if (g->parts > 1 && last[-1].base + last[-1].len_bytes == base) {
        last[-1].len_bytes += len;
        return true;
    }
    *last = (struct vmbus_region){.base = base, .len_bytes = len};
    g->parts++;
    return true;
}

static bool gather_section(const struct hvhost_nic *nic, const struct nvs_rndis *msg,
                           struct hvh_gather *g)
{
    uint64_t off = (uint64_t)msg->section * nic->send_section_bytes;

    if (msg->section == NVS_SECTION_NONE)
        return true;
    g->from_section = true;
    return msg->section_bytes <= nic->send_section_bytes &&
           part_add(g, hvh_mem_at(&nic->send, off, msg->section_bytes), msg->section_bytes);
}

/* One range: its page numbers are at (pfns). Returns how many there were, 0 on nonsense. */
static uint32_t gather_range(const struct hvhost_nic *nic, struct vmbus_gpa_range range,
                             const uint8_t *pfns, uint32_t pfns_max, struct hvh_gather *g)
{
    uint32_t pages, off = range.off_bytes;

    if (off >= VMBUS_PAGE_BYTES || range.len_bytes == 0 ||
        range.len_bytes > HVH_PARTS_MAX * VMBUS_PAGE_BYTES)
        return 0;
    pages = (off + range.len_bytes + VMBUS_PAGE_BYTES - 1) / VMBUS_PAGE_BYTES;
    if (pages > pfns_max)
        return 0;
    for (uint32_t i = 0, left = range.len_bytes; i < pages; i++) {
        uint32_t len = VMBUS_PAGE_BYTES - off < left ? VMBUS_PAGE_BYTES - off : left;
        uint64_t pfn;

        memcpy(&pfn, pfns + i * sizeof(pfn), sizeof(pfn));
        if (!part_add(g, hvh_mem_page(&nic->guest, pfn, off, len), len))
            return 0;
        left -= len;
        off = 0;
    }
    return pages;
}

static bool gather_pages(const struct hvhost_nic *nic, struct hvh_gather *g)
{
    const struct hvh_packet *pkt = &nic->packet;
    uint32_t at = sizeof(struct vmbus_gpa_header);
    struct vmbus_gpa_header head;
    struct vmbus_gpa_range range;

    if (pkt->desc.type != VMBUS_PKT_GPA_DIRECT)
        return true;
    if (pkt->header_bytes < at)
        return false;
    memcpy(&head, pkt->body, sizeof(head));
    if (head.range_count == 0 || head.range_count > VMBUS_GPA_RANGES_MAX)
        return false;
    for (uint32_t i = 0; i < head.range_count; i++) {
        uint32_t pages;

        if (pkt->header_bytes - at < sizeof(range))
            return false;
        memcpy(&range, pkt->body + at, sizeof(range));
        at += (uint32_t)sizeof(range);
        pages = gather_range(nic, range, pkt->body + at, (pkt->header_bytes - at) / 8, g);
        if (pages == 0)
            return false;
        at += pages * 8;
    }
    return at == pkt->header_bytes; /* as many page numbers as the ranges need, not one more */
}

bool hvh_gather(struct hvh_chan *chan, const struct nvs_rndis *msg, struct hvh_gather *out)
{
    struct hvhost_nic *nic = chan->nic;

    out->parts = out->pages = 0;
    out->bytes = 0;
    out->from_section = false;
    if (gather_section(nic, msg, out) && gather_pages(nic, out))
        return true;
    hvh_strict(chan, &nic->stats.strict_gpa);
    return false;
}

bool hvh_gather_copy(const struct hvh_gather *g, uint32_t off, void *to, uint32_t len)
{
    uint8_t *at = to;

    if (off > g->bytes || len > g->bytes - off)
        return false;
    if (g->parts == 1) { /* a section: every small frame */
        memcpy(at, g->part[0].base + off, len);
        return true;
    }
    for (unsigned i = 0; len > 0; i++) {
        uint32_t part = (uint32_t)g->part[i].len_bytes;
        uint32_t take;

        if (off >= part) {
            off -= part;
            continue;
        }
        take = part - off < len ? part - off : len;
        memcpy(at, g->part[i].base + off, take);
        at += take;
        len -= take;
        off = 0;
    }
    return true;
}

unsigned hvh_gather_pieces(const struct hvh_gather *g, uint32_t off, uint32_t len,
                           struct iovec *out)
{
    unsigned count = 0, i = 0;

    if (off > g->bytes || len > g->bytes - off || len == 0)
        return 0;
    while (off >= g->part[i].len_bytes)
        off -= (uint32_t)g->part[i++].len_bytes;
    for (; len > 0; i++, off = 0) {
        uint8_t *at = g->part[i].base + off;
        size_t take = g->part[i].len_bytes - off < len ? g->part[i].len_bytes - off : len;

        len -= (uint32_t)take;
        out[count++] = (struct iovec){.iov_base = at, .iov_len = take};
    }
    return count;
}

const uint8_t *hvh_gather_at(const struct hvh_gather *g, uint32_t off, uint32_t len)
{
    const uint8_t *at;
    size_t have;
    unsigned i = 0;

    if (off > g->bytes || len > g->bytes - off || len == 0)
        return NULL;
    while (off >= g->part[i].len_bytes)
        off -= (uint32_t)g->part[i++].len_bytes;
    at = g->part[i].base + off;
    have = g->part[i].len_bytes - off;
    while (have < len && g->part[i].base + g->part[i].len_bytes == g->part[i + 1].base)
        have += g->part[++i].len_bytes;
    return have >= len ? at : NULL;
}
