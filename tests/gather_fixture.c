/* SPDX-License-Identifier: BSD-3-Clause */
#include "gather_fixture.h"

#include "netvsc_queue.h"

struct vmbus_memory gather_memory;
struct netvsc_piece gather_piece[GATHER_PIECES + 1];
unsigned gather_told;
void *gather_told_last;

static void on_done(void *ctx, void *const *owners, unsigned count)
{
    (void)ctx;
    assert_in_range(count, 1, NETVSC_BATCH_MAX);
    gather_told += count;
    gather_told_last = owners[count - 1];
}

void gather_prepare(struct netif_fixture *f)
{
    gather_told = 0;
    gather_told_last = NULL;
    bench_init(f);
    f->config.memory = &gather_memory;
    f->config.tx_done = on_done;
    f->config.tx_copy_bytes = 256;
    f->config.mtu_bytes = 65522;
    f->card_config.mtu_max_bytes = 65522;
    f->card_config.recv_buf_bytes = 4u << 20;
}

uint8_t gather_byte(uint32_t i)
{
    static const uint8_t head[14] = {2,    0xfa, 0,    0,    0,    1,    0,
                                     0x15, 0x5d, 0xaa, 0xbb, 0xcc, 0x88, 0xb5};

    return i < sizeof(head) ? head[i] : (uint8_t)(7 + i);
}

/* The next (len) bytes of the frame at (off) of shared memory, as piece (n). */
uint32_t gather_put(unsigned n, size_t off, uint32_t from, uint32_t len)
{
    uint8_t *at = gather_memory.region.base + off;

    for (uint32_t i = 0; i < len; i++)
        at[i] = gather_byte(from + i);
    gather_piece[n] = (struct netvsc_piece){at, len};
    return from + len;
}

int gather_send(struct netif_fixture *f, unsigned count, void *owner)
{
    const struct netvsc_vector v = {.piece = gather_piece, .count = count, .owner = owner};

    f->begins++;
    return netvsc_queue_tx_vector(f->nic, 0, &v);
}

/* The far end got one frame, of (bytes), and it is whole. */
void gather_check_arrived(struct netif_fixture *f, unsigned before, uint32_t bytes)
{
    assert_int_equal(f->far_count, before + 1);
    bench_check_frame(f->far_frame, f->far_bytes, bytes, 7);
}

void gather_stop(struct netif_fixture *f)
{
    bench_check_strict(f);
    bench_stop(f);
}

int gather_make_memory(void **state)
{
    (void)state;
    return vmbus_memory_create(4u << 20, &gather_memory);
}

int gather_free_memory(void **state)
{
    (void)state;
    vmbus_memory_destroy(&gather_memory);
    return 0;
}
