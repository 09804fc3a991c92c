/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The loop that moves packets also answers questions, so nothing here may wait: sockets do not
 * block, an answer is made as a whole in memory and leaves in as many pieces as the reader takes.
 * A loop that works looks every 10 ms, which is one system call; one that sleeps is woken by the
 * sockets. Clients are few, each has one request and a few seconds; who comes when all places are
 * taken gets the oldest one's, so that nobody can lock others out by staying.
 */
#define _GNU_SOURCE /* accept4(), open_memstream() */
#include "app_control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int app_control_open(struct app_control *control, const char *path)
{
    const int fd = app_control_listen(path, control->path);

    control->fd = -1;
    control->look_at_ns = 0;
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++)
        control->client[i].fd = -1;
    if (fd < 0)
        return fd;
    control->fd = fd;
    return 0;
}

static void drop(struct app_control_client *client)
{
    close(client->fd);
    free(client->answer);
    client->answer = NULL;
    client->fd = -1;
}

void app_control_forget(struct app_control *control)
{
    if (control->fd < 0)
        return;
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++)
        if (control->client[i].fd >= 0)
            drop(&control->client[i]);
    close(control->fd);
    control->fd = -1;
}

void app_control_close(struct app_control *control)
{
    if (control->fd < 0)
        return;
    app_control_forget(control);
    unlink(control->path);
}

/* ---- a request ------------------------------------------------------------------------------- */

/* A quoted word from (*at) on; it ends at its closing quote. NULL: there is none. */
static char *take_word(char **at, const char *before)
{
    char *word, *end;

    *at += strspn(*at, before);
    if (**at != '"')
        return NULL;
    word = *at + 1;
    end = word + strcspn(word, "\"\\");
    if (*end != '"')
        return NULL;
    *end = '\0';
    *at = end + 1;
    return word;
}

static void take_pair(struct app_control_request *out, const char *key, const char *value)
{
    if (strcmp(key, "command") == 0)
        out->command = value;
    else if (strcmp(key, "name") == 0)
        out->name = value;
    else if (strcmp(key, "value") == 0)
        out->value = value;
    else if (strcmp(key, "format") == 0)
        out->json = strcmp(value, "text") != 0;
}

static bool parse_request(char *text, struct app_control_request *out)
{
    char *at = text + strspn(text, " \t");
    char *key, *value;

    *out = (struct app_control_request){.json = true};
    if (*at++ != '{')
        return false;
    while ((key = take_word(&at, " \t,"))) {
        value = take_word(&at, " \t:");
        if (!value)
            return false;
        take_pair(out, key, value);
    }
    at += strspn(at, " \t");
    return *at == '}' && out->command;
}

static void answer(struct app_control *control, struct app_control_client *client)
{
    FILE *out = open_memstream(&client->answer, &client->bytes);
    struct app_control_request request;

    client->sent = 0;
    if (!out) {
        drop(client);
        return;
    }
    if (!parse_request(client->request, &request))
        fprintf(out, "{\"error\": \"not a request\"}\n");
    else if (!control->answer(control->ctx, &request, out))
        fprintf(out, "{\"error\": \"no such command\"}\n");
    if (fclose(out) != 0)
        drop(client);
}

/* ---- clients --------------------------------------------------------------------------------- */

static void take_client(struct app_control *control, uint64_t now_ns)
{
    const int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct app_control_client *place = &control->client[0];

    if (fd < 0)
        return;
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS && place->fd >= 0; i++) {
        struct app_control_client *other = &control->client[i];

        if (other->fd < 0 || other->since_ns < place->since_ns)
            place = other;
    }
    if (place->fd >= 0)
        drop(place);
    *place = (struct app_control_client){.fd = fd, .since_ns = now_ns};
}

static void read_request(struct app_control *control, struct app_control_client *client)
{
    const size_t room = sizeof(client->request) - 1 - client->got;
    const ssize_t got = read(client->fd, client->request + client->got, room);
    char *end;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    client->got += (size_t)got;
    client->request[client->got] = '\0';
    end = strchr(client->request, '\n');
    if (end)
        *end = '\0';
    if (end || client->got == sizeof(client->request) - 1)
        answer(control, client);
}

static void write_answer(struct app_control_client *client)
{
    const ssize_t put =
        send(client->fd, client->answer + client->sent, client->bytes - client->sent, MSG_NOSIGNAL);

    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (put > 0)
        client->sent += (size_t)put;
    if (put < 0 || client->sent == client->bytes)
        drop(client);
}

static void serve(struct app_control *control, struct app_control_client *client)
{
    if (!client->answer)
        read_request(control, client);
    if (client->fd >= 0 && client->answer)
        write_answer(client);
}

/* ---- driven by the loop ---------------------------------------------------------------------- */

static unsigned pollfds(void *ctx, struct pollfd *out, unsigned max)
{
    const struct app_control *control = ctx;
    unsigned count = 0;

    if (control->fd < 0 || max < 1 + APP_CONTROL_CLIENTS)
        return 0;
    out[count++] = (struct pollfd){.fd = control->fd, .events = POLLIN};
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++)
        if (control->client[i].fd >= 0)
            out[count++] = (struct pollfd){.fd = control->client[i].fd,
                                           .events = control->client[i].answer ? POLLOUT : POLLIN};
    return count;
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct app_control *control = ctx;
    struct pollfd fds[1 + APP_CONTROL_CLIENTS];
    unsigned count;

    if (now_ns < control->look_at_ns)
        return 0;
    control->look_at_ns = now_ns + APP_CONTROL_LOOK_NS;
    count = pollfds(control, fds, 1 + APP_CONTROL_CLIENTS);
    if (count == 0 || poll(fds, count, 0) < 0)
        return 0;
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++) {
        struct app_control_client *client = &control->client[i];

        if (client->fd < 0)
            continue;
        serve(control, client); /* its socket says itself when there is nothing */
        if (client->fd >= 0 && now_ns - client->since_ns >= APP_CONTROL_PATIENCE_NS)
            drop(client);
    }
    if (fds[0].revents)
        take_client(control, now_ns);
    return 0;
}

static uint64_t next_deadline(void *ctx, uint64_t now_ns)
{
    const struct app_control *control = ctx;
    uint64_t left = UINT64_MAX;

    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++) {
        const struct app_control_client *client = &control->client[i];
        const uint64_t age_ns = now_ns - client->since_ns;

        if (client->fd < 0)
            continue;
        if (age_ns >= APP_CONTROL_PATIENCE_NS)
            return 0;
        if (APP_CONTROL_PATIENCE_NS - age_ns < left)
            left = APP_CONTROL_PATIENCE_NS - age_ns;
    }
    return left;
}

struct port_loop_peer app_control_peer(struct app_control *control)
{
    return (struct port_loop_peer){
        .step = step, .next_deadline = next_deadline, .pollfds = pollfds, .ctx = control};
}
