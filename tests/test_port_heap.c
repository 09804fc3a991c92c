/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's heap: blocks, what they cross, what happens at its end; and the memory under it. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port_heap.h"
#include "vmbus_memory.h"

#define LEN (4u << 20)
#define PAGE 4096u

static bool inside(const void *block)
{
    const struct vmbus_region *r = &port_heap_memory()->region;

    return (const uint8_t *)block >= r->base && (const uint8_t *)block < r->base + r->len_bytes;
}

static struct port_heap_stats stats(void)
{
    struct port_heap_stats s;

    port_heap_stats(&s);
    return s;
}

static void without_memory_libc_serves(void **state)
{
    void *block = port_heap_malloc(100);

    (void)state;
    assert_null(port_heap_memory());
    assert_non_null(block);
    port_heap_free(block);
    assert_int_equal(stats().beyond, 0);
}

static void blocks_of_a_page_or_less_never_cross_one(void **state)
{
    (void)state;
    assert_int_equal(port_heap_open(LEN, 0), 0);
    assert_int_equal(port_heap_open(LEN, 0), -EBUSY);
    for (size_t len = 1; len <= PAGE; len += len / 7 + 1) {
        uint8_t *block[9];

        for (unsigned i = 0; i < countof(block); i++) {
            block[i] = port_heap_malloc(len);
            assert_true(inside(block[i]));
            assert_int_equal((uintptr_t)block[i] % 8, 0);
            assert_int_equal((uintptr_t)block[i] / PAGE, ((uintptr_t)block[i] + len - 1) / PAGE);
            memset(block[i], (int)i, len);
        }
        for (unsigned i = 0; i < countof(block); i++) {
            assert_int_equal(block[i][0] + block[i][len - 1], 2 * i); /* nobody else's */
            port_heap_free(block[i]);
        }
    }
    assert_int_equal(stats().used_bytes, 0);
    assert_true(stats().peak_bytes >= 9 * PAGE);
    port_heap_close();
}

static void the_block_freed_last_comes_first(void **state)
{
    void *a, *b;

    (void)state;
    assert_int_equal(port_heap_open(LEN, 0), 0);
    a = port_heap_malloc(1500);
    b = port_heap_malloc(1500);
    port_heap_free(a);
    port_heap_free(b);
    assert_ptr_equal(port_heap_malloc(1100), b);
    assert_ptr_equal(port_heap_malloc(2048), a);
    port_heap_free(a);
    port_heap_free(b);
    port_heap_free(NULL);
    port_heap_close();
}

static void a_cleared_block_is_clear_and_a_wrapping_size_is_refused(void **state)
{
    uint8_t *block;

    (void)state;
    assert_int_equal(port_heap_open(LEN, 0), 0);
    block = port_heap_malloc(640);
    memset(block, 0xFF, 640);
    port_heap_free(block);
    block = port_heap_calloc(64, 10);
    for (unsigned i = 0; i < 640; i++)
        assert_int_equal(block[i], 0);
    port_heap_free(block);
    assert_null(port_heap_calloc(SIZE_MAX / 2, 3));
    port_heap_close();
}

static void beyond_its_end_libc_serves_and_it_is_counted(void **state)
{
    void *block[LEN / (128u << 10) + 1];
    void *large;

    (void)state;
    assert_int_equal(port_heap_open(LEN, 0), 0);
    for (unsigned i = 0; i < countof(block); i++)
        block[i] = port_heap_malloc(128u << 10);
    assert_true(inside(block[countof(block) - 2]));
    assert_false(inside(block[countof(block) - 1]));
    large = port_heap_malloc((128u << 10) + 1);
    assert_false(inside(large));
    assert_int_equal(stats().beyond, 2);
    port_heap_free(large);
    for (unsigned i = 0; i < countof(block); i++)
        port_heap_free(block[i]);
    assert_int_equal(stats().used_bytes, 0);
    port_heap_close();
}

