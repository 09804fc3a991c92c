/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers nobody can guess: the kernel's, fetched in blocks. */
#ifndef PORT_RAND_H
#define PORT_RAND_H

#include <stddef.h>
#include <stdint.h>

/* One system call per 64 calls. Never hands the same bytes out twice, not even across fork(). */
uint32_t port_rand_u32(void);

/*
 * (len_bytes) <= 256 random bytes straight from the kernel. Ends the program when there are none.
 */
void port_rand_bytes(void *out, size_t len_bytes);

/* SipHash-2-4, a keyed hash of 64 bits: without (key) its values look random. */
uint64_t port_siphash(const uint8_t key[16], const void *data, size_t len_bytes);

#endif
