/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame on the emulated host's switch. Part of hvhost.h. */
#ifndef HVHOST_FRAME_H
#define HVHOST_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* So much should come by a port in one step, or a frame more: who has more to send keeps it for the
 * next. More than that would have left the near caches before a guest, or this host again, gets to
 * it. */
#define HVHOST_TURN_BYTES (256u << 10)

/*
 * Ethernet header first, without FCS; a VLAN tag beside it, not inside. Work left over
 * (csum_partial, mss) the switch does for ports that do not, as yours (hvhost_port_large()). You
 * give and get frames whose (pieces) is 0.
 */
struct hvhost_frame {
    const uint8_t *data;
    uint32_t len_bytes;
    uint16_t tci;
    bool has_tci;
    bool csum_ok; /* its TCP or UDP sum is known to be right */
    /* The sum of what comes from csum_start on is missing; csum_off behind that the pseudo-header's
     * stands in its place. */
    bool csum_partial;
    uint16_t csum_start, csum_off;
    uint16_t mss; /* not 0: TCP, to be cut into segments of so many bytes; csum_partial is set */
    /*
     * Inside the switch only: what follows the headers may still be memory of a guest, which may
     * change. Then (data) has no more than len_bytes less that of the pieces, and room for all.
     */
    const struct iovec *piece;
    unsigned pieces;
};

#endif
