/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory no guest names: sections and pages of others, or none at all. */
#include "raw_sins.h"

static void data_107(struct raw_guest *g, uint32_t section, uint32_t bytes)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, section, bytes};

    raw_nvs(g, &msg, sizeof(msg), 1);
}

static void section_past_the_buffer(struct raw_guest *g)
{
    data_107(g, 128 * 1024 / 6144, 6144);
}

static void section_number_overflows(struct raw_guest *g)
{
    data_107(g, 0xFFFFFFFEu, 100);
}

static void more_than_a_section(struct raw_guest *g)
{
    data_107(g, 0, 6145);
}

struct one_range {
    struct vmbus_gpa_header head;
    struct vmbus_gpa_range range;
    uint64_t pfn[2];
};

/* An RNDIS message of (kind) in pages: (ranges) is the packet's header after its descriptor. */
static void in_pages(struct raw_guest *g, uint32_t kind, const void *ranges, uint32_t header_bytes)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, kind, NVS_SECTION_NONE, 0};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(payload, &msg, sizeof(msg));
    raw_packet(g, desc, ranges, header_bytes, payload, sizeof(payload));
}

static void gpa(struct raw_guest *g, const struct one_range *ranges, uint32_t header_bytes)
{
    in_pages(g, NVS_RNDIS_DATA, ranges, header_bytes);
}

static void page_below_ram(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {g->t.dma_pfn[0] - 1, 0}}, 24);
}

static void page_above_ram(struct raw_guest *g)
{
    uint64_t pages = g->t.dma.len_bytes / VMBUS_PAGE_BYTES;

    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {g->t.dma_pfn[0] + pages, 0}}, 24);
}

static void page_number_overflows(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {UINT64_MAX / 4096 + 2, 0}}, 24);
}

static void offset_past_the_page(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 4096}, {g->t.dma_pfn[0], g->t.dma_pfn[1]}}, 32);
}

static void too_few_pages(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {4097, 0}, {g->t.dma_pfn[0], 0}}, 24);
}

static void too_many_pages(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {g->t.dma_pfn[0], g->t.dma_pfn[1]}}, 32);
}

static void range_of_no_bytes(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {0, 100}, {g->t.dma_pfn[0], 0}}, 24);
}

static void too_many_ranges(struct raw_guest *g)
{
    struct {
        struct vmbus_gpa_header head;
        struct {
            struct vmbus_gpa_range range;
            uint64_t pfn;
        } page[33];
    } ranges = {.head = {0, 33}};

    raw_frame_message(g->t.dma.base, 132 - 44, 0);
    for (unsigned i = 0; i < 33; i++) {
        ranges.page[i].range = (struct vmbus_gpa_range){i ? 1 : 100, i ? 99 + i : 0};
        ranges.page[i].pfn = g->t.dma_pfn[0];
    }
    in_pages(g, NVS_RNDIS_DATA, &ranges, sizeof(ranges));
}

static void no_ranges(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 0}, {0, 0}, {0, 0}}, 8);
}

static void range_count_beyond_the_header(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 3}, {100, 0}, {g->t.dma_pfn[0], 0}}, 24);
}

static void range_length_overflows(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {UINT32_MAX, 4095}, {g->t.dma_pfn[0], 0}}, 24);
}

static void header_across_a_page(struct raw_guest *g)
{
    struct one_range ranges = {{0, 1}, {104, 4096 - 20}, {g->t.dma_pfn[3], g->t.dma_pfn[4]}};

    raw_frame_message(g->t.dma.base + 4 * 4096 - 20, 60, 0);
    gpa(g, &ranges, 32);
}

static void control_across_a_page(struct raw_guest *g)
{
    const struct rndis_simple alive = {RNDIS_MSG_KEEPALIVE, 12, 1};
    struct one_range ranges = {{0, 1}, {12, 4096 - 4}, {g->t.dma_pfn[3], g->t.dma_pfn[4]}};

    memcpy(g->t.dma.base + 4 * 4096 - 4, &alive, sizeof(alive));
    in_pages(g, NVS_RNDIS_CONTROL, &ranges, sizeof(ranges));
}

const struct raw_sin raw_sins_memory[] = {
    {"section past the send buffer", "strict_gpa", .commit = section_past_the_buffer},
    {"section number overflows", "strict_gpa", .commit = section_number_overflows},
    {"more bytes than a section has", "strict_gpa", .commit = more_than_a_section},
    {"page below RAM", "strict_gpa", .commit = page_below_ram},
    {"page above RAM", "strict_gpa", .commit = page_above_ram},
    {"page number overflows", "strict_gpa", .commit = page_number_overflows},
    {"offset past the page", "strict_gpa", .commit = offset_past_the_page},
    {"a page too few", "strict_gpa", .commit = too_few_pages},
    {"a page too many", "strict_gpa", .commit = too_many_pages},
    {"range of no bytes", "strict_gpa", .commit = range_of_no_bytes},
    {"33 ranges", "strict_gpa", .commit = too_many_ranges},
    {"no ranges", "strict_gpa", .commit = no_ranges},
    {"more ranges than the header holds", "strict_gpa", .commit = range_count_beyond_the_header},
    {"range length overflows", "strict_gpa", .commit = range_length_overflows},
    {"RNDIS header across a page", "strict_page", .commit = header_across_a_page},
    {"control header across a page", "strict_page", .commit = control_across_a_page},
    {0},
};
