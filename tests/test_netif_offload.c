/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a frame of lwIP's is left to the host, wherever pbufs cut it and however short it is. */
#include "lwip_bench.h"

#include <string.h>
#include <sys/mman.h>

#include "burst.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "vmbus_reg.h"

#define FRAME_MAX 768u
#define TCP_BYTES 20u
#define SHORT_BYTES 20u
#define LONG_BYTES 600u

struct shape {
    u16_t data_bytes;
    bool is_tagged;
    u16_t option_bytes; /* of IP, multiple of 4 */
    u16_t first;        /* length of the first of two pbufs; 0: there is only one */
};

/* The bytes of a TCP segment without a sum. Returns their number. */
static u16_t make_frame(const struct shape *shape, uint8_t *frame)
{
    static const uint8_t macs[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1};
    static const uint8_t tag[] = {0x81, 0, 0x20, 0x05};
    static const uint8_t ip[] = {0x08, 0, 0x45, 0,  0, 0, 0, 1,  0, 0, 64,
                                 6,    0, 0,    10, 0, 0, 1, 10, 0, 0, 2};
    static const uint8_t tcp[TCP_BYTES] = {0, 7, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x10};
    const u16_t skip = shape->is_tagged ? sizeof(tag) : 0;
    const u16_t ip_bytes = (u16_t)(IP_HLEN + shape->option_bytes);
    uint8_t *at = frame + sizeof(macs);

    memset(frame, 1, FRAME_MAX); /* IP's options: no operation; and data */
    memcpy(frame, macs, sizeof(macs));
    memcpy(at, tag, skip);
    at += skip;
    memcpy(at, ip, sizeof(ip));
    at += 2;
    at[0] = (uint8_t)(0x40 | ip_bytes / 4);
    burst_put16(at + 2, ip_bytes + TCP_BYTES + shape->data_bytes);
    burst_put16(at + 10, ~burst_sum(0, at, ip_bytes) & 0xFFFF);
    memcpy(at + ip_bytes, tcp, sizeof(tcp));
    return (u16_t)(at + ip_bytes + TCP_BYTES + shape->data_bytes - frame);
}

static struct pbuf *tcp_frame(const struct shape *shape)
{
    uint8_t frame[FRAME_MAX];
    const u16_t bytes = make_frame(shape, frame);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, shape->first ? shape->first : bytes, PBUF_RAM);

    assert_non_null(p);
    if (shape->first)
        pbuf_cat(p, pbuf_alloc(PBUF_RAW, (u16_t)(bytes - shape->first), PBUF_RAM));
    pbuf_take(p, frame, bytes);
    return p;
}

static err_t output(struct pbuf *p)
{
    err_t err = stack_output(p);

    pbuf_free(p);
    stack_turn(2);
    return err;
}

static unsigned summed;

/* Behind the switch: the sum over (address_bytes) of addresses before (tcp), protocol, length and
 * segment is that of a right one. */
static void check_sum(const uint8_t *tcp, uint32_t tcp_bytes, const uint8_t *addresses,
                      uint32_t address_bytes)
{
    assert_int_equal(
        burst_sum(burst_sum(IP_PROTO_TCP + tcp_bytes, addresses, address_bytes), tcp, tcp_bytes),
        0xFFFF);
    summed++;
}

static void on_padded(void *ctx, const struct hvhost_frame *frame)
{
    const uint8_t *ip = frame->data + BURST_IP;
    const uint32_t ip_bytes = (ip[0] & 0xFu) * 4;

    (void)ctx;
    check_sum(ip + ip_bytes, (uint32_t)(ip[2] << 8 | ip[3]) - ip_bytes, ip + 12, 8);
}

static void on_segment(void *ctx, const struct hvhost_frame *frame)
{
    const uint8_t *ip = frame->data + BURST_IP;

    assert_int_equal(frame->len_bytes, BURST_IP + (uint32_t)(ip[2] << 8 | ip[3]));
    on_padded(ctx, frame);
}

