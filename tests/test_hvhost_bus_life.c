/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest kernel's life by chance, most of it what no kernel does: memory shared under any handle,
 * named for whatever purpose and taken back while the host works with it, channels opened over
 * whatever ring, closed and released in any order, cards that come and go meanwhile; and all the
 * time packets in the rings and frames both ways. The host reads and writes only what it was lent,
 * and its books balance: an access to memory that was taken back is a signal.
 */
#include <string.h>

#include "chance.h"
#include "hvh_nic_var.h"
#include "ndis_reg.h"
#include "nvs_reg.h"
#include "rndis_reg.h"
#include "vmbus_bench.h"

#define LIVES 600u
#define TURNS 600u
#define QUEUES 4u
#define RINGS 5u   /* handles 1 to this are rings of BENCH_RING_PAGES */
#define HANDLES 9u /* and those up to this are buffers */
#define BUFFER_PAGES 48u
#define PAGE_OF(handle) (64u * (handle))
#define CONTROL_PAGE 10u
#define FRAME_PAGE 11u
#define SECTION_BYTES 6144u

static struct {
    struct bench b;
    struct hvhost_port *port;
    uint32_t ring[QUEUES]; /* the handle each channel was opened with last; 0: none */
    uint32_t send_buffer;  /* the handle last named as send buffer */
} life;

static struct {
    unsigned kernel, driver, card;
} mood; /* how often it is strange, of a thousand */

static uint8_t *page_at(uint32_t page)
{
    return life.b.ram + (size_t)page * VMBUS_PAGE_BYTES;
}

static uint32_t some_handle(void)
{
    return between(1, HANDLES);
}

static uint32_t relid_of(unsigned index)
{
    return life.b.bus->chan[index].relid;
}

/* A kernel that does not take its messages is not listened to. */
static bool listens(void)
{
    if (hvh_vmbus_has_room(life.b.bus))
        return true;
    life.b.occupied = false;
    (void)hvh_vmbus_turn(life.b.bus);
    return false;
}

/* ---- packets --------------------------------------------------------------------------------- */

static struct vmbus_ring_ctl *ring_half(unsigned index, unsigned half)
{
    return (void *)page_at(PAGE_OF(life.ring[index]) + half * BENCH_RING_PAGES / 2);
}

static void ring_clear(uint32_t handle)
{
    for (unsigned half = 0; half < 2; half++)
        memset(page_at(PAGE_OF(handle) + half * BENCH_RING_PAGES / 2), 0, VMBUS_PAGE_BYTES);
}

/* Behind what is in the ring, if there is room. */
static void put(unsigned index, struct vmbus_pkt_desc desc, const void *header,
                uint32_t header_bytes, const void *payload)
{
    const uint32_t data_bytes = (BENCH_RING_PAGES / 2 - 1) * VMBUS_PAGE_BYTES;
    const uint32_t bytes = (uint32_t)sizeof(desc) + header_bytes + NVS_MSG_BYTES;
    struct vmbus_ring_ctl *ctl = ring_half(index, 0);
    uint8_t raw[256] = {0}, *data = (uint8_t *)ctl + VMBUS_PAGE_BYTES;
    const uint32_t write = atomic_load(&ctl->write_index), read = atomic_load(&ctl->read_index);

    if (!life.ring[index] || write >= data_bytes || write % 8 || read >= data_bytes ||
        data_bytes - (write + data_bytes - read) % data_bytes <= bytes + VMBUS_PKT_TRAILER_BYTES)
        return;
    desc.header_qwords = (uint16_t)((sizeof(desc) + header_bytes) / 8);
    desc.total_qwords = (uint16_t)(bytes / 8);
    memcpy(raw, &desc, sizeof(desc));
    if (header_bytes)
        memcpy(raw + sizeof(desc), header, header_bytes);
    memcpy(raw + sizeof(desc) + header_bytes, payload, NVS_MSG_BYTES);
    memcpy(raw + bytes + 4, &write, sizeof(write));
    for (uint32_t i = 0; i < bytes + VMBUS_PKT_TRAILER_BYTES; i++)
        data[(write + i) % data_bytes] = raw[i];
    atomic_store(&ctl->write_index, (write + bytes + VMBUS_PKT_TRAILER_BYTES) % data_bytes);
}

