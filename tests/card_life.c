/* SPDX-License-Identifier: BSD-3-Clause */
#include "card_life.h"

#include <errno.h>
#include <string.h>

#include "netif_books.h"
#include "nvs_reg.h"

#define HEAD_BYTES 54u /* Ethernet, IPv4, TCP or UDP; then the frame's number */
#define KNOWN_BYTES (HEAD_BYTES + 8)
#define LOAN_BYTES 16384u
#define BUDGET 64u
#define MTU_MAX 9000u

struct life life;
struct vmbus_memory life_memory;

static const uint8_t far_mac[6] = {0x02, 0xfa, 0, 0, 0, 1};

/* ---- frames ---------------------------------------------------------------------------------- */

static uint8_t body_byte(uint32_t id, uint32_t i)
{
    return (uint8_t)(id * 31 + i * 7 + (i >> 8));
}

/* A frame of (len_bytes) with a number of its own, which is returned. */
static uint32_t build(uint8_t *frame, uint32_t len_bytes, const uint8_t *to, const uint8_t *from)
{
    static const uint8_t ip[] = {0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1};
    uint8_t head[KNOWN_BYTES] = {0};
    const uint32_t id = life.next_id++ % LIFE_FRAMES;
    const uint32_t known[] = {id, len_bytes};

    memcpy(head, to, 6);
    memcpy(head + 6, from, 6);
    memcpy(head + 12, ip, sizeof(ip));
    head[23] = (uint8_t)pick(6, 17, 1);
    head[33] = (uint8_t)below(64);
    head[35] = (uint8_t)id;
    head[46] = 0x50;
    if (happens(300)) {
        head[12] = 0x88;
        head[13] = 0xb5;
    }
    memcpy(head + HEAD_BYTES, known, sizeof(known));
    memcpy(frame, head, len_bytes < KNOWN_BYTES ? len_bytes : KNOWN_BYTES);
    for (uint32_t i = KNOWN_BYTES; i < len_bytes; i++)
        frame[i] = body_byte(id, i);
    life.seen[id] = 0;
    return id;
}

/* It is as it was built; returns its number, or LIFE_FRAMES if it is too short to have one. */
static uint32_t recognise(const uint8_t *frame, uint32_t len_bytes)
{
    uint32_t known[2];

    if (len_bytes < KNOWN_BYTES || life.lies)
        return LIFE_FRAMES;
    memcpy(known, frame + HEAD_BYTES, sizeof(known));
    if (known[0] >= LIFE_FRAMES || known[1] != len_bytes)
        fail_msg("a frame of %u bytes says it is %u, of %u", len_bytes, known[0], known[1]);
    for (uint32_t i = KNOWN_BYTES; i < len_bytes; i++)
        if (frame[i] != body_byte(known[0], i))
            fail_msg("byte %u of frame %u, of %u, is wrong", i, known[0], len_bytes);
    return known[0];
}

static void note_seen(uint32_t id)
{
    if (id < LIFE_FRAMES && life.seen[id]++ > 0)
        fail_msg("frame %u came twice", id);
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void keep(const struct netvsc_frame *frame)
{
    struct life_hold *place = &life.held[below(LIFE_HOLDS)];

    if (place->hold)
        return;
    *place = (struct life_hold){netvsc_frame_hold(life.nic, frame), frame->data, frame->len_bytes};
}

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i += 1u + frames[i].more) {
        assert_in_range(frames[i].more, 0, life.config.rx_pieces ? count - i - 1 : 0);
        note_seen(recognise(frames[i].data, frames[i].len_bytes));
        life.received++;
        if (!life.calm && happens(100))
            keep(&frames[i]);
    }
    if (!life.calm && happens(5))
        netvsc_detach(life.nic, life.now_ns);
}

