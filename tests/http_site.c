/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* memmem */
#include "http_site.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lwip/memp.h"
#include "lwip/stats.h"

static char tree[] = "/tmp/test_http_conn.XXXXXX";
struct http_server server;
const struct http_config site_config = {
    .port = SITE_PORT,
    .backlog = 16,
    .connections = SITE_CONNECTIONS,
    .header_ms = 10000,
    .idle_ms = 30000,
    .write_ms = 20000,
};
static int fds_before;
static unsigned memory_before;

static int count_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int site_open_files(void)
{
    return count_fds() - fds_before;
}

/* Elements of lwIP's pools in use, timers left out: those come and go by themselves. */
static unsigned memory_used(void)
{
    unsigned used = 0;

    for (int i = 0; i < MEMP_MAX; i++)
        used += i == MEMP_SYS_TIMEOUT ? 0 : (unsigned)lwip_stats.memp[i]->used;
    return used;
}

/* Byte (i) of every file made here. */
static char byte_at(size_t i)
{
    return (char)('a' + (i * 7 + i / 251) % 26);
}

void site_make(const char *name, size_t len)
{
    char *data = malloc(len + 1);
    int fd = openat(server.site.root.fd, name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(i);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
    free(data);
}

int site_open_all(void **state)
{
    (void)state;
    wire_init();
    if (!mkdtemp(tree) || http_root_open(&server.site.root, tree))
        return -1;
    site_make("one", 1);
    site_make("ten", 10);
    site_make("big", SITE_BIG);
    return 0;
}

int site_close_all(void **state)
{
    char command[128];

    (void)state;
    http_root_close(&server.site.root);
    snprintf(command, sizeof(command), "rm -rf %s", tree);
    return system(command);
}

int site_open(void **state)
{
    (void)state;
    fds_before = count_fds();
    memory_before = memory_used();
    server.stats = (struct http_stats){0};
    return http_server_open(&server, &site_config);
}

/* Whatever a test did: no connection, descriptor, pcb or buffer is left. */
int site_close(void **state)
{
    (void)state;
    http_server_close(&server);
    wire_run();
    wire_wait_s(150); /* lwIP's goodbyes */
    if (server.open != 0 || site_open_files() != 0 || memory_used() != memory_before)
        return -1;
    return 0;
}

/* ---- answers ------------------------------------------------------------------------------- */

void site_ask(struct wire_client *client, const char *request)
{
    wire_open(client, SITE_PORT);
    wire_send(client, request);
}

void site_ask_paused(struct wire_client *client, const char *request)
{
    wire_open(client, SITE_PORT);
    client->is_paused = true;
    wire_send(client, request);
}

void take_answer(const char **at, const char *end, int status, size_t off, size_t len)
{
    char want[32];
    const char *body = memmem(*at, (size_t)(end - *at), "\r\n\r\n", 4);

    assert_non_null(body);
    body += 4;
    snprintf(want, sizeof(want), "HTTP/1.1 %d ", status);
    assert_memory_equal(*at, want, strlen(want));
    assert_true((size_t)(end - body) >= len);
    for (size_t i = 0; i < len; i++) {
        if (body[i] != byte_at(off + i))
            fail_msg("byte %zu differs", i);
    }
    *at = body + len;
}

void assert_answer(struct wire_client *client, int status, size_t off, size_t len)
{
    const char *at = client->data;

    take_answer(&at, client->data + client->len_bytes, status, off, len);
    assert_int_equal(client->data + client->len_bytes - at, 0);
    wire_clear(client);
}

void assert_refusal(struct wire_client *client, const char *status)
{
    assert_true(client->len_bytes > 12);
    assert_memory_equal(client->data + 9, status, 3);
    wire_clear(client);
}
