/* SPDX-License-Identifier: BSD-3-Clause */
/* A server on the wire with a tree of files of known bytes, and what its answers must be. */
#ifndef HTTP_SITE_H
#define HTTP_SITE_H

#include "http_wire.h"

#define SITE_PORT 80
#define SITE_CONNECTIONS 4
#define SITE_BIG ((size_t)8 << 20) /* the file "big"; "one" and "ten" are of that many bytes */
/* 356 KiB: a client's window and what the send buffer holds, so that nothing is left to write. */
#define SITE_LATE 356000u
#define H "Host: a\r\n"

extern struct http_server server;
extern const struct http_config site_config; /* time-outs: header 10 s, idle 30 s, write 20 s */

/* cmocka's: for the group, and around each test. The last fails when anything was left behind. */
int site_open_all(void **state);
int site_close_all(void **state);
int site_open(void **state);
int site_close(void **state);

/* A file of (len) bytes, anew. */
void site_make(const char *name, size_t len);

/* Files open now, beyond those before the test. */
int site_open_files(void);

/* Connect and send (request); paused: take what comes, but give no window for more. */
void site_ask(struct wire_client *client, const char *request);
void site_ask_paused(struct wire_client *client, const char *request);

/* Takes one answer with (status) and (len) bytes of a file from (off) on at (*at). */
void take_answer(const char **at, const char *end, int status, size_t off, size_t len);

/* Everything received is exactly this one answer. Then it is forgotten. */
void assert_answer(struct wire_client *client, int status, size_t off, size_t len);

/* An error: status only, its text is not ours to check. */
void assert_refusal(struct wire_client *client, const char *status);

#endif
