/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host says it can do for us, and what of it we ask for. */
#include <errno.h>
#include <string.h>

#include "netif_wire.h"
#include "netvsc_gather.h"

#define TCP4 (NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPTIONS)
#define TCP6 (TCP4 | NDIS_CSUM_IP6_EXT)
#define LSO_BYTES 62780u
#define V6_OPTIONS 0x5u /* extension headers, TCP options */

static struct wire w;

/* Up, on a host that says (*can). */
static void up(const struct ndis_offload *can)
{
    const struct wire_options options = {.can = can};

    wire_up(&w, &options);
}

/* Both families, a packet from (segments) on. */
static struct ndis_offload cutting(uint32_t segments)
{
    const struct ndis_lso lso = {NDIS_ENCAP_8023, LSO_BYTES, segments};

    return (struct ndis_offload){.ip4_tx = {NDIS_ENCAP_8023, TCP4},
                                 .ip6_tx = {NDIS_ENCAP_8023, TCP6},
                                 .lso4 = lso,
                                 .lso6 = lso,
                                 .lso6_options = V6_OPTIONS};
}

/* Can two segments of 1000 bytes leave as one packet? */
static int cut_in_two(void)
{
    const struct netvsc_tx_meta meta = {.lso4 = true, .l4_off = 34, .mss_bytes = 1000};
    const size_t bytes = 34 + 20 + 2000;
    struct netvsc_slot slot;
    const int rc = netvsc_queue_tx_begin_meta(w.nic, 0, bytes, &meta, &slot);

    w.begins++;
    if (rc)
        return rc;
    memset(slot.data, 0x45, bytes);
    netvsc_tx_commit(w.nic, &slot, bytes);
    return 0;
}

/* lwIP's face puts two segments together and more, and cannot take them apart again. */
static void a_host_is_asked_to_cut_if_it_cuts_two_segments(void **state)
{
    static const struct {
        uint32_t segments_min;
        bool asked;
    } rows[] = {{0, true}, {1, true}, {2, true}, {3, false}, {0x10001, false}, {UINT32_MAX, false}};

    (void)state;
    for (unsigned i = 0; i < countof(rows); i++) {
        const struct ndis_offload can = cutting(rows[i].segments_min);
        const uint32_t bytes = rows[i].asked ? LSO_BYTES : 0;

        up(&can);
        assert_int_equal(netvsc_info(w.nic)->offload.lso4_bytes, bytes);
        assert_int_equal(netvsc_info(w.nic)->offload.lso6_bytes, bytes);
        assert_int_equal(w.offload.lso4, rows[i].asked ? NDIS_PARAM_ON : NDIS_PARAM_OFF);
        assert_int_equal(w.offload.lso6, rows[i].asked ? NDIS_PARAM_ON : NDIS_PARAM_OFF);
        assert_int_equal(cut_in_two(), rows[i].asked ? 0 : -EOPNOTSUPP);
        wire_close(&w);
    }
}

static void what_lacks_a_part_we_need_is_not_used(void **state)
{
    struct ndis_offload can;

    (void)state;
    can = cutting(2);
    can.ip4_tx.flags = NDIS_CSUM_TCP; /* not with TCP options */
    can.lso6_options = 0x1;           /* nor these */
    up(&can);
    assert_int_equal(netvsc_info(w.nic)->offload.csum, NETVSC_CSUM_TCP6);
    assert_int_equal(netvsc_info(w.nic)->offload.lso4_bytes, 0);
    assert_int_equal(netvsc_info(w.nic)->offload.lso6_bytes, 0);
    wire_close(&w);

    can = cutting(2);
    can.lso4.encap = 0;
    can.ip6_tx.flags = TCP4; /* not behind extension headers */
    up(&can);
    assert_int_equal(netvsc_info(w.nic)->offload.csum, NETVSC_CSUM_TCP4);
    assert_int_equal(netvsc_info(w.nic)->offload.lso4_bytes, 0);
    assert_int_equal(netvsc_info(w.nic)->offload.lso6_bytes, 0);
    wire_close(&w);
}

static void a_host_without_the_object_is_told_of_by_the_step_that_failed(void **state)
{
    (void)state;
    up(NULL);
    assert_string_equal(netvsc_info(w.nic)->left_out, "offload capabilities");
    assert_int_equal(netvsc_info(w.nic)->left_out_error, -EPROTO);
    assert_int_equal(netvsc_info(w.nic)->offload.csum, 0);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_asked_to_cut_if_it_cuts_two_segments),
        cmocka_unit_test(what_lacks_a_part_we_need_is_not_used),
        cmocka_unit_test(a_host_without_the_object_is_told_of_by_the_step_that_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
