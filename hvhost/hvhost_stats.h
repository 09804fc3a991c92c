/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the emulated host counts. "guest to host" is tx, "host to guest" is rx, as seen by the
 * guest. The books per card: rx_offered = rx_frames + rx_rsc_merged + rx_drop_*, tx_frames =
 * tx_switched + tx_drop_*, rx_packets + ctl_replies = rx_completed + rx_reclaimed + those still
 * with the guest. Of the switch: frames - impaired + impair_passed = unicast + flooded + drop_*,
 * tap_offered = tap_tx + tap_drop, impair_frames + impair_duplicated = impair_lost + impair_drop +
 * impair_passed + those held.
 */
#ifndef HVHOST_STATS_H
#define HVHOST_STATS_H

#include <stdint.h>

#define HVHOST_NIC_STATS(X)                                                                        \
    X(opens, "times a guest opened the card")                                                      \
    X(closes, "times it was closed, crashes included")                                             \
    X(subchannel_opens, "sub-channels the guest's kernel opened")                                  \
    X(rx_offered, "frames the switch had for this card")                                           \
    X(rx_frames, "frames written to the receive buffer")                                           \
    X(rx_bytes, "bytes of them")                                                                   \
    X(rx_hashed, "frames that RSS gave a channel")                                                 \
    X(rx_rsc_frames, "frames of several TCP segments, sent in fragments")                          \
    X(rx_rsc_segments, "segments in them")                                                         \
    X(rx_rsc_merged, "segments that came one by one and were put behind another")                  \
    X(rx_packets, "transfer-page packets carrying them")                                           \
    X(rx_completed, "transfer-page packets the guest completed, control too")                      \
    X(rx_reclaimed, "transfer-page packets outstanding when the channel closed")                   \
    X(rx_drop_down, "not running, or packet filter 0")                                             \
    X(rx_drop_filter, "packet filter or MAC address did not match")                                \
    X(rx_drop_vf, "unicast that went by the VF the guest switched to")                             \
    X(vf_switches, "times the guest switched its data path")                                       \
    X(rx_drop_section, "no receive section free")                                                  \
    X(rx_drop_ring, "host-to-guest ring full")                                                     \
    X(rx_csum_ok, "of them with a TCP or UDP sum found right")                                     \
    X(rx_csum_bad, "of them with an IP, TCP or UDP sum found wrong")                               \
    X(rx_drop_size, "frame longer than a receive section")                                         \
    X(tx_packets, "RNDIS data packets taken from the guest")                                       \
    X(tx_frames, "frames in them")                                                                 \
    X(tx_bytes, "bytes of them")                                                                   \
    X(tx_switched, "frames handed to the switch")                                                  \
    X(tx_drop_rndis, "malformed RNDIS packet message")                                             \
    X(tx_drop_size, "frame shorter than 14 bytes or longer than the MTU allows")                   \
    X(tx_drop_link, "sent while the cable was out, or card withdrawn")                             \
    X(tx_section_packets, "packets out of the send buffer")                                        \
    X(tx_gpa_packets, "packets by guest-physical page")                                            \
    X(tx_csum, "frames whose sums the guest left to the host")                                     \
    X(tx_lso, "TCP packets the guest left to the host to cut")                                     \
    X(tx_lso_segments, "segments they make")                                                       \
    X(tx_vlan, "frames with a VLAN tag beside them")                                               \
    X(doorbells, "signals from the guest")                                                         \
    X(interrupts, "signals to the guest")                                                          \
    X(ctl_requests, "RNDIS control requests")                                                      \
    X(ctl_replies, "RNDIS control replies and indications")                                        \
    X(ctl_lost, "control replies that found no section or room")                                   \
    X(strict_doorbell, "signals while the ring was empty or the host had masked")                  \
    X(strict_close, "closed without packet filter 0 first")                                        \
    X(strict_nvs, "NVSP message in the wrong state, of a wrong version or too short")              \
    X(strict_rndis, "RNDIS message breaking a length or offset rule")                              \
    X(strict_page, "RNDIS header across a page in a GPA range")                                    \
    X(strict_xid, "completion for something the host never sent")                                  \
    X(strict_gpa, "page, section or handle outside the guest's memory")                            \
    X(strict_trailer, "packet trailer wrong or padding not zero")                                  \
    X(strict_offload, "offload info breaking a rule, or never offered")                            \
    X(strict_flag, "data packet without completion flag, or unknown flag bits")                    \
    X(bad_ring, "corrupt ring: channel given up")                                                  \
    X(faults, "armed faults that struck")

struct hvhost_nic_stats {
#define X(name, help) uint64_t name;
    HVHOST_NIC_STATS(X)
#undef X
};

#define HVHOST_SWITCH_STATS(X)                                                                     \
    X(frames, "frames that entered the switch")                                                    \
    X(unicast, "sent to the one port that has the address")                                        \
    X(flooded, "sent to all other ports")                                                          \
    X(drop_runt, "shorter than an Ethernet header")                                                \
    X(drop_hairpin, "for the port it came from")                                                   \
    X(drop_no_port, "no other port")                                                               \
    X(drop_loop, "sent from within deliver from within deliver, too deep")                         \
    X(csum_filled, "sums computed for a port that wants whole frames")                             \
    X(gso_frames, "large TCP frames cut for such a port")                                          \
    X(gso_segments, "segments they were cut into")                                                 \
    X(gso_bad, "large or unfinished frames that make no sense, delivered nowhere")                 \
    X(impaired, "frames that entered and went to the impairments")                                 \
    X(impair_frames, "frames there, bursts cut")                                                   \
    X(impair_lost, "of them lost by chance")                                                       \
    X(impair_duplicated, "frames that came twice")                                                 \
    X(impair_corrupted, "frames with a bit flipped")                                               \
    X(impair_reordered, "frames held back for others to overtake")                                 \
    X(impair_drop, "frames for which there was no room to wait")                                   \
    X(impair_passed, "frames that came out of the impairments")                                    \
    X(learned, "addresses learned")                                                                \
    X(moved, "addresses that moved to another port")                                               \
    X(tap_rx, "frames read from the TAP uplink")                                                   \
    X(tap_bad, "of them with a virtio header that makes no sense")                                 \
    X(tap_offered, "frames the switch had for the TAP uplink")                                     \
    X(tap_tx, "frames written to the TAP uplink")                                                  \
    X(tap_gso_rx, "large TCP frames among those read")                                             \
    X(tap_gso_tx, "large TCP frames among those written")                                          \
    X(tap_csum_rx, "frames read whose sum was left to us")                                         \
    X(tap_drop, "frames the TAP uplink did not take")                                              \
    X(tap_paused, "turns in which the uplink was not read: no card had room")

struct hvhost_switch_stats {
#define X(name, help) uint64_t name;
    HVHOST_SWITCH_STATS(X)
#undef X
};

#endif
