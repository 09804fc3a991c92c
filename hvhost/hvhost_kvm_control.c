/* SPDX-License-Identifier: BSD-3-Clause */
/* The control pipe of hvhost-kvm: what an administrator does to cards while the guest runs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvhost_kvm_var.h"

#define LINE_BYTES 128u

struct control {
    struct hvhost *host;
    int fd;
    char line[LINE_BYTES];
    size_t used;
};

/* "books PATH" */
static bool obey_books(const struct hvhost *host, const char *line)
{
    char path[LINE_BYTES];

    return sscanf(line, "books %127s", path) == 1 && main_save_books(host, path) == 0;
}

static bool obey(struct hvhost *host, const char *line)
{
    char verb[16] = "", value[8] = "";
    struct hvhost_nic *nic;
    unsigned index = 0;
    int words = sscanf(line, "%15s %u %7s", verb, &index, value);

    if (strcmp(verb, "books") == 0)
        return obey_books(host, line);
    nic = words >= 2 ? hvh_nic_at(host, index) : NULL;
    if (!nic)
        return false;
    if (strcmp(verb, "rescind") == 0 && strcmp(value, "now") == 0)
        hvhost_nic_rescind(nic);
    else if (strcmp(verb, "rescind") == 0 && words == 2)
        hvhost_nic_leave(nic);
    else if (strcmp(verb, "offer") == 0)
        hvhost_nic_offer(nic);
    else if (strcmp(verb, "link") == 0 && words == 3)
        hvhost_nic_link(nic, strcmp(value, "up") == 0);
    else
        return false;
    return true;
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct control *control = ctx;
    unsigned done = 0;
    ssize_t n;
    char *end;

    (void)now_ns;
    n = read(control->fd, control->line + control->used, LINE_BYTES - 1 - control->used);
    if (n <= 0)
        return 0;
    control->used += (size_t)n;
    control->line[control->used] = '\0';
    while ((end = strchr(control->line, '\n'))) {
        *end++ = '\0';
        if (!obey(control->host, control->line))
            (void)fprintf(stderr, "hvhost: control: cannot do: %s\n", control->line);
        control->used -= (size_t)(end - control->line);
        memmove(control->line, end, control->used + 1);
        done++;
    }
    if (control->used == LINE_BYTES - 1)
        control->used = 0; /* no line of ours is that long */
    return done;
}

static unsigned pollfds(const void *ctx, struct pollfd *out, unsigned max)
{
    const struct control *control = ctx;

    if (max > 0)
        out[0] = (struct pollfd){.fd = control->fd, .events = POLLIN};
    return 1;
}

static void release(void *ctx)
{
    struct control *control = ctx;

    (void)close(control->fd);
    free(control);
}

static const struct hvh_service_ops service_ops = {
    .step = step,
    .pollfds = pollfds,
    .close = release,
};

int kvm_control_open(struct hvhost *host, const char *path)
{
    struct control *control = calloc(1, sizeof(*control));
    int rc;

    if (!control)
        return -ENOMEM;
    control->host = host;
    /* For writing, too: else it would be at its end whenever nobody else has it open. */
    control->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    rc = control->fd < 0 ? -errno : hvh_service_add(host, &service_ops, control);
    if (rc != 0) {
        if (control->fd >= 0)
            (void)close(control->fd);
        free(control);
    }
    return rc;
}
