/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_server.h"

#include <errno.h>
#include <stdlib.h>

#include "http_conn.h"

void http_server_put(struct http_server *server, struct http_conn *c)
{
    c->state = HTTP_CONN_FREE;
    c->next_free = server->free_list;
    server->free_list = c;
    server->open--;
}

void http_server_count(struct http_server *server, int status)
{
    uint64_t *const classes[] = {&server->stats.status_2xx, &server->stats.status_3xx,
                                 &server->stats.status_4xx, &server->stats.status_5xx};

    (*classes[status / 100 - 2])++;
}

void http_server_list(struct http_conn *c, struct http_list *list)
{
    if (c->list == list)
        return;
    if (c->list) {
        *(c->prev ? &c->prev->next : &c->list->oldest) = c->next;
        *(c->next ? &c->next->prev : &c->list->newest) = c->prev;
    }
    c->list = list;
    if (!list)
        return;
    c->next = NULL;
    c->prev = list->newest;
    *(c->prev ? &c->prev->next : &list->oldest) = c;
    list->newest = c;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct http_server *server = arg;
    struct http_conn *c;

    if (err != ERR_OK || !pcb) /* lwIP had no memory for it: the client tries again */
        return ERR_VAL;
    if (!server->free_list && server->idle.oldest) {
        server->stats.evicted++;
        http_conn_let_go(server->idle.oldest);
    }
    c = server->free_list;
    if (!c) {
        server->stats.refused++;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    server->free_list = c->next_free;
    server->open++;
    server->stats.connections++;
    http_conn_open(c, server, pcb);
    return ERR_OK;
}

static int listen_on(struct http_server *server)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    struct tcp_pcb *listener;

    if (!pcb)
        return -ENOMEM;
    if (tcp_bind(pcb, IP_ANY_TYPE, server->config.port) != ERR_OK) {
        tcp_close(pcb);
        return -EADDRINUSE;
    }
    listener = tcp_listen_with_backlog(pcb, server->config.backlog);
    if (!listener) {
        tcp_close(pcb);
        return -ENOMEM;
    }
    server->listener = listener;
    tcp_arg(listener, server);
    tcp_accept(listener, on_accept);
    return 0;
}

static void release(struct http_server *server)
{
    free(server->conns);
    free(server->scratch);
    free(server->site.cache);
    http_files_destroy(server->site.files);
    server->conns = NULL;
    server->scratch = NULL;
    server->site.cache = NULL;
    server->site.files = NULL;
}

int http_server_open(struct http_server *server, const struct http_config *config)
{
    int rc = -ENOMEM;

    server->config = *config;
    server->free_list = NULL;
    server->idle = server->cold = (struct http_list){0};
    server->is_looking = false;
    server->open = 0;
    server->in_count = 0;
    server->stopping = false;
    server->conns = calloc(config->connections, sizeof(*server->conns));
    server->scratch = malloc(HTTP_SCRATCH_BYTES);
    server->site.cache = calloc(1, sizeof(*server->site.cache));
    server->site.files = http_files_create(config->files, config->files_bytes);
    if (server->conns && server->scratch && server->site.cache)
        rc = listen_on(server);
    if (rc) {
        release(server);
        return rc;
    }
    for (uint32_t i = config->connections; i-- > 0;) { /* the first ones are used first */
        server->conns[i].next_free = server->free_list;
        server->free_list = &server->conns[i];
    }
    return 0;
}

void http_server_stop(struct http_server *server)
{
    server->stopping = true;
    if (server->listener)
        tcp_close(server->listener);
    server->listener = NULL;
    while (server->idle.oldest)
        http_conn_finish(server->idle.oldest);
}

void http_server_close(struct http_server *server)
{
    http_server_stop(server);
    http_read_close(server);
    for (uint32_t i = 0; server->conns && i < server->config.connections; i++) {
        if (server->conns[i].state != HTTP_CONN_FREE)
            http_conn_abort(&server->conns[i]);
    }
    release(server);
}