static void on_tx_done(void *ctx, void *const *owners, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i++) {
        bool *lent = owners[i];

        assert_in_range(lent - life.lent, 0, LIFE_LOANS - 1);
        assert_true(*lent);
        *lent = false;
        memset(life_memory.region.base + (size_t)(lent - life.lent) * LOAN_BYTES, 0xEE, LOAN_BYTES);
    }
}

static void on_event(void *ctx, enum netvsc_event event)
{
    (void)ctx;
    (void)event;
    if (!life.calm && netvsc_state(life.nic) == NETVSC_GONE && happens(100))
        life_attach(below(LIFE_CARDS));
}

static void fill(const struct life_begun *b)
{
    uint8_t frame[MTU_MAX + 14];

    build(frame, b->len_bytes, far_mac, netvsc_info(life.nic)->mac);
    memcpy(b->slot.data, frame, b->len_bytes);
}

void life_guest_ends(unsigned q)
{
    struct life_begun *b = &life.begun[q];

    if (!b->open)
        return;
    b->open = false;
    if (happens(200)) {
        netvsc_queue_tx_cancel(life.nic, q, &b->slot);
        return;
    }
    fill(b);
    if (b->meta.has_tci || happens(500))
        netvsc_queue_tx_commit(life.nic, q, &b->slot, b->len_bytes);
    else
        netvsc_queue_tx_commit_meta(life.nic, q, &b->slot, b->len_bytes, &b->meta);
}

static uint32_t some_bytes(void)
{
    const uint32_t mtu = netvsc_info(life.nic)->mtu_bytes;

    switch (below(4)) {
    case 0:
        return between(14, 100);
    case 1:
        return between(14, mtu + 20);
    case 2:
        return mtu + 14 - below(3);
    default:
        return between(KNOWN_BYTES, 600);
    }
}

static void begin(unsigned q, uint32_t len_bytes)
{
    struct life_begun *b = &life.begun[q];
    const struct netvsc_tx_meta meta = {.has_tci = happens(200), .tci = (uint16_t)below(65536)};

    if (b->open)
        life_guest_ends(q);
    *b = (struct life_begun){.len_bytes = len_bytes, .meta = meta};
    life.begins++;
    if (!meta.has_tci && happens(500))
        b->open = netvsc_queue_tx_begin(life.nic, q, len_bytes, &b->slot) == 0;
    else
        b->open = netvsc_queue_tx_begin_meta(life.nic, q, len_bytes, &meta, &b->slot) == 0;
    if (b->open)
        assert_true(b->slot.room_bytes >= len_bytes);
}

/* In pieces, of shared memory or not, some of them empty or of one byte. */
static uint32_t send_pieces(unsigned q, uint32_t len_bytes)
{
    const unsigned n = below(LIFE_LOANS);
    uint8_t *base = life_memory.region.base + (size_t)n * LOAN_BYTES + below(4096), *at = base;
    struct netvsc_piece piece[40];
    struct netvsc_vector v = {.piece = piece, .copy = happens(100), .owner = &life.lent[n]};
    uint32_t id, left = len_bytes;
    int rc;

    if (life.lent[n])
        return LIFE_FRAMES;
    id = build(base, len_bytes, far_mac, netvsc_info(life.nic)->mac);
    while (left && v.count < countof(piece)) {
        const uint32_t take = v.count + 1 == countof(piece) ? left : below(left + 1);

        piece[v.count++] = (struct netvsc_piece){at, take};
        at += take;
        left -= take;
    }
    life.begins++;
    life.lent[n] = true;
    rc = netvsc_queue_tx_vector(life.nic, q, &v);
    if (rc)
        life.lent[n] = false;
    return rc < 0 ? LIFE_FRAMES : id;
}

void life_guest_sends(unsigned q)
{
    const uint32_t len_bytes = some_bytes();

    if (len_bytes > MTU_MAX + 14)
        return;
    if (life.begun[q].open)
        life_guest_ends(q);
    if (happens(300) && len_bytes >= 14)
        send_pieces(q, len_bytes);
    else
        begin(q, len_bytes);
    if (!life.each_queue || happens(600))
        life_guest_ends(q);
    if (happens(300))
        netvsc_queue_flush(life.nic, q);
}

