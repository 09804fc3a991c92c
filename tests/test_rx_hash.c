/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages with hashes, as a host sends them that spreads frames: they are another's like for all
 * that, each has its own hash, and a lie beside it is found. For every bit of a message.
 */
#include <string.h>

#include "netif_wire.h"
#include "netvsc_rx_var.h"
#include "rss_reg.h"

#define SECTION_BYTES 1728u
#define FRAME_BYTES 60u
#define ELEMENTS 3u
#define HEAD_BYTES ((uint32_t)sizeof(struct rndis_packet) + ELEMENTS * RNDIS_PPI_BYTES)
#define VALUE_OFF(element)                                                                         \
    ((uint32_t)sizeof(struct rndis_packet) + (element)*RNDIS_PPI_BYTES + RNDIS_PPI_DATA_OFF)
enum { VERDICT, HASH, HASH_INFO }; /* elements in their order */

/* In section (index), a frame with a verdict and (hash). */
static struct vmbus_xfer_range put(struct wire *w, uint32_t index, uint32_t hash)
{
    const uint32_t elements[] = {
        RNDIS_PPI_BYTES, RNDIS_PPI_CSUM,      RNDIS_PPI_DATA_OFF, RNDIS_RXCSUM_TCP_OK,
        RNDIS_PPI_BYTES, RNDIS_PPI_HASH,      RNDIS_PPI_DATA_OFF, hash,
        RNDIS_PPI_BYTES, RNDIS_PPI_HASH_INFO, RNDIS_PPI_DATA_OFF, NDIS_RSS_TOEPLITZ | NDIS_RSS_TCP4,
    };
    uint8_t *at = w->t.recv.base + index * SECTION_BYTES;

    rndis_put_packet(at, sizeof(elements), FRAME_BYTES);
    memcpy(at + sizeof(struct rndis_packet), elements, sizeof(elements));
    memset(at + HEAD_BYTES, 0x42, FRAME_BYTES);
    return (struct vmbus_xfer_range){HEAD_BYTES + FRAME_BYTES, index * SECTION_BYTES};
}

static void deliver(struct wire *w, const struct vmbus_xfer_range *range)
{
    wire_xfer(w, 0, NVS_RNDIS_DATA, range, 1);
    wire_poll(w);
}

/* The message of (range) is taken for one like the last judged; it is handed up then. */
static bool alike(struct wire *w, const struct vmbus_xfer_range *range)
{
    struct netvsc_queue *q = w->nic->queue[0];
    uint64_t word;
    uint32_t done;

    memcpy(&word, range, sizeof(word));
    done = netvsc_rx_alike(q, (const uint8_t *)&word, 1);
    netvsc_rx_hand_up(q);
    return done == 1;
}

/* A NIC that has judged one of them. */
static void setup(struct wire *w)
{
    struct vmbus_xfer_range first;

    wire_up(w, NULL);
    first = put(w, 0, 0xC0FFEE);
    deliver(w, &first);
    wire_expect_ack(w, 0, NVS_STATUS_SUCCESS);
    assert_int_equal(w->rx_count, 1);
    assert_int_equal(w->frames[0].frame.hash, 0xC0FFEE);
}

static void messages_that_differ_in_their_hash_are_alike(void **state)
{
    struct wire w;

    (void)state;
    setup(&w);
    for (uint32_t i = 1; i <= 40; i++) {
        const uint32_t hash = i * 0x9E3779B9u;
        const struct vmbus_xfer_range range = put(&w, i, hash);

        assert_true(alike(&w, &range));
        assert_int_equal(w.frames[i].frame.hash, hash);
        assert_int_equal(w.frames[i].frame.csum, NETVSC_CSUM_L4_OK);
        assert_int_equal(w.frames[i].frame.len_bytes, FRAME_BYTES);
        assert_int_equal(w.frames[i].head[0], 0x42);
    }
    wire_close(&w);
}

static void one_without_hash_has_none(void **state)
{
    struct wire w;
    struct vmbus_xfer_range range;

    (void)state;
    setup(&w);
    range = wire_message(&w, 1, FRAME_BYTES, 0x42);
    assert_false(alike(&w, &range));
    deliver(&w, &range);
    wire_expect_ack(&w, 0, NVS_STATUS_SUCCESS);
    assert_int_equal(w.frames[1].frame.hash, 0);
    assert_int_equal(w.frames[1].frame.csum, 0);
    wire_close(&w);
}

/* May bit (bit) of a message be another without it being judged? */
static bool is_free(unsigned bit)
{
    const uint32_t off = bit / 8;

    return (off >= VALUE_OFF(HASH) && off < VALUE_OFF(HASH) + 4) ||
           (off >= VALUE_OFF(HASH_INFO) && off < VALUE_OFF(HASH_INFO) + 4) ||
           (off >= offsetof(struct rndis_packet, oob_off) &&
            off < offsetof(struct rndis_packet, ppi_off)) ||
           (off >= offsetof(struct rndis_packet, vc_handle) && off < sizeof(struct rndis_packet));
}

static void a_lie_in_any_bit_beside_the_hash_is_judged(void **state)
{
    const unsigned bits = 8 * HEAD_BYTES;
    struct wire w;
    unsigned judged = 0;

    (void)state;
    setup(&w);
    for (unsigned bit = 0; bit < bits; bit++) {
        const struct vmbus_xfer_range range = put(&w, 1, 0);

        w.t.recv.base[range.off_bytes + bit / 8] ^= (uint8_t)(1u << bit % 8);
        w.rx_count = 0;
        assert_int_equal(alike(&w, &range), is_free(bit));
        judged += !is_free(bit);
    }
    assert_int_equal(judged, bits - 8 * (4 + 4 + 12 + 8));
    wire_close(&w);
}

static void a_value_that_ends_behind_its_element_costs_the_packet(void **state)
{
    static const uint32_t elements[] = {VERDICT, HASH};
    const uint32_t data_off = RNDIS_PPI_DATA_OFF + 1;
    struct vmbus_xfer_range true_one;
    struct wire w;

    (void)state;
    setup(&w);
    for (unsigned i = 0; i < countof(elements); i++) {
        const struct vmbus_xfer_range range = put(&w, 1, 77);

        memcpy(w.t.recv.base + range.off_bytes + VALUE_OFF(elements[i]) - sizeof(data_off),
               &data_off, sizeof(data_off));
        deliver(&w, &range);
        wire_expect_ack(&w, 0, NVS_STATUS_FAILURE);
        assert_int_equal(w.rx_count, 1); /* the first */
        true_one = put(&w, 2, 5);
        assert_true(alike(&w, &true_one)); /* a lie is not what others are compared with */
        w.rx_count = 1;
        assert_int_equal(wire_stats(&w).rx_drop_rndis, i + 1);
    }
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_differ_in_their_hash_are_alike),
        cmocka_unit_test(one_without_hash_has_none),
        cmocka_unit_test(a_lie_in_any_bit_beside_the_hash_is_judged),
        cmocka_unit_test(a_value_that_ends_behind_its_element_costs_the_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
