/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeping received frames without copying them. The memory stays the host's to write: copy what
 * must not change under you before you look at it.
 */
#ifndef NETVSC_HOLD_H
#define NETVSC_HOLD_H

#include <stdint.h>

struct netvsc;
struct netvsc_frame;
struct netvsc_hold;

/*
 * From within config.rx: keep the memory of (frame), one of those handed up, until
 * netvsc_hold_release(). NULL: too much of the receive buffer is kept already, copy it instead;
 * counted in rx_hold_refused. One packet of the host's may carry several frames and gets its
 * completion when the last is released, on the channel it came on.
 *
 * The memory outlives the device: after detach, NETVSC_GONE, even netvsc_destroy(), it stays valid
 * until released; the device is closed by the last release then and cannot be opened again before.
 * If its host had yet to read frames where they are (netvsc_gather.h) the NIC's next poll closes
 * it.
 */
struct netvsc_hold *netvsc_frame_hold(struct netvsc *nic, const struct netvsc_frame *frame);
/*
 * Once for each hold, from any thread, at any time: it neither waits nor takes a lock. The
 * completion leaves with the queue's next poll. When it is the last and the NIC is gone, the device
 * is closed here, by the caller's thread: whoever opens it again waits for that.
 */
void netvsc_hold_release(struct netvsc_hold *hold);

/* Receive sections kept that way right now, on all queues. */
uint32_t netvsc_held_sections(const struct netvsc *nic);

#endif