static void say(unsigned index, const void *msg, uint32_t bytes)
{
    const struct vmbus_pkt_desc desc = {
        .type = VMBUS_PKT_INBAND, .flags = happens(950), .xid = below(1000)};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(payload, msg, bytes);
    put(index, desc, NULL, 0, payload);
}

/* RNDIS of (bytes) in guest page (page): control or data. */
static void say_by_page(unsigned index, uint32_t channel_type, uint32_t page, uint32_t bytes)
{
    const struct {
        struct vmbus_gpa_header head;
        struct vmbus_gpa_range range;
        uint64_t pfn;
    } header = {{0, 1}, {bytes, 0}, page};
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, channel_type, NVS_SECTION_NONE, 0};
    const struct vmbus_pkt_desc desc = {
        .type = VMBUS_PKT_GPA_DIRECT, .flags = VMBUS_PKT_FLAG_COMPLETION, .xid = below(1000)};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(payload, &msg, sizeof(msg));
    put(index, desc, &header, sizeof(header), payload);
}

static uint8_t *section_at(uint32_t section)
{
    return page_at(PAGE_OF(life.send_buffer)) + (size_t)section * SECTION_BYTES;
}

static void control(const void *msg, uint32_t bytes)
{
    const struct nvs_rndis by_section = {NVS_MSG_RNDIS, NVS_RNDIS_CONTROL, 0, bytes};

    if (happens(300)) {
        memcpy(section_at(0), msg, bytes);
        say(0, &by_section, sizeof(by_section));
    } else {
        memcpy(page_at(CONTROL_PAGE), msg, bytes);
        say_by_page(0, NVS_RNDIS_CONTROL, CONTROL_PAGE, bytes);
    }
}

static void ask(uint32_t type, uint32_t oid, uint32_t value)
{
    const struct {
        struct rndis_request head;
        uint32_t value;
    } msg = {{.type = type,
              .len_bytes = sizeof(msg),
              .oid = oid,
              .info_bytes = sizeof(value),
              .info_off = RNDIS_REQUEST_INFO_OFF},
             value};

    control(&msg, sizeof(msg));
}

static void some_frame(unsigned index)
{
    const uint32_t bytes = between(14, 1600), section = below(8);
    const struct rndis_packet head = {.type = RNDIS_MSG_PACKET,
                                      .len_bytes = (uint32_t)sizeof(head) + bytes,
                                      .data_off = RNDIS_PACKET_OFF_MIN,
                                      .data_bytes = bytes};
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, section, head.len_bytes};
    const bool by_page = happens(300);
    uint8_t *at = by_page ? page_at(FRAME_PAGE) : section_at(section);

    memcpy(at, &head, sizeof(head));
    memset(at + sizeof(head), happens(500) ? 0xFF : 2, bytes);
    if (by_page)
        say_by_page(index, NVS_RNDIS_DATA, FRAME_PAGE, head.len_bytes);
    else
        say(index, &msg, sizeof(msg));
}

static void some_completion(unsigned index)
{
    const struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION,
                                        .xid = below(happens(300) ? 16 : 110)};
    const struct nvs_rndis_complete msg = {NVS_MSG_RNDIS_COMPLETE, NVS_STATUS_SUCCESS};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(payload, &msg, sizeof(msg));
    put(index, desc, NULL, 0, payload);
}

static void reads_all(unsigned index)
{
    struct vmbus_ring_ctl *ctl = ring_half(index, 1);

    if (life.ring[index])
        atomic_store(&ctl->read_index, atomic_load(&ctl->write_index));
}

/* ---- NVSP ------------------------------------------------------------------------------------ */

static void names_buffer(uint32_t type)
{
    const uint32_t handle = happens(900) ? between(RINGS + 1, HANDLES) : some_handle();
    const struct nvs_buf msg = {.type = type,
                                .gpadl = handle,
                                .id = type == NVS_MSG_RECV_BUF ? NVS_RECV_BUF_ID : NVS_SEND_BUF_ID};

    if (type == NVS_MSG_SEND_BUF)
        life.send_buffer = handle;
    say(0, &msg, sizeof(msg));
}

