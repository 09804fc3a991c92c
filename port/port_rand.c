/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP draws a number per outgoing connection (local port), per DNS question and per IPv6 delay,
 * and what it draws must not be guessable from outside. So no generator of our own: bytes come from
 * getrandom(), 256 at a time, which costs 100 ns once per 64 numbers. A number is wiped when it is
 * handed out, and a forked worker starts with an empty block, or two workers would open connections
 * from the same "random" ports.
 */
#include "port_rand.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "port_log.h"

#define BLOCK_WORDS 64u

static uint32_t block[BLOCK_WORDS];
static unsigned left; /* words of block not handed out */

static void forget(void)
{
    left = 0;
}

void port_rand_bytes(void *out, size_t len_bytes)
{
    /* Up to 256 bytes getrandom() neither stops half-way nor is interrupted; it fails for want of a
     * kernel. */
    if (getrandom(out, len_bytes, 0) == (ssize_t)len_bytes)
        return;
    port_log(PORT_LOG_ERROR, "no random numbers: getrandom() failed. Use a kernel from 3.17 on.");
    abort();
}

static void refill(void)
{
    static bool fork_handled;

    if (!fork_handled)
        fork_handled = pthread_atfork(NULL, NULL, forget) == 0;
    port_rand_bytes(block, sizeof(block));
    left = BLOCK_WORDS;
}

uint32_t port_rand_u32(void)
{
    uint32_t word;

    if (left == 0)
        refill();
    word = block[--left];
    block[left] = 0;
    return word;
}

/* ---- SipHash-2-4, after Aumasson and Bernstein, "SipHash: a fast short-input PRF" ----------- */

static uint64_t rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], unsigned count)
{
    while (count--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] = rotl(v[0], 32) + v[3];
        v[2] += v[1];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] = rotl(v[2], 32);
    }
}

static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;

    while (count--)
        word = word << 8 | bytes[count];
    return word;
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

uint64_t port_siphash(const uint8_t key[16], const void *data, size_t len_bytes)
{
    const uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
    uint64_t v[4] = {
        k0 ^ UINT64_C(0x736f6d6570736575),
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };
    const uint8_t *at = data;
    size_t rest = len_bytes;

    for (; rest >= 8; rest -= 8, at += 8)
        absorb(v, little_endian(at, 8));
    absorb(v, little_endian(at, rest) | (uint64_t)len_bytes << 56);
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
