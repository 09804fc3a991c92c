/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A card must not be unbound under a program. Linux' uio_hv_generic (seen with 6.12) then frees the
 * rings but leaves the channel open, for the program's last close no longer reaches it: the host
 * goes on writing to memory that is somebody else's, and no driver can open the channel before the
 * machine boots. So who has the node, by descriptor or mapping, is looked for in /proc, as far as
 * we may look there. `unbind` names him and refuses; the dead man's switch ends him, because the
 * machine it is there to save may hang on that card.
 */
#include "ctl_var.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program of ours ends within a second; another may have connections to say good-bye to. */
#define TERM_MS 5000u
#define KILL_MS 5000u
#define LOOK_MS 100u

/* The node of the card; empty when it has none. */
static void node_of(const struct ctl *ctl, char out[CTL_PATH_BYTES])
{
    out[0] = '\0';
    if (ctl->nic.uio >= 0)
        snprintf(out, CTL_PATH_BYTES, "%s/uio%d", ctl->bus.dev, ctl->nic.uio);
}

static bool has_open(const struct ctl *ctl, const char *pid, const char *node)
{
    char path[CTL_PATH_BYTES], target[CTL_PATH_BYTES];
    const struct dirent *entry;
    bool found = false;
    DIR *dir = opendir(ctl_path(ctl, path, "/proc/%s/fd", pid));

    while (dir && !found && (entry = readdir(dir))) {
        const ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        target[len > 0 ? len : 0] = '\0';
        found = strcmp(target, node) == 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* The path is the last thing in a line of maps. */
static bool has_mapped(const struct ctl *ctl, const char *pid, const char *node)
{
    char path[CTL_PATH_BYTES], line[CTL_PATH_BYTES + 128];
    bool found = false;
    FILE *maps = fopen(ctl_path(ctl, path, "/proc/%s/maps", pid), "re");

    while (maps && !found && fgets(line, sizeof(line), maps)) {
        const char *at = strstr(line, node);

        found = at && strcmp(at + strlen(node), "\n") == 0;
    }
    if (maps)
        fclose(maps);
    return found;
}

bool ctl_user(const struct ctl *ctl, struct ctl_user *out)
{
    char path[CTL_PATH_BYTES], node[CTL_PATH_BYTES];
    const struct dirent *entry;
    bool found = false;
    DIR *dir;

    node_of(ctl, node);
    dir = node[0] ? opendir(ctl_path(ctl, path, "/proc")) : NULL;
    while (dir && !found && (entry = readdir(dir))) {
        const long pid = strtol(entry->d_name, NULL, 10);

        found =
            pid > 0 && (has_open(ctl, entry->d_name, node) || has_mapped(ctl, entry->d_name, node));
        if (found) {
            out->pid = (pid_t)pid;
            (void)ctl_read(ctl_path(ctl, path, "/proc/%ld/comm", pid), out->name,
                           sizeof(out->name));
        }
    }
    if (dir)
        closedir(dir);
    return found;
}

/* Send (signal) to whoever has the card until nobody has, or for (most_ms). */
static bool end_with(struct ctl *ctl, int signal, unsigned most_ms)
{
    struct ctl_user user;
    pid_t told = 0;

    for (unsigned ms = 0; ms <= most_ms; ms += LOOK_MS) {
        if (!ctl_user(ctl, &user))
            return true;
        if (user.pid != told)
            ctl->ops->end(ctl->ctx, user.pid, signal);
        told = user.pid;
        ctl->ops->pause(ctl->ctx, LOOK_MS);
    }
    return false;
}

int ctl_users_end(struct ctl *ctl)
{
    return end_with(ctl, SIGTERM, TERM_MS) || end_with(ctl, SIGKILL, KILL_MS) ? 0 : -EBUSY;
}

int ctl_used(const struct ctl *ctl)
{
    struct ctl_user user;
    char what[64];

    if (!ctl_user(ctl, &user))
        return 0;
    snprintf(what, sizeof(what), "%s (process %d)", user.name, (int)user.pid);
    return app_fail(1, what, "it has the card",
                    "Stop it first: a card taken from a program is lost until the next boot");
}
