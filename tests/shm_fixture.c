/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE 1 /* nftw() */
#include "shm_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "hvh_shm.h"

#define FDS_MAX 64u

struct reply {
    int rc;
    struct hvhost_nic_stats stats;
};

struct hvhost_nic_config shm_small_nic(void)
{
    return (struct hvhost_nic_config){.recv_buf_bytes = 1u << 20,
                                      .send_buf_bytes = 1u << 20,
                                      .ring_bytes = 64u << 10,
                                      .dma_bytes = 64u << 10};
}

/* ---- the host's process --------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void rest(struct hvhost *host, int control)
{
    struct pollfd fds[FDS_MAX] = {{.fd = control, .events = POLLIN}};
    unsigned count = hvhost_pollfds(host, fds + 1, FDS_MAX - 1);
    uint64_t ns = hvhost_next_deadline(host, now_ns());

    poll(fds, count + 1, ns == UINT64_MAX ? -1 : (int)(ns / 1000000u + 1));
}

static bool obey(struct hvhost_nic *nic, int control)
{
    struct reply reply = {0};
    char command;
    ssize_t got = recv(control, &command, 1, MSG_DONTWAIT);

    if (got == 0)
        return false;
    if (got < 0)
        return true;
    if (command == 'r' || command == 'b')
        hvhost_nic_rescind(nic);
    if (command == 'o' || command == 'b')
        hvhost_nic_offer(nic);
    hvhost_nic_stats(nic, &reply.stats);
    return send(control, &reply, sizeof(reply), MSG_NOSIGNAL) > 0;
}

static int host_main(const char *dir, unsigned nics, int control)
{
    struct hvhost_nic_config config = shm_small_nic();
    struct hvhost_nic *first = NULL, *nic;
    struct reply reply = {0};
    struct hvh_shm *shm;
    struct hvhost *host;
    unsigned i;

    if (hvhost_create(NULL, &host) != 0)
        return 1;
    for (i = 0; i < nics; i++) {
        if (hvhost_nic_add(host, &config, &nic) != 0)
            return 1;
        first = first ? first : nic;
    }
    reply.rc = hvh_shm_serve(host, dir, &shm);
    if (send(control, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
        return 1;
    while (reply.rc == 0 && obey(first, control)) {
        if (hvhost_step(host, now_ns()) == 0)
            rest(host, control);
    }
    hvhost_destroy(host);
    return 0;
}

/* ---- talking to it -------------------------------------------------------------------------- */

static struct reply get_reply(struct shm_fixture *f)
{
    struct pollfd p = {.fd = f->control, .events = POLLIN};
    struct reply reply = {.rc = -EIO};

    assert_int_equal(poll(&p, 1, SHM_WAIT_MS), 1);
    assert_int_equal(recv(f->control, &reply, sizeof(reply), 0), sizeof(reply));
    return reply;
}

static struct reply ask(struct shm_fixture *f, char command)
{
    assert_int_equal(send(f->control, &command, 1, MSG_NOSIGNAL), 1);
    return get_reply(f);
}

int shm_host_start(struct shm_fixture *f, unsigned nics)
{
    int rc, pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    f->host = fork();
    assert_true(f->host >= 0);
    if (f->host == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        _exit(host_main(f->dir, nics, pair[1]));
    }
    close(pair[1]);
    f->control = pair[0];
    rc = get_reply(f).rc;
    if (rc != 0)
        shm_host_quit(f);
    return rc;
}

static int reap(struct shm_fixture *f)
{
    int status = 0;

    close(f->control);
    assert_int_equal(waitpid(f->host, &status, 0), f->host);
    f->host = 0;
    return status;
}

void shm_host_kill(struct shm_fixture *f)
{
    kill(f->host, SIGKILL);
    (void)reap(f);
}

/* The end of the control socket is its order to leave. */
void shm_host_quit(struct shm_fixture *f)
{
    assert_int_equal(reap(f), 0);
}

void shm_host_rescind(struct shm_fixture *f)
{
    (void)ask(f, 'r');
}

void shm_host_offer(struct shm_fixture *f)
{
    (void)ask(f, 'o');
    (void)ask(f, 's'); /* the host has turned in between: the folder shows it */
}

void shm_host_offer_anew(struct shm_fixture *f)
{
    (void)ask(f, 'b');
}

void shm_host_stats(struct shm_fixture *f, struct hvhost_nic_stats *out)
{
    *out = ask(f, 's').stats;
}

void shm_host_await_closes(struct shm_fixture *f, uint64_t closes)
{
    uint64_t end = now_ns() + SHM_WAIT_MS * UINT64_C(1000000);
    struct hvhost_nic_stats stats;

    do {
        shm_host_stats(f, &stats); /* the host turns once per question */
    } while (stats.closes < closes && now_ns() < end);
    assert_int_equal(stats.closes, closes);
}

/* ---- the folder ----------------------------------------------------------------------------- */

int shm_setup(void **state)
{
    struct shm_fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    strcpy(f->base,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/nvt-shm-XXXXXX" : "/tmp/nvt-shm-XXXXXX");
    if (!mkdtemp(f->base))
        return -1;
    snprintf(f->dir, sizeof(f->dir), "%s/bus", f->base);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int shm_teardown(void **state)
{
    struct shm_fixture *f = *state;

    if (f->host > 0)
        shm_host_kill(f);
    nftw(f->base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static const char *below(const struct shm_fixture *f, const char *path)
{
    static char full[512];

    snprintf(full, sizeof(full), "%s/%s", f->base, path);
    return full;
}

bool shm_exists(const struct shm_fixture *f, const char *path)
{
    return faccessat(AT_FDCWD, below(f, path), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void shm_write(const struct shm_fixture *f, const char *path, const char *text)
{
    FILE *file = fopen(below(f, path), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

const char *shm_read(const struct shm_fixture *f, const char *path)
{
    static char text[256];
    FILE *file = fopen(below(f, path), "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

void shm_remove(const struct shm_fixture *f, const char *path)
{
    assert_int_equal(unlink(below(f, path)), 0);
}
