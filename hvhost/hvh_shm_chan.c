/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sub-channels in the folder: channels/RELID below the card, as the guest's kernel would show them.
 *
 * The folder with its attributes appears when the channel is offered, the file "ring" one step
 * later, when the channel is open: a kernel takes its time, and who takes the folder for the ring
 * shall be found out here. The ring is complete when its name appears. We make its memory, new for
 * each guest, so nothing of a former one is in it.
 * All of it goes when the guest does. Where the guest's kernel is said to have no such rings the
 * folders appear and the rings never do.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "hvh_shm_var.h"
#include "vmbus_reg.h"

#define PATH_BYTES HVH_TREE_PATH_BYTES

static void path_of(const struct hvh_shm_card *card, unsigned index, const char *name,
                    char out[PATH_BYTES])
{
    struct vmbus_chan_region region;

    hvh_nic_subchannel(card->nic, index, &region);
    (void)snprintf(out, PATH_BYTES, "devices/%s/channels/%u%s", hvh_nic_instance(card->nic),
                   region.relid, name);
}

static void attr(struct hvh_shm_card *card, unsigned index, const char *name, unsigned value)
{
    char path[PATH_BYTES], text[16];

    path_of(card, index, name, path);
    (void)snprintf(text, sizeof(text), "%u\n", value);
    (void)hvh_tree_text(&card->shm->tree, path, text);
}

void hvh_shm_chan_offered(void *ctx, unsigned index)
{
    struct hvh_shm_card *card = ctx;
    struct vmbus_chan_region region;
    char path[PATH_BYTES];

    hvh_nic_subchannel(card->nic, index, &region);
    path_of(card, index, "", path);
    if (hvh_tree_mkdir(&card->shm->tree, path) != 0)
        return; /* to the guest: never offered */
    if (region.monitor_id != VMBUS_MONITOR_NONE)
        attr(card, index, "/monitor_id", region.monitor_id);
    attr(card, index, "/cpu", 0);
    attr(card, index, "/subchannel_id", index);
    card->chan[index].shown = true;
}

static void ring_make(struct hvh_shm_card *card, unsigned index)
{
    struct hvh_shm_chan *chan = &card->chan[index];
    struct vmbus_region rings = {.len_bytes = card->ring_bytes};
    char path[PATH_BYTES], final[PATH_BYTES];

    path_of(card, index, "/ring.new", path);
    path_of(card, index, "/ring", final);
    if (hvh_tree_region(&card->shm->tree, path, rings.len_bytes) != 0 ||
        hvh_tree_map(&card->shm->tree, path, rings.len_bytes, &rings.base) != 0)
        return;
    hvh_rings_init(&rings);
    chan->rings = rings;
    if (hvh_nic_subchannel_open(card->nic, index, &rings) == 0)
        (void)hvh_tree_rename(&card->shm->tree, path, final);
}

unsigned hvh_shm_chans_step(struct hvh_shm_card *card)
{
    unsigned done = 0;

    for (unsigned i = 1; i < HVH_SHM_CHANS; i++) {
        struct hvh_shm_chan *chan = &card->chan[i];

        if (!chan->shown || chan->tried || hvh_nic_config(card->nic)->no_subchannel_rings)
            continue;
        chan->tried = true;
        ring_make(card, i);
        done++;
    }
    return done;
}

void hvh_shm_chans_close(struct hvh_shm_card *card)
{
    for (unsigned i = 1; i < HVH_SHM_CHANS; i++) {
        struct hvh_shm_chan *chan = &card->chan[i];
        char path[PATH_BYTES];

        if (chan->rings.base)
            (void)munmap(chan->rings.base, chan->rings.len_bytes);
        path_of(card, i, "", path);
        if (chan->shown)
            hvh_tree_remove(&card->shm->tree, path);
        *chan = (struct hvh_shm_chan){0};
    }
}