static void initialises(void)
{
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
    const struct nvs_ndis_config config = {.type = NVS_MSG_NDIS_CONFIG,
                                           .mtu_bytes = (uint32_t)pick(1514, 1514, 9014),
                                           .capabilities = NVS_CAP_8021Q};
    const struct nvs_ndis_version ndis = {NVS_MSG_NDIS_VERSION, NVS_NDIS_MAJOR, NVS_NDIS_MINOR};

    say(0, &init, sizeof(init));
    say(0, &config, sizeof(config));
    say(0, &ndis, sizeof(ndis));
    names_buffer(NVS_MSG_RECV_BUF);
    names_buffer(NVS_MSG_SEND_BUF);
}

static void starts_rndis(void)
{
    const struct rndis_initialize msg = {.type = RNDIS_MSG_INITIALIZE,
                                         .len_bytes = sizeof(msg),
                                         .version_major = 1,
                                         .max_transfer_bytes = RNDIS_MAX_TRANSFER_BYTES};

    control(&msg, sizeof(msg));
}

static void wants_channels(void)
{
    const struct nvs_subchannel msg = {
        .type = NVS_MSG_SUBCHANNEL, .op = NVS_SUBCHANNEL_ALLOCATE, .count = between(1, QUEUES)};

    say(0, &msg, sizeof(msg));
}

static void revokes(void)
{
    const uint32_t type = pick(NVS_MSG_REVOKE_RECV_BUF, NVS_MSG_REVOKE_SEND_BUF);
    const struct nvs_revoke_buf msg = {type, NVS_RECV_BUF_ID, 0};

    say(0, &msg, sizeof(msg));
}

/* ---- messages of the kernel ------------------------------------------------------------------ */

static void shares(unsigned index, uint32_t handle)
{
    const uint32_t pages = handle <= RINGS ? BENCH_RING_PAGES : BUFFER_PAGES;

    if (!listens())
        return;
    bench_share(&life.b, relid_of(index) - hvh_nic_relid(life.b.nic), handle, PAGE_OF(handle),
                happens(950) ? pages : between(1, pages), 1);
}

static void opens(unsigned index)
{
    const uint32_t handle = happens(950) ? between(1, RINGS) : some_handle();
    const bool was_open = life.b.bus->chan[index].state == HVH_BUS_OPEN;

    if (!listens() || was_open)
        return;
    if (happens(900))
        shares(index, handle);
    ring_clear(handle);
    bench_open_channel(&life.b, relid_of(index) - hvh_nic_relid(life.b.nic), handle,
                       BENCH_RING_PAGES / 2, below(2));
    if (life.b.bus->chan[index].state == HVH_BUS_OPEN)
        life.ring[index] = handle;
}

static void comes_up(void)
{
    for (uint32_t handle = RINGS + 1; handle <= HANDLES; handle++)
        if (happens(700))
            shares(0, handle);
    opens(0);
    initialises();
    starts_rndis();
    ask(RNDIS_MSG_SET, OID_PACKET_FILTER, NDIS_FILTER_PROMISCUOUS);
    if (happens(700))
        wants_channels();
}

static void takes_back(void)
{
    const uint32_t handle = some_handle();

    if (listens())
        bench_tell_words(&life.b, HVH_MSG_GPADL_TEARDOWN, 0, handle, 16);
}

static void tells(uint32_t type, unsigned index)
{
    if (listens())
        bench_tell_words(&life.b, type, relid_of(index), below(2), 16);
}