static void on_segment6(void *ctx, const struct hvhost_frame *frame)
{
    const uint8_t *ip = frame->data + BURST_IP;

    (void)ctx;
    check_sum(ip + IP6_HLEN, frame->len_bytes - BURST_IP - IP6_HLEN, ip + 8, 32);
}

static struct pbuf *tcp6_frame(u16_t data_bytes)
{
    static const uint8_t head[] = {2, 0,    0,    0,    0, 9, 2, 0, 0,         0, 0,
                                   1, 0x86, 0xDD, 0x60, 0, 0, 0, 0, TCP_BYTES, 6, 64};
    static const uint8_t tcp[TCP_BYTES] = {0, 7, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x10};
    uint8_t frame[FRAME_MAX];
    const u16_t bytes = (u16_t)(BURST_IP + IP6_HLEN + TCP_BYTES + data_bytes);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, bytes, PBUF_RAM);

    memset(frame, 0xA7, sizeof(frame)); /* addresses and data */
    memcpy(frame, head, sizeof(head));
    burst_put16(frame + BURST_IP + 4, TCP_BYTES + data_bytes);
    memcpy(frame + BURST_IP + IP6_HLEN, tcp, sizeof(tcp));
    assert_non_null(p);
    pbuf_take(p, frame, bytes);
    return p;
}

static void a_sum_left_to_the_host_is_asked_for_wherever_the_headers_lie(void **state)
{
    struct hvhost_port *port;
    struct hvhost_nic_stats host;
    unsigned sent = 0, tagged = 0;

    (void)state;
    stack_setup(64);
    summed = 0;
    assert_int_equal(hvhost_port_add(stack.host, on_segment, NULL, &port), 0);
    for (u16_t options = 0; options <= 40; options += 4) {
        for (u16_t first = 0; first < 70; first++, sent += 2, tagged++) {
            struct shape shape = {LONG_BYTES, false, options, first};

            assert_int_equal(output(tcp_frame(&shape)), ERR_OK);
            shape.is_tagged = true;
            assert_int_equal(output(tcp_frame(&shape)), ERR_OK);
        }
    }
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(summed, sent);
    assert_int_equal(host.tx_csum, sent);
    assert_int_equal(host.tx_vlan, tagged);
    assert_int_equal(host.strict_offload, 0);
    stack_teardown();
}

/* But beside a tag, which has to be asked for anyway, and behind options of IP's. */
static void a_short_segment_leaves_with_its_sum_and_asks_for_nothing(void **state)
{
    struct hvhost_port *port;
    struct hvhost_nic_stats host;
    unsigned sent = 0;

    (void)state;
    stack_setup(64);
    summed = 0;
    assert_int_equal(hvhost_port_add(stack.host, on_padded, NULL, &port), 0);
    for (u16_t bytes = 1; bytes <= 400; bytes++, sent += 2) {
        struct shape shape = {bytes, false, 0, BURST_IP + IP_HLEN + TCP_BYTES};

        assert_int_equal(output(tcp_frame(&shape)), ERR_OK);
        shape.first = 0;
        assert_int_equal(output(tcp_frame(&shape)), ERR_OK);
    }
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(summed, sent);
    assert_int_equal(host.tx_csum, 0);
    assert_int_equal(output(tcp_frame(&(struct shape){SHORT_BYTES, true, 0, 0})), ERR_OK);
    assert_int_equal(output(tcp_frame(&(struct shape){SHORT_BYTES, false, 4, 0})), ERR_OK);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(summed, sent + 2);
    assert_int_equal(host.tx_csum, 2);
    stack_teardown();
}

