/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame on the emulated host's switch. Part of hvhost.h. */
#ifndef HVHOST_FRAME_H
#define HVHOST_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * A port should bring about so much in one step, and keep what it has besides for the next. More
 * would have left the near caches before a guest, or this host again, gets to it.
 */
#define HVHOST_TURN_BYTES (256u << 10)

/*
 * Ethernet header first, without FCS; a VLAN tag beside it, not inside. Frames may come with work
 * left over (csum_partial, mss); for a port that does not do it, as yours unless you called
 * hvhost_port_large(), the switch does it before. You give and get frames whose (pieces) is 0.
 */
struct hvhost_frame {
    const uint8_t *data;
    uint32_t len_bytes;
    uint16_t tci;
    bool has_tci;
    bool csum_ok; /* its TCP or UDP sum is known to be right */
    /* The sum from csum_start on is missing: its field, csum_off further on, has only that of the
     * pseudo-header. */
    bool csum_partial;
    uint16_t csum_start, csum_off;
    uint16_t mss; /* not 0: TCP, to be cut into segments of so many bytes; csum_partial is set */
    /*
     * Inside the switch only: what follows the headers may still be in a guest's memory, which may
     * change. Then (data) has all but the bytes of the pieces, and room for these.
     */
    const struct iovec *piece;
    unsigned pieces;
};

#endif
