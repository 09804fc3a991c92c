/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NIC's counters, one per reason. They only grow, also across re-attach.
 *
 * The books: every RNDIS data message the host offered is in exactly one of rx_frames less
 * rx_rsc_frames, rx_rsc_fragments and rx_drop_*; every frame begun is in exactly one of tx_frames,
 * tx_cancelled, tx_busy, tx_drop_*; and tx_frames = tx_completed + tx_failed + tx_lost +
 * outstanding. netvsc_audit() checks them.
 */
#ifndef NETVSC_STATS_H
#define NETVSC_STATS_H

#include <stdint.h>

/* X(name, help): one list, so that struct, text output and JSON can never disagree. */
#define NETVSC_STATS(X)                                                                            \
    X(rx_frames, "frames handed up")                                                               \
    X(rx_bytes, "bytes of them")                                                                   \
    X(rx_packets, "VMBus packets that carried them")                                               \
    X(rx_messages, "RNDIS data messages offered by the host")                                      \
    X(rx_drop_range, "message range outside the receive buffer")                                   \
    X(rx_drop_rndis, "malformed RNDIS message")                                                    \
    X(rx_drop_size, "frame shorter than 14 bytes or longer than MTU allows")                       \
    X(rx_drop_down, "frame while not up (attaching, filter off)")                                  \
    X(rx_rsc_frames, "frames the host put together from TCP segments, in fragments")               \
    X(rx_rsc_fragments, "fragments of them")                                                       \
    X(rx_drop_rsc_first, "fragments without a first one before them")                              \
    X(rx_drop_rsc_last, "fragments whose last one never came")                                     \
    X(rx_drop_rsc_size, "fragments that are empty, or make a frame longer than 65,535 bytes")      \
    X(rx_drop_rsc_unasked, "fragments from a host that was not asked for any")                     \
    X(rx_held, "holds on packets whose frames are kept without a copy")                            \
    X(rx_hold_refused, "frames not kept: too much of the receive buffer was already")              \
    X(rx_held_peak, "most receive sections kept at a time, each queue's own added up")             \
    X(rx_acks, "completions given for received packets")                                           \
    X(rx_ack_wait, "polls that left completions for later: no room in the ring")                   \
    X(tx_frames, "frames committed")                                                               \
    X(tx_bytes, "bytes of them, before padding")                                                   \
    X(tx_padded, "frames padded to 60 bytes")                                                      \
    X(tx_completed, "frames the host completed with success")                                      \
    X(tx_failed, "frames the host completed with another status")                                  \
    X(tx_lost, "frames outstanding when the channel closed")                                       \
    X(tx_cancelled, "frames begun and cancelled")                                                  \
    X(tx_packets, "VMBus packets that carried them")                                               \
    X(tx_aggregated, "frames that shared their packet with an earlier one")                        \
    X(tx_gpa, "frames sent from where they are, all but their first bytes")                        \
    X(tx_gpa_bytes, "bytes of them that were not copied")                                          \
    X(tx_gpa_pieces, "pieces those were in")                                                       \
    X(tx_gpa_done, "owners told that the host has read their memory")                              \
    X(tx_csum, "frames whose sum was left to the host")                                            \
    X(tx_lso, "TCP packets left to the host to cut")                                               \
    X(tx_lso_bytes, "bytes of them")                                                               \
    X(tx_vlan, "frames sent with a VLAN tag beside them")                                          \
    X(tx_untagged, "of these, frames that had it inside")                                          \
    X(tx_busy, "begins refused: no section or ring full")                                          \
    X(tx_drop_size, "begins refused: bad length")                                                  \
    X(tx_drop_offload, "begins refused: the host does not do what was asked")                      \
    X(tx_drop_down, "begins refused: not up")                                                      \
    X(rx_size_64, "frames received with 64 bytes or less, FCS included")                           \
    X(rx_size_65_127, "65 to 127")                                                                 \
    X(rx_size_128_255, "128 to 255")                                                               \
    X(rx_size_256_511, "256 to 511")                                                               \
    X(rx_size_512_1023, "512 to 1023")                                                             \
    X(rx_size_1024_1518, "1024 to 1518")                                                           \
    X(rx_size_1519_9018, "1519 to 9018")                                                           \
    X(rx_size_9019_up, "9019 and more")                                                            \
    X(rx_multicast, "frames received to a group, broadcast aside")                                 \
    X(rx_broadcast, "to everybody")                                                                \
    X(tx_size_64, "frames sent with 64 bytes or less, FCS included")                               \
    X(tx_size_65_127, "65 to 127")                                                                 \
    X(tx_size_128_255, "128 to 255")                                                               \
    X(tx_size_256_511, "256 to 511")                                                               \
    X(tx_size_512_1023, "512 to 1023")                                                             \
    X(tx_size_1024_1518, "1024 to 1518")                                                           \
    X(tx_size_1519_9018, "1519 to 9018")                                                           \
    X(tx_size_9019_up, "9019 and more")                                                            \
    X(tx_multicast, "frames sent to a group, broadcast aside")                                     \
    X(tx_broadcast, "to everybody")                                                                \
    X(rx_vlan, "frames received with a VLAN tag beside them")                                      \
    X(tx_full_ns, "nanoseconds in which frames had to wait: no section or ring room")              \
    X(tx_doorbells, "signals given to the host")                                                   \
    X(tx_no_doorbell, "flushes that needed no signal")                                             \
    X(room_doorbells, "signals given because the host waited for ring room")                       \
    X(tx_ring_full, "packets refused by a full ring")                                              \
    X(irqs, "interrupts taken")                                                                    \
    X(sleeps, "times the interrupt was armed")                                                     \
    X(ctl_sent, "control requests sent")                                                           \
    X(ctl_late, "control replies nobody waited for (late or wrong id)")                            \
    X(vf_offered, "virtual functions the host offered; traffic stays here")                        \
    X(vf_withdrawn, "virtual functions the host withdrew")                                         \
    X(latency_set, "channels whose monitor latency was set as asked")                              \
    X(ctl_changes, "settings changed while up")                                                    \
    X(ctl_refused, "settings the host refused")                                                    \
    X(ctl_indications, "status indications")                                                       \
    X(host_bad_xid, "completions for something never sent")                                        \
    X(host_bad_packet, "packets of unknown type or too short")                                     \
    X(host_bad_set, "transfer pages with a wrong set id, count or inner type")                     \
    X(host_bad_ring, "corrupt ring: channel given up")                                             \
    X(queues_short, "attaches that got fewer queues than asked for")                               \
    X(rss_sets, "RSS tables the host took")                                                        \
    X(rss_refused, "RSS tables it did not take")                                                   \
    X(send_tables, "tables of where to send, taken from the host")                                 \
    X(send_table_bad, "such tables that make no sense")                                            \
    X(takeovers, "queues taken over from a process that died in them")                             \
    X(takeover_acks, "completions it owed the host")                                               \
    X(attaches, "times NETVSC_UP was reached")                                                     \
    X(attach_failures, "attaches that failed")                                                     \
    X(device_gone, "times the host withdrew the device")

struct netvsc_stats {
#define X(name, help) uint64_t name;
    NETVSC_STATS(X)
#undef X
};

struct netvsc;

/*
 * Do the books balance? NULL, or a sentence with the numbers, good until this thread asks again.
 * Exact when no other thread polls.
 */
const char *netvsc_audit(const struct netvsc *nic);
/* The same for counters gathered elsewhere, with (outstanding) frames not completed. */
const char *netvsc_audit_stats(const struct netvsc_stats *stats, uint64_t outstanding);

#endif
