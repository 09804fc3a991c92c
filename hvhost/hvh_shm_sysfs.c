/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a card looks like in the folder: the attributes a Linux kernel shows for a network card
 * bound to uio_hv_generic, and the files that stand for its uio node. A program that reads one
 * reads the other.
 *
 * class_id is written last and removed first: to a scan that runs meanwhile, a card that is only
 * half there is no network card.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "hvh_shm_var.h"
#include "vmbus_reg.h"

#define DRIVER "uio_hv_generic"
#define PATH_BYTES HVH_TREE_PATH_BYTES

/* One uio map: its name, its memory, and how big it is. */
struct map {
    char name[24];
    size_t len_bytes;
    struct vmbus_region *mem; /* NULL: mapped when a guest brings it */
};

static void path_of(char out[PATH_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All our paths fit; a longer one is refused where it is used. */
static void path_of(char out[PATH_BYTES], const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(out, PATH_BYTES, format, ap);
    va_end(ap);
}

void hvh_shm_file_name(const struct hvh_shm_card *card, const char *suffix, char out[PATH_BYTES])
{
    path_of(out, "dev/uio%u.%s", card->index, suffix);
}

/* A card being built. The first failure stays and turns all later steps into nothing. */
struct build {
    struct hvh_shm_card *card;
    struct hvh_tree *tree;
    char dir[64]; /* devices/GUID */
    int rc;
};

static void attr(struct build *b, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An attribute of the card: one line of text. */
static void attr(struct build *b, const char *name, const char *format, ...)
{
    char path[PATH_BYTES];
    char text[96] = "";
    va_list ap;

    if (b->rc != 0)
        return;
    path_of(path, "%s/%s", b->dir, name);
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text) - 1, format, ap);
    va_end(ap);
    strcat(text, "\n");
    b->rc = hvh_tree_text(b->tree, path, text);
}

static void folder(struct build *b, const char *name)
{
    char path[PATH_BYTES];

    path_of(path, "%s%s", b->dir, name);
    if (b->rc == 0)
        b->rc = hvh_tree_mkdir(b->tree, path);
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* The kernel prints the 16 bytes as they are on the wire: the first three fields little-endian. */
static void modalias(struct build *b)
{
    static const unsigned char order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char hex[33] = "";
    uuid_t id;
    unsigned i;

    (void)uuid_parse(VMBUS_CLASS_NIC, id);
    for (i = 0; i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id[order[i]]);
    attr(b, "modalias", "vmbus:%s", hex);
}

static void make_attributes(struct build *b)
{
    unsigned relid = hvh_nic_relid(b->card->nic);
    unsigned monitor = hvh_nic_monitor(b->card->nic);
    char path[PATH_BYTES];

    attr(b, "id", "%u", relid);
    attr(b, "state", "%u", HVH_SHM_STATE_OPENABLE);
    if (monitor != VMBUS_MONITOR_NONE)
        attr(b, "monitor_id", "%u", monitor);
    attr(b, "device_id", "{%s}", hvh_nic_instance(b->card->nic));
    attr(b, "vendor", "0x1414");
    attr(b, "device", "0x3"); /* network card, in the kernel's table of devices */
    attr(b, "numa_node", "0");
    modalias(b);
    attr(b, "channel_vp_mapping", "%u:0", relid);
    path_of(path, "%s/driver", b->dir);
    if (b->rc == 0)
        b->rc = hvh_tree_symlink(b->tree, path, "../../drivers/" DRIVER);
}

static void make_channel(struct build *b)
{
    unsigned relid = hvh_nic_relid(b->card->nic);
    unsigned monitor = hvh_nic_monitor(b->card->nic);
    char name[PATH_BYTES];

    folder(b, "/channels");
    path_of(name, "/channels/%u", relid);
    folder(b, name);
    path_of(name, "channels/%u/subchannel_id", relid);
    attr(b, name, "0");
    path_of(name, "channels/%u/cpu", relid);
    attr(b, name, "0");
    /* By this file programs know a kernel that has rings of sub-channels. */
    path_of(name, "%s/channels/%u/ring", b->dir, relid);
    if (b->rc == 0 && !hvh_nic_config(b->card->nic)->no_subchannel_rings)
        b->rc = hvh_tree_region(b->tree, name, 0);
    path_of(name, "channels/%u/monitor_id", relid);
    if (monitor != VMBUS_MONITOR_NONE)
        attr(b, name, "%u", monitor);
}

/* ---- the uio device -------------------------------------------------------------------------- */

static void list_maps(struct hvh_shm_card *card, struct map maps[HVH_SHM_MAPS])
{
    struct hvh_guest *g = &card->guest;
    const struct hvhost_nic_config *config = hvh_nic_config(card->nic);

    maps[0] = (struct map){"txrx_rings", card->ring_bytes, NULL};
    maps[1] = (struct map){"int_page", VMBUS_PAGE_BYTES, &g->int_page};
    maps[2] = (struct map){"monitor_page", VMBUS_PAGE_BYTES, &g->monitor_page};
    maps[3] = (struct map){"", config->recv_buf_bytes, &g->gpadl[0].mem};
    maps[4] = (struct map){"", config->send_buf_bytes, &g->gpadl[1].mem};
    (void)snprintf(maps[3].name, sizeof(maps[3].name), "recv:%u", g->gpadl[0].handle);
    (void)snprintf(maps[4].name, sizeof(maps[4].name), "send:%u", g->gpadl[1].handle);
}

/* A file of memory beside the node, mapped when (out) is given. */
static void make_file(struct build *b, const char *suffix, size_t len_bytes,
                      struct vmbus_region *out)
{
    char path[PATH_BYTES];
    uint8_t *base;

    if (b->rc != 0)
        return;
    hvh_shm_file_name(b->card, suffix, path);
    b->rc = hvh_tree_region(b->tree, path, len_bytes);
    if (b->rc == 0 && out)
        b->rc = hvh_tree_map(b->tree, path, len_bytes, &base);
    if (b->rc == 0 && out)
        *out = (struct vmbus_region){.base = base, .len_bytes = len_bytes};
}

static void make_map(struct build *b, unsigned k, const struct map *map)
{
    char dir[48], name[PATH_BYTES];

    (void)snprintf(dir, sizeof(dir), "/uio/uio%u/maps/map%u", b->card->index, k);
    folder(b, dir);
    path_of(name, "%s/name", dir + 1);
    attr(b, name, "%s", map->name);
    path_of(name, "%s/addr", dir + 1);
    attr(b, name, "0x0");
    path_of(name, "%s/offset", dir + 1);
    attr(b, name, "0x0");
    path_of(name, "%s/size", dir + 1);
    attr(b, name, "0x%zx", map->len_bytes);
    path_of(name, "map%u", k);
    make_file(b, name, map->len_bytes, map->mem);
}

static void make_uio(struct build *b)
{
    struct map maps[HVH_SHM_MAPS];
    char name[PATH_BYTES];
    unsigned k;

    list_maps(b->card, maps);
    folder(b, "/uio");
    path_of(name, "/uio/uio%u", b->card->index);
    folder(b, name);
    path_of(name, "uio/uio%u/name", b->card->index);
    attr(b, name, DRIVER);
    path_of(name, "uio/uio%u/version", b->card->index);
    attr(b, name, "1");
    path_of(name, "/uio/uio%u/maps", b->card->index);
    folder(b, name);
    for (k = 0; k < HVH_SHM_MAPS; k++)
        make_map(b, k, &maps[k]);
}

static void make_ram(struct build *b)
{
    struct hvh_guest *guest = &b->card->guest;
    uint32_t bytes = hvh_nic_config(b->card->nic)->dma_bytes;

    guest->ram_count = bytes == UINT32_MAX ? 0 : 1;
    if (guest->ram_count > 0)
        make_file(b, "ram", bytes, &guest->ram[0].mem);
}

static void make_node(struct build *b)
{
    char path[PATH_BYTES];

    make_file(b, "lock", 0, NULL);
    if (b->rc != 0)
        return;
    path_of(path, "dev/uio%u", b->card->index);
    b->rc = hvh_tree_socket(b->tree, path);
    if (b->rc < 0)
        return;
    b->card->listen_fd = b->rc;
    b->rc = 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

void hvh_shm_card_init(struct hvh_shm_card *card, struct hvh_shm *shm, struct hvhost_nic *nic,
                       unsigned index)
{
    uint32_t handle = HVH_GPADL_FIRST + 2 * index;

    *card = (struct hvh_shm_card){
        .shm = shm,
        .nic = nic,
        .index = index,
        .ring_bytes = hvh_nic_config(nic)->ring_bytes,
        .listen_fd = -1,
        .conn_fd = -1,
        .guest = {.primary = {.relid = hvh_nic_relid(nic), .monitor_id = hvh_nic_monitor(nic)},
                  .gpadl = {{.handle = handle}, {.handle = handle + 1}},
                  .gpadl_count = 2},
    };
}

int hvh_shm_make_bus(struct hvh_tree *tree)
{
    static const char *const folders[] = {"dev", "drivers", ("drivers/" DRIVER), "devices"};
    unsigned i;
    int rc = 0;

    for (i = 0; rc == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        rc = hvh_tree_mkdir(tree, folders[i]);
    return rc;
}

int hvh_shm_publish(struct hvh_shm_card *card)
{
    struct build b = {.card = card, .tree = &card->shm->tree};

    (void)snprintf(b.dir, sizeof(b.dir), "devices/%s", hvh_nic_instance(card->nic));
    folder(&b, "");
    make_attributes(&b);
    make_channel(&b);
    make_uio(&b);
    make_ram(&b);
    make_node(&b);
    attr(&b, "class_id", "{%s}", VMBUS_CLASS_NIC);
    if (b.rc != 0)
        hvh_shm_unpublish(card);
    return b.rc;
}

static void unmap(struct vmbus_region *mem)
{
    if (mem->base)
        (void)munmap(mem->base, mem->len_bytes);
    *mem = (struct vmbus_region){0};
}

void hvh_shm_hide(struct hvh_shm_card *card)
{
    char path[PATH_BYTES];

    if (card->listen_fd >= 0)
        close(card->listen_fd);
    card->listen_fd = -1;
    card->hidden = true;
    path_of(path, "devices/%s", hvh_nic_instance(card->nic));
    hvh_tree_remove(&card->shm->tree, path);
    path_of(path, "dev/uio%u", card->index);
    hvh_tree_remove(&card->shm->tree, path);
}

void hvh_shm_unpublish(struct hvh_shm_card *card)
{
    struct map maps[HVH_SHM_MAPS];

    hvh_shm_hide(card);
    list_maps(card, maps);
    for (unsigned k = 0; k < HVH_SHM_MAPS; k++) {
        if (maps[k].mem)
            unmap(maps[k].mem);
    }
    unmap(&card->guest.ram[0].mem);
    card->hidden = false;
}

void hvh_shm_show_state(struct hvh_shm_card *card, unsigned state)
{
    char path[PATH_BYTES];
    const char text[] = {(char)('0' + state), '\n', '\0'};

    path_of(path, "devices/%s/state", hvh_nic_instance(card->nic));
    hvh_tree_update(&card->shm->tree, path, text);
}
