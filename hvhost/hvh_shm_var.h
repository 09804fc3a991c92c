/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the shared-memory face: the folder on disk, and a card as it is shown in it. */
#ifndef HVH_SHM_VAR_H
#define HVH_SHM_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvh_var.h"
#include "vmbus_shm_reg.h"

/*
 * A folder in which we only ever remove what we made. Each path is written to DIR/hvhost.lock
 * before it is created, so that the next host can clear up after one that was killed; the lock on
 * that file tells a live host from a dead one.
 */
struct hvh_tree_name {
    char *path; /* relative */
    bool made;  /* and not yet removed */
};

struct hvh_tree {
    int dir_fd;
    int lock_fd;
    char dir[256];
    bool owns_dir;               /* we made the folder itself, too */
    struct hvh_tree_name *names; /* all that are on the list, oldest first */
    size_t count;
    size_t capacity;
};

#define HVH_TREE_PATH_BYTES 128u

/*
 * Take (dir) over, create it if missing, clear what a dead host left. -EBUSY a live host has it,
 * -EEXIST it holds something else, -EPERM it belongs to another user, -ENAMETOOLONG; or errno.
 */
int hvh_tree_open(const char *dir, struct hvh_tree *tree);
/* Remove everything made and let go. Safe after a failed open. */
void hvh_tree_close(struct hvh_tree *tree);

/* Put (path) on the list: before creating it. */
int hvh_tree_note(struct hvh_tree *tree, const char *path);
/* Each creates (path), relative to the folder, and puts it on the list. */
int hvh_tree_mkdir(struct hvh_tree *tree, const char *path);
int hvh_tree_symlink(struct hvh_tree *tree, const char *path, const char *target);
/* A guest that looks too early finds no (path), never an empty one. */
int hvh_tree_text(struct hvh_tree *tree, const char *path, const char *text);
/* A file of (len_bytes) zeroes whose memory is really there: no SIGBUS later when tmpfs is full. */
int hvh_tree_region(struct hvh_tree *tree, const char *path, size_t len_bytes);
/* Give a file made earlier another name; it is on the list under both. */
int hvh_tree_rename(struct hvh_tree *tree, const char *from, const char *to);
/* A listening SOCK_SEQPACKET socket. Returns its descriptor. */
int hvh_tree_socket(struct hvh_tree *tree, const char *path);

/* Replace the contents of a text file made earlier. */
void hvh_tree_update(struct hvh_tree *tree, const char *path, const char *text);
/*
 * Map a region file, whoever made it: it must be a plain file of at least (len_bytes), or -EPROTO.
 */
int hvh_tree_map(const struct hvh_tree *tree, const char *path, size_t len_bytes, uint8_t **out);

/* Remove (path), all made below it and all named (path).something, newest first. "": everything. */
void hvh_tree_remove(struct hvh_tree *tree, const char *path);

/* ---- a card in the folder -------------------------------------------------------------------- */

struct hvh_shm;

#define HVH_SHM_MAPS 5u

#define HVH_SHM_CHANS 64u

/* A sub-channel of the guest that has the card open. */
struct hvh_shm_chan {
    bool shown; /* its folder is there */
    bool tried; /* to make its ring */
    struct vmbus_region rings;
};

struct hvh_shm_card {
    struct hvh_shm *shm;
    struct hvhost_nic *nic;
    unsigned index; /* N of uioN */
    size_t ring_bytes;
    int listen_fd;       /* -1 while not published */
    int conn_fd;         /* -1 while nobody has it open */
    bool withdrawn;      /* under the guest that has it open */
    bool hidden;         /* its names are gone, its memory is not */
    bool failed;         /* could not be shown again; not tried before the next offer */
    uint32_t interrupts; /* the count a guest reads, modulo 2^32 */
    struct hvh_shm_chan chan[HVH_SHM_CHANS]; /* [0] is unused */
    struct vmbus_region shared;              /* by the guest with a message; base NULL: none */
    struct hvh_guest guest; /* rings are mapped per guest, the rest while published */
};

struct hvh_shm {
    struct hvhost *host;
    struct hvh_tree tree;
    unsigned count;
    struct hvh_shm_card *cards;
    struct pollfd *pollfds; /* two per card */
};

/* Values of the attribute "state", as a Linux kernel shows them. */
#define HVH_SHM_STATE_OPENABLE 2u
#define HVH_SHM_STATE_OPENED 3u

void hvh_shm_card_init(struct hvh_shm_card *card, struct hvh_shm *shm, struct hvhost_nic *nic,
                       unsigned index);

/* The folders that are there without any card. */
int hvh_shm_make_bus(struct hvh_tree *tree);

/* Show the card and listen for a guest; on failure nothing is left. */
int hvh_shm_publish(struct hvh_shm_card *card);
/* Nobody finds it any more; who has it open keeps its memory. */
void hvh_shm_hide(struct hvh_shm_card *card);
/* Hide it and give its memory back: nobody has it open. */
void hvh_shm_unpublish(struct hvh_shm_card *card);
void hvh_shm_show_state(struct hvh_shm_card *card, unsigned state);

/* dev/uioN.(suffix). */
void hvh_shm_file_name(const struct hvh_shm_card *card, const char *suffix,
                       char out[HVH_TREE_PATH_BYTES]);

/* ---- hvh_shm_message.c: what the guest says on its socket ------------------------------------ */

#define HVH_SHM_MESSAGES 16u /* taken with one system call */

struct hvh_shm_message {
    unsigned len_bytes; /* may be more than there was room for */
    int fd;             /* that came with it, ours now, or -1 */
    union {
        int32_t doorbell;
        struct vmbus_shm_share share;
    } body;
};

/* Take what is there: how many, 0 at the end, or -errno. */
int hvh_shm_receive(int fd, struct hvh_shm_message out[HVH_SHM_MESSAGES]);
/* Look at (msg), which is no doorbell, and close its descriptor. True: the guest shared memory. */
bool hvh_shm_message_share(struct hvh_shm_card *card, const struct hvh_shm_message *msg);
/* The core has let go of the guest's memory. */
void hvh_shm_share_close(struct hvh_shm_card *card);

/* ---- hvh_shm_chan.c: sub-channels of the guest ----------------------------------------------- */

void hvh_shm_chan_offered(void *ctx, unsigned index);
/* Make and open rings that are due. Returns how many. */
unsigned hvh_shm_chans_step(struct hvh_shm_card *card);
/* The guest is gone and the core has let go of its memory. */
void hvh_shm_chans_close(struct hvh_shm_card *card);

#endif
