/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_rand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Vectors of the SipHash paper's reference: key 00..0f, message 00..(n-1), 64-bit result. */
static void siphash_gives_the_reference_values(void **state)
{
    static const struct {
        size_t len_bytes;
        uint64_t hash;
    } vectors[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    uint8_t key[16], message[16];

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        key[i] = message[i] = i;
    for (size_t i = 0; i < countof(vectors); i++)
        assert_int_equal(port_siphash(key, message, vectors[i].len_bytes), vectors[i].hash);
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Of 1000 random words about one pair in 8600 runs is equal by chance: two pairs are a fault. */
static void numbers_do_not_repeat_across_blocks(void **state)
{
    uint32_t words[1000];
    unsigned equal = 0;

    (void)state;
    for (size_t i = 0; i < countof(words); i++)
        words[i] = port_rand_u32();
    qsort(words, countof(words), sizeof(words[0]), compare);
    for (size_t i = 1; i < countof(words); i++)
        equal += words[i] == words[i - 1];
    assert_in_range(equal, 0, 1);
}

static void a_forked_worker_draws_other_numbers_than_its_parent(void **state)
{
    uint32_t ours[8], theirs[8];
    int fds[2], status;
    pid_t pid;

    (void)state;
    port_rand_u32(); /* so that a block is half used when we fork */
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (size_t i = 0; i < countof(theirs); i++)
            theirs[i] = port_rand_u32();
        _exit(write(fds[1], theirs, sizeof(theirs)) != sizeof(theirs));
    }
    for (size_t i = 0; i < countof(ours); i++)
        ours[i] = port_rand_u32();
    assert_int_equal(read(fds[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_memory_not_equal(ours, theirs, sizeof(ours));
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_reference_values),
        cmocka_unit_test(numbers_do_not_repeat_across_blocks),
        cmocka_unit_test(a_forked_worker_draws_other_numbers_than_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
