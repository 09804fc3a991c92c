/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The dead man's switch is a process that undoes the bind at its deadline. It is started before the
 * first change, so it also helps when netvscctl itself hangs in the kernel or dies with the session
 * it ran in: it has a session of its own and no file of the operator's terminal.
 *
 * It and `confirm` meet at the file STATE/GUID.rollback. Whoever takes the file away first has won:
 * confirm removes it, the switch renames it at the deadline, and both are atomic. No signal is sent
 * to a process id that may belong to somebody else by now; the id in the file is for people.
 */
#include "ctl_var.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 200u
#define LOCK_PATIENCE                                                                              \
    6 /* times the wait of ctl_lock(): longer than a bind that works ever takes                    \
       */

static void switch_path(const struct ctl *ctl, const char *suffix, char out[CTL_PATH_BYTES])
{
    snprintf(out, CTL_PATH_BYTES, "%s/%s.%s", ctl->state_dir, ctl->nic.instance, suffix);
}

/* Time goes on while the machine sleeps. */
static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Nothing of the caller stays open but (kept); what we say goes to a file. */
static void detach(const struct ctl *ctl, int kept)
{
    char path[CTL_PATH_BYTES];
    sigset_t none;
    int fd;

    (void)setsid();
    (void)chdir("/");
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    /* SIGTERM ends it, as it does at shutdown; whoever forked us may have blocked it. */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (fd = 0; fd < 256; fd++) {
        if (fd != kept)
            close(fd);
    }
    if (open("/dev/null", O_RDONLY) != 0)
        _exit(1);
    switch_path(ctl, "log", path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(1);
}

/* Another netvscctl that has not let go for half a minute hangs: go on without. */
static void lock_or_not(const struct ctl *ctl)
{
    int lock = -EBUSY;

    for (int i = 0; i < LOCK_PATIENCE && lock == -EBUSY; i++)
        lock = ctl_lock(ctl);
}

static void undo(struct ctl *ctl)
{
    struct ctl_saved saved;
    int rc;

    lock_or_not(ctl); /* held until this process ends */
    rc = ctl_saved_read(ctl->state_dir, ctl->nic.instance, &saved);
    if (rc) {
        app_fail(1, "rollback", strerror(-rc), "Run netvscctl unbind");
        return;
    }
    if (ctl_look(ctl) == 0 && ctl_users_end(ctl) != 0)
        (void)ctl_used(ctl); /* says who stays */
    else if (ctl_give_back(ctl, &saved) == 0)
        ctl_saved_remove(ctl->state_dir, saved.guid);
}

/* The process itself: from here it never returns to the caller's code. */
__attribute__((noreturn)) static void watch(struct ctl *ctl, uint64_t deadline_ms)
{
    char path[CTL_PATH_BYTES], taken[CTL_PATH_BYTES];

    switch_path(ctl, "rollback", path);
    switch_path(ctl, "rolling", taken);
    while (now_ms() < deadline_ms && ctl_exists(path))
        ctl_machine.pause(NULL, LOOK_MS);
    if (rename(path, taken) != 0)
        _exit(0); /* confirmed */
    undo(ctl);
    unlink(taken);
    fflush(NULL);
    _exit(0);
}

/* In the grandchild: the file, then a byte to the one who waits, then the watch. */
__attribute__((noreturn)) static void start(struct ctl *ctl, unsigned seconds, int ready)
{
    const uint64_t deadline_ms = now_ms() + (uint64_t)seconds * 1000;
    char path[CTL_PATH_BYTES], text[32];

    detach(ctl, ready);
    switch_path(ctl, "rollback", path);
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ctl_write_file(path, text) != 0 || write(ready, "", 1) != 1)
        _exit(1);
    close(ready);
    watch(ctl, deadline_ms);
}

int ctl_rollback_arm(struct ctl *ctl, unsigned seconds)
{
    int ends[2];
    pid_t child;
    char byte;
    int rc;

    if (pipe(ends) != 0)
        return -errno;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        /* Twice, so that init is the parent and nobody has to wait for it. */
        if (fork() == 0)
            start(ctl, seconds, ends[1]);
        _exit(0);
    }
    rc = child < 0 ? -errno : 0;
    close(ends[1]);
    if (rc == 0) {
        (void)waitpid(child, NULL, 0);
        rc = read(ends[0], &byte, 1) == 1 ? 0 : -EIO;
    }
    close(ends[0]);
    return rc;
}

int ctl_rollback_disarm(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];

    switch_path(ctl, "rollback", path);
    return unlink(path) == 0 ? 0 : -errno;
}

bool ctl_rollback_armed(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];

    switch_path(ctl, "rollback", path);
    return ctl_exists(path);
}

int ctl_confirm(struct ctl *ctl)
{
    struct ctl_saved saved;
    int rc = ctl_rollback_disarm(ctl);

    if (rc == -ENOENT)
        return app_fail(1, ctl->nic.instance, "nothing waits to be confirmed, or it was too late",
                        "See netvscctl list");
    if (rc)
        return app_fail(1, ctl->state_dir, strerror(-rc), "Run as root");
    rc = ctl_saved_read(ctl->state_dir, ctl->nic.instance, &saved);
    if (rc == 0 && saved.persist)
        rc = ctl_persist(ctl);
    if (rc)
        return app_fail(1, "confirmed, but not for good", strerror(-rc),
                        "Run netvscctl bind again");
    printf("%s: confirmed\n", ctl->nic.instance);
    return 0;
}
