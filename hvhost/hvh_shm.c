/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shared-memory face: guests in other processes.
 *
 * Theory of operation
 *
 * Each card is a folder that looks like sysfs (hvh_shm_sysfs.c), one file per uio map, a file of
 * guest memory whose offsets are the guest-physical addresses, and a socket that stands for the uio
 * node:
 *
 *   guest connects         OPEN_CHANNEL; its ring memory is what dev/uioN.map0 is now
 *   guest sends s32 1      the doorbell; which channels it is for say the bits of the interrupt
 *                          page. s32 0 (mask) concerns its own kernel, not us
 *   guest sends a share    a descriptor: more guest memory (hvh_shm_message.c)
 *   we send s32 count      an interrupt; when the socket is full the guest has one to read anyway
 *   guest hangs up or dies CLOSE_CHANNEL
 *   we stop talking        rescind: the guest reads the end, and hangs up when it has let go
 *
 * Whose rings are they? A guest makes a new map0 while it holds the lock on dev/uioN.lock, then
 * connects, and the kernel drops that lock when it dies. So after accept() and opening map0, a peer
 * that is still alive has held the lock all the while and the file is its own; a peer that is dead
 * is turned away before a byte is touched. Rings of a dead guest that we still write to are a file
 * nobody else has.
 *
 * What a guest may do to us: all that its memory can say is checked by the core. Files are 0600 in
 * a 0700 folder, so only processes of our own user get here. Such a process could also shorten a
 * file under us, which ends in SIGBUS; it could as well send us a signal, and we do not defend
 * against it. Memory that is missing because tmpfs is full is another matter: it is allocated when
 * a file is made.
 */
#define _GNU_SOURCE /* accept4() */
#include "hvh_shm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hvh_shm_var.h"
#include "vmbus_reg.h"

#define ACCEPT_BATCH 4u /* openers looked at, per card and step */

/* ---- a guest comes and goes ----------------------------------------------------------------- */

static void hang_up(struct hvh_shm_card *card)
{
    struct vmbus_region *rings = &card->guest.primary.rings;

    if (card->conn_fd < 0)
        return;
    if (hvh_nic_connected(card->nic))
        hvh_nic_disconnect(card->nic);
    hvh_shm_chans_close(card);
    hvh_shm_share_close(card);
    close(card->conn_fd);
    card->conn_fd = -1;
    card->withdrawn = false;
    (void)munmap(rings->base, rings->len_bytes);
    *rings = (struct vmbus_region){0};
    hvh_shm_show_state(card, HVH_SHM_STATE_OPENABLE);
}

static bool is_alive(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) == 0;
}

