/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures for Wireshark and tshark: pcapng, nanoseconds, with the direction of each frame.
 * Buffered; a full disk ends the capture with one line, never the program.
 */
#ifndef PORT_PCAP_H
#define PORT_PCAP_H

#include <stdbool.h>
#include <stdint.h>

struct port_pcap;

/* One frame: Ethernet header first, without FCS. */
struct port_pcap_frame {
    const uint8_t *data; /* read once, completely, before port_pcap_write() returns */
    uint32_t len_bytes;  /* >= 14, or the frame is skipped */
    uint64_t wall_ns;    /* since 1970 */
    uint16_t tci;        /* written back into the frame as 802.1Q tag when has_tci */
    bool has_tci;
    bool sent;
};

/*
 * Create or overwrite (path). (interface) names the card in the capture. -errno of open or -ENOMEM.
 */
int port_pcap_open(const char *path, const char *interface, struct port_pcap **out);

void port_pcap_write(struct port_pcap *pcap, const struct port_pcap_frame *frame);

/* Let readers see what was written so far. */
void port_pcap_flush(struct port_pcap *pcap);

/* Frames written. */
uint64_t port_pcap_frames(const struct port_pcap *pcap);

/* Write the rest and close. 0, or -errno of the first write that failed. NULL is allowed. */
int port_pcap_close(struct port_pcap *pcap);

#endif
