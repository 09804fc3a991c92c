/* SPDX-License-Identifier: BSD-3-Clause */
/* How programs say what is wrong. */
#include "app_var.h"

#include <ctype.h>

#include "lwip/tcp.h"

static const char *program = "netvsc";

void app_set_name(const char *name)
{
    program = name;
}

const char *app_name(void)
{
    return program;
}

int app_fail(int status, const char *what, const char *why, const char *remedy)
{
    /* A sentence, wherever (remedy) comes from. */
    fprintf(stderr, "%s: %s: %s. %c%s.\n", program, what, why, toupper((unsigned char)remedy[0]),
            remedy + 1);
    return status;
}

char *app_help_filter(int key, const char *text, void *input)
{
    (void)input;
    /* argp wants its text back as it came, but without the const. */
    return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *)(uintptr_t)text;
}

void app_help(struct argp_state *state)
{
    /* argp takes "say nothing about errors" for "say nothing". */
    const unsigned flags = state->flags;

    state->flags &= ~(unsigned)ARGP_NO_ERRS;
    argp_state_help(state, stdout, ARGP_HELP_LONG);
    state->flags = flags;
}

const char *app_lwip_error(err_t err)
{
    switch (err) {
    case ERR_OK:
        return "no error";
    case ERR_MEM:
    case ERR_BUF:
        return "out of memory";
    case ERR_TIMEOUT:
        return "no answer in time";
    case ERR_RTE:
        return "no route to that address";
    case ERR_USE:
        return "address already in use";
    case ERR_ABRT:
        return "connection given up";
    case ERR_RST:
        return "connection reset by the peer";
    case ERR_CLSD:
        return "connection closed";
    default:
        return "lwIP error";
    }
}

struct tcp_pcb *app_listen(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    struct tcp_pcb *listener;
    char what[40];
    err_t err = pcb ? tcp_bind(pcb, IP_ANY_TYPE, port) : ERR_MEM;

    if (err == ERR_OK) {
        listener = tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &err);
        if (listener)
            return listener;
    }
    if (pcb)
        tcp_abort(pcb);
    snprintf(what, sizeof(what), "cannot listen on TCP port %u", port);
    app_fail(1, what, app_lwip_error(err), "Choose another --port");
    return NULL;
}