static void starts_anew(void)
{
    if (!listens())
        return;
    if (happens(500))
        bench_tell_words(&life.b, HVH_MSG_UNLOAD, 0, 0, 8);
    bench_offers(&life.b);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void card_does_something(void)
{
    switch (below(4)) {
    case 0:
        hvhost_nic_rescind(life.b.nic);
        break;
    case 1:
        hvhost_nic_leave(life.b.nic);
        break;
    default:
        hvhost_nic_offer(life.b.nic);
    }
}

static void kernel_says_something(void)
{
    const unsigned index = below(QUEUES);

    switch (below(10)) {
    case 0:
    case 1:
        shares(index, some_handle());
        break;
    case 2:
        takes_back();
        break;
    case 3:
        opens(index);
        break;
    case 4:
        tells(HVH_MSG_CLOSE, happens(300) ? 0 : index);
        break;
    case 5:
        tells(HVH_MSG_RELID_RELEASED, index);
        break;
    case 6:
        tells(HVH_MSG_MODIFY, index);
        break;
    case 7:
        if (happens(100))
            starts_anew();
        break;
    default:
        if (life.b.bus->chan[0].state == HVH_BUS_OFFERED)
            comes_up();
    }
}

/* What is left of the last life is cleared away, as far as chance has it, and all begins again. */
static void begins_again(void)
{
    hvhost_nic_offer(life.b.nic);
    for (unsigned i = 0; i < QUEUES; i++) {
        tells(HVH_MSG_CLOSE, i);
        tells(HVH_MSG_RELID_RELEASED, i);
    }
    if (happens(300))
        starts_anew();
    for (unsigned i = 0; i < HANDLES; i++)
        takes_back();
    comes_up();
}

static void kernel_does_its_work(void)
{
    const unsigned index = 1 + below(QUEUES - 1);

    if (life.b.nic->state != HVH_OPERATIONAL && happens(50))
        begins_again();
    if (life.b.bus->chan[index].state == HVH_BUS_OFFERED && happens(200))
        opens(index);
}

static void driver_says_something_strange(void)
{
    switch (below(4)) {
    case 0:
        revokes();
        break;
    case 1:
        wants_channels();
        break;
    case 2:
        initialises();
        starts_rndis();
        break;
    default:
        names_buffer(pick(NVS_MSG_RECV_BUF, NVS_MSG_SEND_BUF));
    }
}

static void driver_says_something(void)
{
    const unsigned index = below(QUEUES);

    if (happens(mood.driver))
        driver_says_something_strange();
    if (happens(30))
        ask(RNDIS_MSG_QUERY, OID_PERMANENT_MAC, 0);
    if (happens(300))
        some_frame(index);
    else
        some_completion(index);
}

static void far_sends(void)
{
    uint8_t data[1514];
    const struct hvhost_frame frame = {.data = data, .len_bytes = between(14, sizeof(data))};

    memset(data, 0xFF, sizeof(data));
    data[6] = 2;
    hvhost_port_send(life.port, &frame);
}

static void on_far(void *ctx, const struct hvhost_frame *frame)
{
    (void)ctx;
    (void)frame;
}

static void time_passes(void)
{
    life.b.occupied = happens(100);
    for (unsigned i = 0; i < QUEUES; i++) {
        hvh_vmbus_signal(life.b.bus, HVH_CONN_EVENT | relid_of(i));
        if (happens(900))
            reads_all(i);
    }
    (void)hvh_vmbus_turn(life.b.bus);
    (void)hvhost_step(life.b.host, life.b.now_ns += 1000 * between(1, 2000));
}

static void the_host_touches_only_what_it_was_lent(unsigned number)
{
    const struct hvhost_nic_config card = {.max_queues = QUEUES,
                                           .batch_frames = pick(1, 8),
                                           .poll = happens(300),
                                           .offload = pick(0, HVHOST_OFFLOAD_ALL)};

    (void)number;
    memset(&life, 0, sizeof(life));
    life.send_buffer = HANDLES;
    mood.kernel = pick(5, 20, 100);
    mood.driver = pick(0, 2, 10);
    mood.card = pick(0, 2, 10);
    bench_open(&life.b, &card, 0);
    assert_int_equal(hvhost_port_add(life.b.host, on_far, NULL, &life.port), 0);
    bench_offers(&life.b);
    comes_up();
    for (unsigned i = 0; i < TURNS; i++) {
        if (happens(mood.card))
            card_does_something();
        if (happens(mood.kernel))
            kernel_says_something();
        kernel_does_its_work();
        for (unsigned k = below(6); k > 0; k--)
            driver_says_something();
        for (unsigned k = below(4); k > 0; k--)
            far_sends();
        time_passes();
    }
    bench_close(&life.b);
}

int main(int argc, char **argv)
{
    return chance_main(argc, argv, LIVES, the_host_touches_only_what_it_was_lent);
}
