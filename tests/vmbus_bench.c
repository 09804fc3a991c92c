/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* memfd_create() */
#include "vmbus_bench.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool on_post(void *ctx, uint32_t vp, const void *msg, uint32_t bytes)
{
    struct bench *b = ctx;
    struct bench_sent *s = &b->sent[b->sents % BENCH_SENT_MAX];

    if (b->occupied)
        return false;
    s->vp = vp;
    s->bytes = bytes;
    memcpy(&s->type, msg, sizeof(s->type));
    memcpy(s->payload, msg, bytes);
    b->sents++;
    return true;
}

static void on_event(void *ctx, uint32_t vp, uint32_t relid)
{
    struct bench *b = ctx;

    b->events++;
    b->event_vp = vp;
    b->event_relid = relid;
}

static const struct hvh_vmbus_ops ops = {.post = on_post, .event = on_event};

void bench_open(struct bench *b, const struct hvhost_nic_config *card, uint32_t version_max)
{
    struct hvh_vmbus_config config = {.version_max = version_max, .vps = 2};

    *b = (struct bench){0};
    b->fd = memfd_create("guest", MFD_CLOEXEC);
    assert_int_equal(ftruncate(b->fd, BENCH_RAM_BYTES), 0);
    b->ram = mmap(NULL, BENCH_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
    assert_ptr_not_equal(b->ram, MAP_FAILED);
    config.ram_fd = b->fd;
    config.ram = (struct vmbus_region){.base = b->ram, .len_bytes = BENCH_RAM_BYTES};
    assert_int_equal(hvhost_create(NULL, &b->host), 0);
    assert_int_equal(hvhost_nic_add(b->host, card, &b->nic), 0);
    assert_int_equal(hvh_vmbus_create(b->host, &config, &ops, b, &b->bus), 0);
}

void bench_close(struct bench *b)
{
    hvh_vmbus_destroy(b->bus);
    assert_null(hvhost_audit(b->host));
    hvhost_destroy(b->host);
    munmap(b->ram, BENCH_RAM_BYTES);
    close(b->fd);
}

void bench_tell(struct bench *b, const void *msg, uint32_t bytes)
{
    hvh_vmbus_message(b->bus, HVH_CONN_MSG_OLD, msg, bytes);
    (void)hvh_vmbus_turn(b->bus);
}

void bench_tell_words(struct bench *b, uint32_t type, uint32_t first, uint32_t second,
                      uint32_t bytes)
{
    const uint32_t msg[4] = {type, 0, first, second};

    bench_tell(b, msg, bytes);
}

const struct bench_sent *bench_last(const struct bench *b, uint32_t type)
{
    const struct bench_sent *s = &b->sent[(b->sents - 1) % BENCH_SENT_MAX];

    assert_true(b->sents > 0);
    assert_int_equal(s->type, type);
    return s;
}

uint32_t bench_last_status(const struct bench *b, uint32_t type)
{
    struct hvh_msg_result result;

    memcpy(&result, bench_last(b, type)->payload, sizeof(result));
    return result.status;
}

uint64_t bench_bad_messages(const struct bench *b)
{
    struct hvh_vmbus_stats s;

    hvh_vmbus_stats(b->bus, &s);
    return s.bad_messages;
}

void bench_contact(struct bench *b, uint32_t version, uint32_t vp)
{
    struct hvh_msg_contact msg = {
        .head.type = HVH_MSG_CONTACT,
        .version = version,
        .vp = vp,
        .monitor_to_host = BENCH_MONITOR_GPA,
    };

    bench_tell(b, &msg, sizeof(msg));
}

uint8_t bench_accepted(const struct bench *b)
{
    struct hvh_msg_version_response r;

    memcpy(&r, bench_last(b, HVH_MSG_VERSION_RESPONSE)->payload, sizeof(r));
    return r.supported;
}

void bench_offers(struct bench *b)
{
    bench_contact(b, HVH_BUS_5_3, 1);
    bench_tell_words(b, HVH_MSG_REQUEST_OFFERS, 0, 0, 8);
}

void bench_share(struct bench *b, unsigned index, uint32_t handle, uint64_t first, uint32_t pages,
                 uint64_t stride)
{
    uint8_t msg[HVH_MSG_BYTES_MAX];
    struct hvh_msg_gpadl_header head = {
        .head.type = HVH_MSG_GPADL_HEADER,
        .relid = hvh_nic_relid(b->nic) + index,
        .handle = handle,
        .ranges_bytes = (uint16_t)(8 + 8 * pages),
        .range_count = 1,
        .len_bytes = pages * VMBUS_PAGE_BYTES,
    };
    struct hvh_msg_gpadl_body body = {.head.type = HVH_MSG_GPADL_BODY, .handle = handle};
    uint32_t sent = 0, n, i, at;
    uint64_t pfn;

    while (sent < pages) {
        at = sent ? sizeof(body) : sizeof(head);
        memcpy(msg, sent ? (void *)&body : (void *)&head, at);
        n = sent ? 28 : 26;
        n = n < pages - sent ? n : pages - sent;
        for (i = 0; i < n; i++) {
            pfn = first + (sent + i) * stride;
            memcpy(msg + at + i * 8, &pfn, 8);
        }
        sent += n;
        bench_tell(b, msg, at + n * 8);
    }
}

void bench_open_channel(struct bench *b, unsigned index, uint32_t handle, uint32_t second_page,
                        uint32_t vp)
{
    struct hvh_msg_open msg = {
        .head.type = HVH_MSG_OPEN,
        .relid = hvh_nic_relid(b->nic) + index,
        .open_id = 77,
        .ring_gpadl = handle,
        .vp = vp,
        .second_page = second_page,
    };

    bench_tell(b, &msg, sizeof(msg));
}

void bench_bring_open(struct bench *b)
{
    bench_offers(b);
    bench_share(b, 0, BENCH_RING_HANDLE, 100, BENCH_RING_PAGES, 1);
    bench_open_channel(b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 1);
    assert_int_equal(bench_last_status(b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    assert_true(hvh_nic_connected(b->nic));
}
