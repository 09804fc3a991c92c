/* SPDX-License-Identifier: BSD-3-Clause */
#include "card_lies.h"

#include <string.h>

#include "hvh_nic_var.h"

#define HEAD_BYTES 54u /* Ethernet, IPv4, TCP */
#define LARGE_BYTES_MAX 30000u
#define LATELY_BYTES 512u /* of a ring: what was written last */
#define WORDS 20u         /* of a section: RNDIS header and elements */

/* ---- lies ------------------------------------------------------------------------------------ */

static uint32_t some_word(uint32_t word)
{
    switch (below(5)) {
    case 0:
        return pick(0, 1, 2, 4, 8, 16, 28, 36, 44, 60, 1u << 16, 1u << 31, UINT32_MAX - 3,
                    UINT32_MAX);
    case 1:
        return word + pick(1, 4, 8, UINT32_MAX, UINT32_MAX - 3, UINT32_MAX - 7);
    case 2:
        return word ^ 1u << below(32);
    case 3:
        return below(2000);
    default:
        return below(UINT32_MAX);
    }
}

static void spoil(uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof(word));
    word = some_word(word);
    memcpy(at, &word, sizeof(word));
}

static void lie_in_ring(struct vmbus_ring_ctl *ctl, uint32_t data_bytes)
{
    const uint32_t back = 4 * between(1, LATELY_BYTES / 4);
    const uint32_t write = atomic_load(&ctl->write_index) % data_bytes & ~3u;

    if (happens(50))
        spoil((uint8_t *)ctl + (size_t)4 * below(4));
    else
        spoil((uint8_t *)ctl + VMBUS_PAGE_BYTES + (write + data_bytes - back) % data_bytes);
}

static void lie_in_section(const struct vmbus_region *mem, uint32_t section_bytes, uint32_t index)
{
    const size_t off = (size_t)index * section_bytes + (size_t)4 * below(WORDS);

    if (off + 4 <= mem->len_bytes)
        spoil(mem->base + off);
}

void life_lie(void)
{
    struct hvhost_nic *card = life.card[life.at];
    struct hvh_chan *chan = &card->chan[below(LIFE_QUEUES)];

    if (!card->face)
        return;
    if (!chan->open)
        chan = &card->chan[0];
    life.lies = true;
    switch (below(12)) {
    case 0:
        lie_in_ring(chan->in.ctl, chan->in.data_bytes);
        break;
    case 1:
        lie_in_ring(chan->out.ctl, chan->out.data_bytes);
        break;
    case 2:
        if (card->guest.ram_count > 0)
            lie_in_section(&card->guest.ram[0].mem, 0, 0);
        break;
    case 3:
    case 4:
    case 5:
        lie_in_section(&card->send, card->send_section_bytes, below(12));
        break;
    default: /* the first ones are for control, then come those used most */
        lie_in_section(&card->recv, card->sections.bytes,
                       happens(300) ? below(16) : 16 + below(happens(500) ? 4 : 32));
    }
}

/* ---- large frames ---------------------------------------------------------------------------- */

static uint32_t build(uint8_t *frame, const uint8_t *to, const uint8_t *from)
{
    static const uint8_t ip[] = {0x08, 0x00, 0x45, 0,  0, 0, 0, 0,  0, 0, 64,
                                 6,    0,    0,    10, 0, 0, 1, 10, 0, 0, 2};
    const uint32_t bytes = between(HEAD_BYTES + 1, happens(500) ? 4000 : LARGE_BYTES_MAX);

    memset(frame, 0, bytes);
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    memcpy(frame + 12, ip, sizeof(ip));
    frame[16] = (uint8_t)((bytes - 14) >> 8);
    frame[17] = (uint8_t)(bytes - 14);
    frame[46] = 0x50;
    frame[47] = 0x10;
    return bytes;
}

void life_far_sends_large(void)
{
    static const uint8_t from[6] = {0x02, 0xfa, 0, 0, 0, 1};
    uint8_t data[LARGE_BYTES_MAX];
    struct hvhost_frame frame = {.data = data,
                                 .csum_partial = true,
                                 .csum_start = 34,
                                 .csum_off = 16,
                                 .mss = (uint16_t)pick(200, 1000, 1448)};

    frame.len_bytes = build(data, netvsc_info(life.nic)->mac, from);
    hvhost_port_send(life.port, &frame);
}

void life_guest_sends_large(unsigned q)
{
    static const uint8_t to[6] = {0x02, 0xfa, 0, 0, 0, 1};
    uint8_t data[LARGE_BYTES_MAX];
    const struct netvsc_tx_meta meta = {
        .l4_off = 34, .lso4 = true, .mss_bytes = (uint16_t)pick(200, 1000, 1448)};
    struct netvsc_slot slot;
    const uint32_t bytes = build(data, to, netvsc_info(life.nic)->mac);

    life_guest_ends(q);
    life.begins++;
    if (netvsc_queue_tx_begin_meta(life.nic, q, bytes, &meta, &slot))
        return;
    memcpy(slot.data, data, bytes);
    netvsc_queue_tx_commit(life.nic, q, &slot, bytes);
}