/* Every sum there is, with what a carry may be added to twice. */
static void a_short_segment_is_summed_right_whatever_it_says(void **state)
{
    const struct shape shape = {.data_bytes = 235}; /* a length of 0xFF00 in memory order */
    struct hvhost_port *port;

    (void)state;
    stack_setup(64);
    summed = 0;
    assert_int_equal(hvhost_port_add(stack.host, on_segment, NULL, &port), 0);
    for (uint32_t word = 0; word <= 0xFFFF; word++) {
        struct pbuf *p = tcp_frame(&shape);

        stack.far_count = 0;
        burst_put16((uint8_t *)p->payload + BURST_IP + IP_HLEN + TCP_BYTES, word);
        assert_int_equal(output(p), ERR_OK);
    }
    assert_int_equal(summed, 0x10000);
    stack_teardown();
}

/* The longest that is summed here, and the first that is not, over IPv6. */
static void a_short_segment_of_IPv6_leaves_with_its_sum_too(void **state)
{
    enum { IP6 = 40, SHORT = 512 - 14 - IP6 - TCP_BYTES };
    struct hvhost_nic_stats host;
    struct hvhost_port *port;

    (void)state;
    stack_setup(64);
    summed = 0;
    assert_int_equal(hvhost_port_add(stack.host, on_segment6, NULL, &port), 0);
    for (u16_t bytes = SHORT - 3; bytes <= SHORT + 1; bytes++)
        assert_int_equal(output(tcp6_frame(bytes)), ERR_OK);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(summed, 5);
    assert_int_equal(host.tx_csum, 1);
    stack_teardown();
}

/* Behind what the IP header says may be padding: bytes of an old frame, say. */
static void padding_behind_a_short_segment_is_not_summed(void **state)
{
    struct hvhost_port *port;
    uint8_t frame[FRAME_MAX];
    struct shape shape = {.data_bytes = 1};
    struct pbuf *p;
    u16_t bytes = make_frame(&shape, frame);

    (void)state;
    stack_setup(64);
    summed = 0;
    assert_int_equal(hvhost_port_add(stack.host, on_padded, NULL, &port), 0);
    p = pbuf_alloc(PBUF_RAW, 60, PBUF_RAM);
    memset(frame + bytes, 0x5A, 60u - bytes);
    pbuf_take(p, frame, 60);
    assert_int_equal(output(p), ERR_OK);
    assert_int_equal(summed, 1);
    stack_teardown();
}

/* Behind each of them is memory nobody may touch. */
static void nothing_is_read_behind_the_end_of_a_short_frame(void **state)
{
    uint8_t *pages = mmap(NULL, 2 * VMBUS_PAGE_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t frame[FRAME_MAX];

    (void)state;
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + VMBUS_PAGE_BYTES, VMBUS_PAGE_BYTES, PROT_NONE), 0);
    stack_setup(64);
    for (unsigned is_tagged = 0; is_tagged < 2; is_tagged++) {
        const u16_t whole =
            make_frame(&(struct shape){.data_bytes = SHORT_BYTES, .is_tagged = is_tagged}, frame);

        for (u16_t bytes = 1; bytes < whole; bytes++) {
            struct pbuf *p = pbuf_alloc(PBUF_RAW, bytes, PBUF_REF);

            p->payload = memcpy(pages + VMBUS_PAGE_BYTES - bytes, frame, bytes);
            /* A tag leaves beside the frame, which is so much shorter. */
            assert_int_equal(output(p),
                             bytes < (is_tagged && bytes >= 16 ? 18 : 14) ? ERR_VAL : ERR_OK);
        }
    }
    stack_teardown();
    munmap(pages, 2 * VMBUS_PAGE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_left_to_the_host_is_asked_for_wherever_the_headers_lie),
        cmocka_unit_test(a_short_segment_leaves_with_its_sum_and_asks_for_nothing),
        cmocka_unit_test(a_short_segment_is_summed_right_whatever_it_says),
        cmocka_unit_test(a_short_segment_of_IPv6_leaves_with_its_sum_too),
        cmocka_unit_test(padding_behind_a_short_segment_is_not_summed),
        cmocka_unit_test(nothing_is_read_behind_the_end_of_a_short_frame),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
