/* SPDX-License-Identifier: BSD-3-Clause */
/* An emulated host in a process of its own, and a folder for it. */
#ifndef SHM_FIXTURE_H
#define SHM_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "hvhost.h"

/* Everything a test waits for comes within this, or the test fails. */
#define SHM_WAIT_MS 10000

struct shm_fixture {
    char base[64]; /* a folder of this test's own */
    char dir[80];  /* base/bus: what the host serves */
    pid_t host;    /* 0: none runs */
    int control;
};

/* For cmocka: (*state) is a struct shm_fixture, without a host. */
int shm_setup(void **state);
int shm_teardown(void **state);

/* Start a host with (nics) cards on f->dir. Returns what hvh_shm_serve() returned in there. */
int shm_host_start(struct shm_fixture *f, unsigned nics);
/* End it: with SIGKILL, or so that it cleans up. */
void shm_host_kill(struct shm_fixture *f);
void shm_host_quit(struct shm_fixture *f);

/* Have the host do something to card 0; these return when it is done. */
void shm_host_rescind(struct shm_fixture *f);
void shm_host_offer(struct shm_fixture *f);
void shm_host_offer_anew(struct shm_fixture *f); /* withdraw and offer without a turn in between */
void shm_host_stats(struct shm_fixture *f, struct hvhost_nic_stats *out);
/* Wait until card 0 has been closed (closes) times. */
void shm_host_await_closes(struct shm_fixture *f, uint64_t closes);

/* Small cards: a test makes many. */
struct hvhost_nic_config shm_small_nic(void);

/* Is (path), below f->base, there? Write (text) to it. Its contents, up to 255 bytes. */
bool shm_exists(const struct shm_fixture *f, const char *path);
void shm_write(const struct shm_fixture *f, const char *path, const char *text);
const char *shm_read(const struct shm_fixture *f, const char *path);
void shm_remove(const struct shm_fixture *f, const char *path);

#endif
