/* SPDX-License-Identifier: BSD-3-Clause */
#include "pile_guest.h"

#include <string.h>

#define EXPECTED_MAX 4096u

/* A frame on its way, as the host has to see it. */
struct sent {
    uint32_t len_bytes;
    uint32_t tci; /* + 1; 0 = no tag */
    uint8_t bytes[1600];
};

static struct sent expected[EXPECTED_MAX]; /* ring of those committed */
static unsigned committed, arrived;

/* ---- the host -------------------------------------------------------------------------------- */

/* One message with the next frame that was committed. Returns its length. */
static uint32_t check_message(const uint8_t *msg, uint32_t left)
{
    const struct sent *want = &expected[arrived++ % EXPECTED_MAX];
    uint32_t wire_bytes = want->len_bytes < 60 ? 60 : want->len_bytes;
    struct rndis_packet head;
    uint32_t tag;

    assert_true(arrived <= committed);
    memcpy(&head, msg, sizeof(head));
    assert_int_equal(head.type, RNDIS_MSG_PACKET);
    assert_in_range(head.len_bytes, PILE_HEADER_BYTES, left);
    assert_int_equal(head.data_bytes, wire_bytes);
    assert_int_equal(head.ppi_bytes, want->tci ? RNDIS_PPI_BYTES : 0);
    assert_int_equal(head.data_off, RNDIS_PACKET_OFF_MIN + head.ppi_bytes);
    assert_true(head.data_off + 8 + wire_bytes <= head.len_bytes);
    if (want->tci) {
        memcpy(&tag, msg + PILE_HEADER_BYTES + RNDIS_PPI_DATA_OFF, sizeof(tag));
        assert_int_equal(tag, (want->tci - 1) << RNDIS_VLAN_ID_SHIFT);
    }
    assert_memory_equal(msg + 8 + head.data_off, want->bytes, want->len_bytes);
    for (uint32_t i = 8 + head.data_off + want->len_bytes; i < head.len_bytes; i++)
        assert_int_equal(msg[i], 0); /* padding of frame and message */
    return head.len_bytes;
}

static void check_packet(struct wire *w, const struct wire_packet *pkt)
{
    const uint8_t *section = w->t.send.base + (size_t)wire_word(pkt, 8) * PILE_SECTION_BYTES;
    const uint32_t bytes = wire_word(pkt, 12), align = 1u << w->options.align_shift;
    unsigned frames = 0;

    assert_true(bytes <= PILE_SECTION_BYTES);
    for (uint32_t at = 0; at < bytes; frames++) {
        assert_int_equal(at % align, 0);
        at += check_message(section + at, bytes - at);
    }
    assert_in_range(frames, 1, PILE_FRAMES_MAX);
}

unsigned pile_host_turn(struct wire *w)
{
    struct wire_packet pkt;
    unsigned count = 0;

    while (wire_get(w, &pkt)) {
        if (pkt.desc.type != VMBUS_PKT_INBAND || wire_word(&pkt, 0) != NVS_MSG_RNDIS)
            continue;
        check_packet(w, &pkt);
        wire_complete_rndis(w, pkt.desc.xid, NVS_STATUS_SUCCESS);
        count++;
    }
    return count;
}

void pile_up(struct wire *w, const struct wire_options *options)
{
    struct wire_options o = options ? *options : (struct wire_options){0};

    o.send_section_bytes = PILE_SECTION_BYTES;
    if (!o.aggregate_bytes)
        o.aggregate_bytes = 512;
    o.max_frame_bytes = 1500;
    committed = arrived = 0;
    wire_up(w, &o);
}

void pile_down(struct wire *w)
{
    netvsc_flush(w->nic);
    pile_host_turn(w);
    while (wire_poll(w)) {
    }
    assert_int_equal(arrived, committed);
    assert_int_equal(netvsc_tx_outstanding(w->nic), 0);
    wire_close(w);
}

/* ---- the guest ------------------------------------------------------------------------------- */

int pile_begin(struct wire *w, struct pile_draft *d, uint32_t len_bytes)
{
    const struct netvsc_tx_meta meta = {.has_tci = d->tci != 0, .tci = (uint16_t)(d->tci - 1)};

    d->len_bytes = len_bytes;
    w->begins++;
    return d->tci ? netvsc_queue_tx_begin_meta(w->nic, 0, len_bytes, &meta, &d->slot)
                  : netvsc_tx_begin(w->nic, len_bytes, &d->slot);
}

void pile_fill(struct pile_draft *d, uint8_t seed, bool tagged)
{
    for (uint32_t i = 0; i < d->len_bytes; i++)
        d->slot.data[i] = (uint8_t)(seed + i * 7);
    d->slot.data[0] &= 0xfe;
    if (d->len_bytes >= 18)
        memcpy(d->slot.data + 12, tagged ? "\x81\x00\x00\x33" : "\x88\xb5\x00\x00", 4);
}

void pile_commit(struct wire *w, struct pile_draft *d)
{
    struct sent *s = &expected[committed++ % EXPECTED_MAX];
    const uint8_t *at = d->slot.data;

    s->len_bytes = d->len_bytes;
    s->tci = d->tci;
    memcpy(s->bytes, at, d->len_bytes);
    if (d->len_bytes >= 16 && at[12] == 0x81 && at[13] == 0) {
        s->tci = 0x33 + 1;
        s->len_bytes -= 4;
        memcpy(s->bytes + 12, at + 16, d->len_bytes - 16);
    }
    netvsc_tx_commit(w->nic, &d->slot, d->len_bytes);
}

void pile_send(struct wire *w, uint32_t len_bytes, uint8_t seed)
{
    struct pile_draft d = {0};

    assert_int_equal(pile_begin(w, &d, len_bytes), 0);
    pile_fill(&d, seed, false);
    pile_commit(w, &d);
}

void pile_expect_tci(uint16_t tci)
{
    expected[(committed - 1) % EXPECTED_MAX].tci = tci + 1u;
}