static void interrupt(void *ctx, uint32_t relid)
{
    struct hvh_shm_card *card = ctx;

    (void)relid;
    card->interrupts++;
    (void)!send(card->conn_fd, &card->interrupts, sizeof(card->interrupts),
                MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void rescinded(void *ctx)
{
    struct hvh_shm_card *card = ctx;

    card->withdrawn = true; /* the guest hears of it in the next step */
}

static const struct hvh_face_ops face_ops = {
    .interrupt = interrupt, .rescinded = rescinded, .offered = hvh_shm_chan_offered};

/* Let the peer of (fd) open the card. On failure the caller still owns (fd). */
static int connect_guest(struct hvh_shm_card *card, int fd)
{
    struct vmbus_region rings = {.len_bytes = card->ring_bytes};
    char path[HVH_TREE_PATH_BYTES];
    int small = 1; /* the kernel's minimum: a few interrupts, the rest coalesce */
    int rc;

    hvh_shm_file_name(card, "map0", path);
    rc = hvh_tree_map(&card->shm->tree, path, rings.len_bytes, &rings.base);
    if (rc != 0)
        return rc;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    card->guest.primary.rings = rings;
    card->conn_fd = fd;
    rc = is_alive(fd) ? hvh_nic_connect(card->nic, &card->guest, &face_ops, card) : -EPIPE;
    if (rc != 0) {
        (void)munmap(rings.base, rings.len_bytes);
        card->guest.primary.rings = (struct vmbus_region){0};
        card->conn_fd = -1;
        return rc;
    }
    hvh_shm_show_state(card, HVH_SHM_STATE_OPENED);
    return 0;
}

static unsigned accept_guests(struct hvh_shm_card *card)
{
    unsigned done;
    int fd;

    for (done = 0; done < ACCEPT_BATCH; done++) {
        fd = accept4(card->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            break;
        /* Who holds the card may have died since we last looked. */
        if (card->conn_fd >= 0 && !is_alive(card->conn_fd))
            hang_up(card);
        if (card->conn_fd >= 0 || connect_guest(card, fd) != 0)
            close(fd);
    }
    return done;
}

/* ---- doorbells ------------------------------------------------------------------------------- */

/* The guest set the channel's bit before it rang; taking it here pairs with that. */
static bool event_take(const struct hvh_shm_card *card, uint32_t relid)
{
    uint8_t *bits = card->guest.int_page.base + VMBUS_INT_PAGE_TO_HOST_BYTES;
    _Atomic uint32_t *word = (_Atomic uint32_t *)(void *)bits + relid / 32;
    uint32_t bit = 1u << (relid % 32);

    return atomic_load_explicit(word, memory_order_relaxed) & bit &&
           atomic_fetch_and_explicit(word, ~bit, memory_order_acq_rel) & bit;
}

/*
 * Two doorbells on their way may find all their bits at the first one. A guest with one channel
 * need not set any.
 */
static void ring_channels(struct hvh_shm_card *card)
{
    uint32_t relid = hvh_nic_relid(card->nic);
    bool only_primary = true;
    bool any = event_take(card, relid);

    if (any)
        hvh_nic_doorbell(card->nic, relid);
    for (unsigned i = 1; i < HVH_SHM_CHANS; i++) {
        if (!card->chan[i].rings.base)
            continue;
        only_primary = false;
        if (event_take(card, relid + i))
            hvh_nic_doorbell(card->nic, relid + i);
    }
    if (only_primary && !any)
        hvh_nic_doorbell(card->nic, relid);
}

static unsigned take_messages(struct hvh_shm_card *card)
{
    struct hvh_shm_message msg[HVH_SHM_MESSAGES];
    unsigned done = 0;
    bool end;
    int got;

    got = hvh_shm_receive(card->conn_fd, msg);
    if (got == -EAGAIN || got == -EINTR)
        return 0;
    end = got <= 0;
    for (int i = 0; i < got; i++) {
        end |= msg[i].len_bytes == 0;
        if (msg[i].len_bytes == sizeof(msg[i].body.doorbell) && msg[i].body.doorbell == 1) {
            ring_channels(card);
            done++;
        }
        done += hvh_shm_message_share(card, &msg[i]);
    }
    /* What was signalled just before the end is still served: the end will be read again. */
    if (end && done == 0)
        hang_up(card);
    return done + (unsigned)end;
}

/* ---- the service ----------------------------------------------------------------------------- */

/*
 * Cards come and go by hvhost_nic_offer() and hvhost_nic_rescind(); the folder follows. The guest
 * of a card withdrawn is served until it closes, or the card is wanted for the next one.
 */
static void follow_offer(struct hvh_shm_card *card)
{
    bool offered = hvh_nic_offered(card->nic);

    if (card->withdrawn && offered)
        hang_up(card);
    if (card->listen_fd >= 0 && !offered) {
        hvh_shm_hide(card);
        (void)shutdown(card->conn_fd, SHUT_WR);
    }
    if (card->hidden && card->conn_fd < 0)
        hvh_shm_unpublish(card);
    if (card->listen_fd < 0 && offered && !card->failed)
        card->failed = hvh_shm_publish(card) != 0;
    if (!offered)
        card->failed = false;
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct hvh_shm *shm = ctx;
    struct hvh_shm_card *card;
    struct pollfd *p = shm->pollfds;
    unsigned i, done = 0;

    (void)now_ns;
    for (i = 0; i < shm->count; i++) {
        card = &shm->cards[i];
        follow_offer(card);
        done += hvh_shm_chans_step(card);
        p[2 * i] = (struct pollfd){.fd = card->conn_fd, .events = POLLIN};
        p[2 * i + 1] = (struct pollfd){.fd = card->listen_fd, .events = POLLIN};
    }
    /*
     * One look at everything: cheaper than asking each socket, and nearly always there is nothing.
     */
    if (poll(p, 2 * shm->count, 0) <= 0)
        return done;
    for (i = 0; i < shm->count; i++) {
        if (p[2 * i].revents)
            done += take_messages(&shm->cards[i]);
        if (p[2 * i + 1].revents)
            done += accept_guests(&shm->cards[i]);
    }
    return done;
}

static unsigned pollfds(const void *ctx, struct pollfd *out, unsigned max)
{
    const struct hvh_shm *shm = ctx;
    unsigned i, n = 0;

    for (i = 0; i < shm->count; i++) {
        const int fd[2] = {shm->cards[i].conn_fd, shm->cards[i].listen_fd};

        for (unsigned k = 0; k < 2; k++) {
            if (fd[k] < 0)
                continue;
            if (n < max)
                out[n] = (struct pollfd){.fd = fd[k], .events = POLLIN};
            n++;
        }
    }
    return n;
}

static void release(void *ctx)
{
    struct hvh_shm *shm = ctx;
    unsigned i;

    for (i = 0; i < shm->count; i++) {
        hang_up(&shm->cards[i]);
        hvh_shm_unpublish(&shm->cards[i]);
    }
    hvh_tree_close(&shm->tree);
    free(shm->cards);
    free(shm->pollfds);
    free(shm);
}

static const struct hvh_service_ops service_ops = {
    .step = step,
    .pollfds = pollfds,
    .close = release,
};

static int add_cards(struct hvh_shm *shm, struct hvhost *host)
{
    unsigned i, count = 0;
    int rc = 0;

    while (hvh_nic_at(host, count))
        count++;
    shm->cards = calloc(count + 1, sizeof(*shm->cards));
    shm->pollfds = calloc(2 * count + 1, sizeof(*shm->pollfds));
    if (!shm->cards || !shm->pollfds)
        return -ENOMEM;
    for (i = 0; i < count && rc == 0; i++) {
        hvh_shm_card_init(&shm->cards[i], shm, hvh_nic_at(host, i), i);
        shm->count++;
        if (hvh_nic_offered(shm->cards[i].nic))
            rc = hvh_shm_publish(&shm->cards[i]);
    }
    return rc;
}

int hvh_shm_serve(struct hvhost *host, const char *dir, struct hvh_shm **out)
{
    struct hvh_shm *shm = calloc(1, sizeof(*shm));
    int rc;

    *out = NULL;
    if (!shm)
        return -ENOMEM;
    shm->host = host;
    rc = hvh_tree_open(dir, &shm->tree);
    if (rc == 0)
        rc = hvh_shm_make_bus(&shm->tree);
    if (rc == 0)
        rc = add_cards(shm, host);
    if (rc == 0)
        rc = hvh_service_add(host, &service_ops, shm);
    if (rc != 0) {
        release(shm);
        return rc;
    }
    *out = shm;
    return 0;
}

void hvh_shm_close(struct hvh_shm *shm)
{
    if (!shm)
        return;
    hvh_service_remove(shm->host, shm);
    release(shm);
}
