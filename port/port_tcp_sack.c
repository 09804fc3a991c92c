/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Three duplicate acknowledgements tell lwIP of a loss. With peers of today it would wait for its
 * timer instead:
 *
 *   - It counts an acknowledgement as a duplicate only when its window is the one before. Linux
 *     makes its window larger with what arrives out of order, so behind a loss each of its
 *     acknowledgements has another one. One that acknowledges nothing new, and selectively (SACK)
 *     what lies beyond, says itself what it is: its window is taken over before lwIP looks, by
 *     lwIP's own conditions for that, so that lwIP finds no change.
 *   - A peer that puts segments together (GRO) acknowledges many with one. When more than two
 *     segments' bytes are there beyond the missing one, it is lost (RFC 6675, DupThresh of bytes):
 *     then this acknowledgement is made lwIP's third.
 *
 * Which segments the peer has is not kept: recovery is RFC 6582's (port_tcp_loss.c).
 */
#include <stdbool.h>

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "port_hooks.h"

#define OPTION_END 0u
#define OPTION_NOP 1u
#define OPTION_SACK 5u
#define BLOCK_BYTES 8u /* first sequence number, and the one behind the last */

static u32_t get32(const u8_t *at)
{
    return (u32_t)at[0] << 24 | (u32_t)at[1] << 16 | (u32_t)at[2] << 8 | at[3];
}

/* Bytes in blocks beyond (acked). One that is not beyond tells of what came twice (RFC 2883). */
static u32_t bytes_in(const u8_t *blocks, unsigned bytes, u32_t acked)
{
    u32_t sum = 0;

    for (; bytes >= BLOCK_BYTES; blocks += BLOCK_BYTES, bytes -= BLOCK_BYTES) {
        const u32_t first = get32(blocks), end = get32(blocks + 4);

        if (TCP_SEQ_GT(first, acked) && TCP_SEQ_GT(end, first))
            sum += end - first;
    }
    return sum;
}

/* What the peer has beyond (acked), as far as it says; 0: nothing. */
static u32_t has_beyond(const u8_t *options, unsigned bytes, u32_t acked)
{
    while (bytes >= 2 && options[0] != OPTION_END) {
        const unsigned size = options[0] == OPTION_NOP ? 1 : options[1];

        if (size > bytes || (size < 2 && options[0] != OPTION_NOP))
            return 0;
        if (options[0] == OPTION_SACK)
            return bytes_in(options + 2, size - 2, acked);
        options += size;
        bytes -= size;
    }
    return 0;
}

void port_tcp_duplicate(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, u16_t option_bytes)
{
    const tcpwnd_size_t wnd = (tcpwnd_size_t)SND_WND_SCALE(pcb, hdr->wnd);
    u32_t beyond;

    if (TCPH_FLAGS(hdr) != TCP_ACK || hdr->seqno != pcb->snd_wl1 || hdr->ackno != pcb->snd_wl2)
        return;
    beyond = has_beyond((const u8_t *)(hdr + 1), option_bytes, hdr->ackno);
    if (beyond > 0 && wnd > pcb->snd_wnd) {
        pcb->snd_wnd = wnd;
        pcb->snd_wnd_max = LWIP_MAX(pcb->snd_wnd_max, wnd);
    }
    if (beyond > (PORT_TCP_DUPLICATES - 1) * pcb->mss && pcb->dupacks < PORT_TCP_DUPLICATES - 1)
        pcb->dupacks = PORT_TCP_DUPLICATES - 1; /* which it makes one more */
}
