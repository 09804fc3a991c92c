/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server and its clients in one process: one lwIP, one interface whose output comes back as
 * input, and a clock that moves only when a test says so. Whatever happens in wire_run() takes no
 * time at all: nothing in it can have waited for a delayed acknowledgement or any other timer.
 */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include "check.h"

#include <stdbool.h>
#include <stdint.h>

#include "http_server.h"
#include "lwip/tcp.h"

struct wire_client {
    struct tcp_pcb *pcb; /* NULL once gone */
    bool is_paused;      /* takes data but gives no window for more */
    bool got_fin, got_reset, connected;
    uint32_t owed_bytes; /* taken while paused */
    char *data;          /* everything received, NUL-terminated */
    size_t len_bytes, room_bytes;
};

/* Once per program. */
void wire_init(void);

/* Seconds of virtual time, with all timers. */
void wire_wait_s(unsigned seconds);
/* In one step: no longer than lwIP's finest timer. */
void wire_wait_ms(unsigned ms);

/* Deliver until nothing moves any more, without letting time pass. */
void wire_run(void);

/* From now on TCP segments may be longer than the MTU (port/port_tcp_large.c). */
void wire_takes_long(bool does);

/* Forget the next packets instead of delivering them; or only each (nth) one, 0 = none. */
void wire_cut(bool is_cut);
void wire_lose(unsigned nth);

void wire_open(struct wire_client *client, uint16_t port);
void wire_send(struct wire_client *client, const char *text);
/* Window for what was taken while paused, once; or from now on for everything. */
void wire_give(struct wire_client *client);
void wire_resume(struct wire_client *client);
/* Closes our direction only. */
void wire_shut(struct wire_client *client);
/* Resets if still open, and frees. */
void wire_close(struct wire_client *client);

/* Forget what was received. */
void wire_clear(struct wire_client *client);

#endif