uint32_t life_guest_sends_one(unsigned q)
{
    struct life_begun *b = &life.begun[q];

    life_guest_ends(q);
    life.begins++;
    *b = (struct life_begun){.len_bytes = 80};
    assert_int_equal(netvsc_queue_tx_begin(life.nic, q, 80, &b->slot), 0);
    fill(b);
    netvsc_queue_tx_commit(life.nic, q, &b->slot, 80);
    return (life.next_id - 1) % LIFE_FRAMES;
}

void life_release(bool all)
{
    const unsigned first = all ? 0 : below(LIFE_HOLDS), end = all ? LIFE_HOLDS : first + 1;

    for (unsigned i = first; i < end; i++) {
        struct life_hold *h = &life.held[i];

        if (!h->hold)
            continue;
        recognise(h->data, h->len_bytes);
        netvsc_hold_release(h->hold);
        h->hold = NULL;
    }
}

/* ---- the far end ----------------------------------------------------------------------------- */

static void on_far(void *ctx, const struct hvhost_frame *frame)
{
    (void)ctx;
    note_seen(recognise(frame->data, frame->len_bytes));
    life.arrived++;
}

static uint32_t far_sends(const uint8_t *to, uint32_t len_bytes)
{
    uint8_t data[MTU_MAX + 64];
    const struct hvhost_frame frame = {.data = data,
                                       .len_bytes = len_bytes,
                                       .has_tci = happens(200),
                                       .tci = (uint16_t)below(65536)};
    const uint32_t id = build(data, len_bytes, to, far_mac);

    hvhost_port_send(life.port, &frame);
    return id;
}

/* Wherever it is attached, or to whom it was. */
static const uint8_t *address(void)
{
    return netvsc_state(life.nic) == NETVSC_UP ? netvsc_info(life.nic)->mac
                                               : life.card_config[life.at].mac;
}

void life_far_sends(void)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, other[6] = {2, 9, 9},
                         group[6] = {1, 0, 0x5e, 0, 0, 1};
    const uint32_t len_bytes = happens(500) ? between(14, 200) : between(14, MTU_MAX + 20);

    switch (below(8)) {
    case 0:
        far_sends(all, len_bytes);
        break;
    case 1:
        far_sends(group, len_bytes);
        break;
    case 2:
        far_sends(other, len_bytes);
        break;
    default:
        far_sends(address(), len_bytes);
    }
}