static void without_blocks_of_a_size_longer_ones_serve(void **state)
{
    void *block[LEN / (64u << 10)];
    void *short_one, *other;

    (void)state;
    assert_int_equal(port_heap_open(LEN, 0), 0);
    for (unsigned i = 0; i < countof(block); i++) {
        assert_int_equal(port_heap_is_scarce(), i > countof(block) / 4);
        block[i] = port_heap_malloc(64u << 10);
    }
    assert_false(port_heap_serves(16u << 10));
    port_heap_free(block[7]);
    assert_true(port_heap_serves(16u << 10));
    assert_false(port_heap_serves(8u << 10)); /* it is eight times as long */
    other = port_heap_malloc(8u << 10);
    assert_false(inside(other));
    short_one = port_heap_malloc(16u << 10);
    assert_ptr_equal(short_one, block[7]);
    assert_int_equal(stats().used_bytes, LEN);
    port_heap_free(short_one);
    port_heap_free(other);
    assert_ptr_equal(port_heap_malloc(64u << 10), block[7]); /* it is what it was */
    for (unsigned i = 0; i < countof(block); i++)
        port_heap_free(block[i]);
    assert_int_equal(stats().used_bytes, 0);
    port_heap_close();
}

/* ---- the memory ------------------------------------------------------------------------------ */

static void memory_is_whole_huge_pages_and_cannot_be_shortened(void **state)
{
    struct vmbus_memory mem;

    (void)state;
    assert_int_equal(vmbus_memory_create(0, &mem), -EINVAL);
    assert_null(mem.region.base);
    assert_int_equal(vmbus_memory_create(1, &mem), 0);
    assert_int_equal(mem.region.len_bytes, 2u << 20);
    assert_int_equal((uintptr_t)mem.region.base % PAGE, 0);
    assert_int_equal(mem.region.base[0] + mem.region.base[(2u << 20) - 1], 0);
    assert_int_equal(ftruncate(mem.fd, 0), -1);
    assert_int_equal(errno, EPERM);
    vmbus_memory_destroy(&mem);
    vmbus_memory_destroy(&mem); /* zeroed: allowed */
}

static void a_forked_child_does_not_have_it(void **state)
{
    struct vmbus_memory mem;
    int status, fd[2];
    pid_t child;

    (void)state;
    assert_int_equal(vmbus_memory_create(1, &mem), 0);
    assert_int_equal(pipe(fd), 0);
    child = fork();
    if (child == 0)
        _exit(write(fd[1], mem.region.base, 1) < 0 && errno == EFAULT ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd[0]);
    close(fd[1]);
    vmbus_memory_destroy(&mem);
}

static void memory_apart_is_the_programs_alone(void **state)
{
    static const size_t apart = 300 * 1000;
    size_t len;
    uint8_t *at;

    (void)state;
    assert_null(port_heap_apart(&len));
    assert_int_equal(len, 0);
    assert_int_equal(port_heap_open(LEN, apart), 0);
    at = port_heap_apart(&len);
    assert_true(len >= apart && len < apart + PAGE);
    assert_int_equal((uintptr_t)at % PAGE, 0);
    assert_true(inside(at) && inside(at + len - 1));
    assert_true(port_heap_has(at + len - 1));
    memset(at, 0x77, len);
    for (unsigned i = 0; i <= port_heap_memory()->region.len_bytes / 65536; i++) {
        uint8_t *block = port_heap_malloc(65536); /* all there is, and one of libc's */

        assert_true(block + 65536 <= at || block >= at + len);
        memset(block, 0x11, 65536);
        if (!inside(block))
            port_heap_free(block);
    }
    assert_int_equal(stats().beyond > 0, 1);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(at[i], 0x77);
    port_heap_close();
    assert_null(port_heap_apart(&len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_libc_serves),
        cmocka_unit_test(blocks_of_a_page_or_less_never_cross_one),
        cmocka_unit_test(memory_apart_is_the_programs_alone),
        cmocka_unit_test(the_block_freed_last_comes_first),
        cmocka_unit_test(a_cleared_block_is_clear_and_a_wrapping_size_is_refused),
        cmocka_unit_test(without_blocks_of_a_size_longer_ones_serve),
        cmocka_unit_test(beyond_its_end_libc_serves_and_it_is_counted),
        cmocka_unit_test(memory_is_whole_huge_pages_and_cannot_be_shortened),
        cmocka_unit_test(a_forked_child_does_not_have_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