uint32_t life_far_sends_one(void)
{
    return far_sends(address(), 80);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void poll_each(bool all)
{
    const unsigned first = below(LIFE_QUEUES);

    for (unsigned i = 0; i < LIFE_QUEUES; i++) {
        const unsigned q = (first + i) % LIFE_QUEUES;

        if (!all && happens(300))
            continue;
        life_guest_ends(q);
        netvsc_queue_poll(life.nic, q, life.now_ns, all ? BUDGET : pick(0, 1, 3, BUDGET));
        if (!all && q > 0 && q < life.config.queues && happens(20))
            netvsc_queue_leave(life.nic, q);
    }
}

void life_turn(bool all)
{
    if (life.each_queue) {
        poll_each(all);
    } else if (all || happens(900)) {
        for (unsigned q = 0; q < LIFE_QUEUES; q++)
            life_guest_ends(q);
        netvsc_poll(life.nic, life.now_ns, all ? BUDGET : pick(0, 1, 3, BUDGET));
    }
    if (all || happens(900))
        hvhost_step(life.host, life.now_ns);
    life.now_ns += LIFE_MS;
}

bool life_attach(unsigned at)
{
    struct vmbus_transport t;
    struct vmbus_device *dev;

    if (hvhost_nic_open(life.card[at], &t))
        return false;
    life.at = at;
    assert_int_equal(vmbus_device_create(&t, &dev), 0);
    if (netvsc_attach(life.nic, dev, life.now_ns) == 0)
        return true;
    vmbus_close(dev);
    return false;
}

/* ---- the world ------------------------------------------------------------------------------- */

static void some_card(struct hvhost_nic_config *c, unsigned index)
{
    *c = (struct hvhost_nic_config){
        .mac = {0x00, 0x15, 0x5d, 0xaa, 0xbb, (uint8_t)(1 + index)},
        .nvs_version_max = pick(NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4, NVS_VERSION_5,
                                NVS_VERSION_6, NVS_VERSION_61, NVS_VERSION_61),
        .mtu_max_bytes = pick(1500, 1500, 4000, MTU_MAX),
        .recv_buf_bytes = pick(3u << 16, 1u << 18, 1u << 20),
        .send_buf_bytes = pick(1u << 16, 1u << 18, 1u << 20),
        .send_section_bytes = pick(0, 6144, 16384),
        .recv_section_bytes = pick(0, 0, 1728, 2048),
        .ring_bytes = pick(1u << 15, 1u << 16, 1u << 17),
        .dma_bytes = pick(0, 0, UINT32_MAX),
        .batch_frames = pick(1, 2, 8, 8),
        .max_queues = pick(1, 2, 3, 4, 8),
        .monitor_latency_us = pick(0, 0, 100),
        .offload = pick(0, HVHOST_OFFLOAD_NONE, HVHOST_OFFLOAD_TX_CSUM),
        .no_subchannel_rings = happens(50),
        .refuse_promiscuous = happens(300),
        .refuse_multicast = happens(300),
        .poll = happens(300),
        .whole_section = happens(200),
    };
}

static void some_config(struct netvsc_config *c)
{
    *c = (struct netvsc_config){
        .mtu_bytes = pick(0, 68, 576, 1500, 4000, MTU_MAX),
        .queues = pick(1, 2, 4, 4),
        .tx_aggregate_bytes = pick(0, 0, 1, 128, 1000),
        .tx_tci = (uint16_t)pick(0, 0, 0, 5),
        .promiscuous = happens(200),
        .memory = happens(700) ? &life_memory : NULL,
        .tx_copy_bytes = pick(0, 256, 1000),
        .rx_hold_percent = (uint8_t)pick(0, 5, 100),
        .rx_pieces = happens(300),
        .step_timeout_ms = pick(50, 100, 1000),
        .nvs_version_max = pick(0, 0, 0, NVS_VERSION_5),
        .rx = on_rx,
        .tx_done = on_tx_done,
        .event = on_event,
    };
}

void life_open(void)
{
    memset(&life, 0, sizeof(life));
    life.now_ns = 1000 * LIFE_MS;
    life.each_queue = happens(500);
    some_config(&life.config);
    assert_int_equal(hvhost_create(NULL, &life.host), 0);
    for (unsigned i = 0; i < LIFE_CARDS; i++) {
        some_card(&life.card_config[i], i);
        assert_int_equal(hvhost_nic_add(life.host, &life.card_config[i], &life.card[i]), 0);
    }
    assert_int_equal(hvhost_port_add(life.host, on_far, NULL, &life.port), 0);
    assert_int_equal(netvsc_create(&life.config, &life.nic), 0);
}

void life_close(void)
{
    const char *wrong = hvhost_audit(life.host);
    struct netvsc_stats s;

    if (wrong)
        fail_msg("the host's books: %s", wrong);
    check_books(life.nic, life.begins);
    netvsc_stats(life.nic, &s);
    assert_int_equal(s.rx_frames, life.received);
    netvsc_destroy(life.nic);
    life_release(true);
    for (unsigned i = 0; i < LIFE_LOANS; i++)
        assert_false(life.lent[i]);
    hvhost_destroy(life.host);
}
