/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A connection is a state machine driven by lwIP's four callbacks: bytes came, bytes were
 * acknowledged, half a second passed, the connection is gone. Each of the first three ends in
 * run(), which does whatever can be done now and then waits. lwIP sends after each callback by
 * itself.
 *
 * Input stays in lwIP's buffers until it is used, and only then counts as read (tcp_recved): a
 * client that pipelines more than we answer meets a closed window, not our memory. Requests are
 * therefore answered strictly in order, one at a time.
 *
 * Ending: closing a socket with unread input would reset it, and the client might lose the answer
 * that explains the end. So we close our direction, discard input until theirs closes, and only
 * then let go (RFC 9112, section 9.6), all of it within limits. What has been let go has none but
 * lwIP's own, so a client that has yet to take data stays ours, even one that closed its direction.
 *
 * lwIP frees the pcb under us in two cases: the error callback (pcb is gone already), and
 * tcp_abort(), after which the callback we are in must return ERR_ABRT. Steps say which by enum
 * http_step.
 */
#include "http_conn.h"

#include <string.h>

#include "lwip/sys.h"
#include "port_clock.h"

#define POLL_INTERVAL 1 /* in lwIP's slow ticks, 500 ms each: the resolution of all time-outs */

/* ---- ending -------------------------------------------------------------------------------- */

/* Everything but the pcb. */
static void release(struct http_conn *c)
{
    if (c->state == HTTP_CONN_SEND) {
        http_log_reply(c);
        http_reply_done(&c->reply);
    }
    http_input_drop(c);
    http_server_list(c, NULL);
    http_server_put(c->server, c);
}

static struct tcp_pcb *detach(struct http_conn *c)
{
    struct tcp_pcb *pcb = c->pcb;

    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    tcp_err(pcb, NULL);
    return pcb;
}

void http_conn_abort(struct http_conn *c)
{
    struct tcp_pcb *pcb = detach(c);

    release(c);
    tcp_abort(pcb);
}

enum http_step http_conn_let_go(struct http_conn *c)
{
    struct tcp_pcb *pcb = detach(c);

    release(c);
    if (tcp_close(pcb) == ERR_OK)
        return HTTP_STEP_CLOSED;
    tcp_abort(pcb);
    return HTTP_STEP_ABORTED;
}

void http_conn_finish(struct http_conn *c)
{
    http_server_list(c, NULL);
    c->state = HTTP_CONN_LINGER;
    c->skip_bytes = 0;
    c->since_ms = sys_now();
    tcp_shutdown(c->pcb, 0, 1); /* out of memory, lwIP tries again by itself */
}

/* ---- input --------------------------------------------------------------------------------- */

static void begin_progress(struct http_conn *c)
{
    c->progress_ms = sys_now();
    c->progress_seq = c->pcb->lastack;
}

/* By what the client acknowledged: lwIP reports segments, whole ones, and these may be long. */
static void note_progress(struct http_conn *c)
{
    if (c->pcb->lastack - c->progress_seq >= HTTP_PROGRESS_BYTES)
        begin_progress(c);
}

static enum http_step start_reply(struct http_conn *c)
{
    http_server_list(c, NULL);
    c->may_wait = c->is_cold = false;
    c->server->stats.requests++;
    http_reply_make(&c->server->site, &c->parser,
                    (int64_t)(port_clock_turn_wall() / PORT_NS_PER_MS), &c->reply);
    c->server->stats.ready += c->reply.ready != NULL;
    http_server_count(c->server, c->reply.status);
    c->state = HTTP_CONN_SEND;
    c->head_sent = 0;
    c->body_sent = 0;
    if (c->unacked_bytes == 0)
        begin_progress(c);
    return HTTP_STEP_NEXT;
}

/* No request, or no more of it, will come. */
static enum http_step end_of_requests(struct http_conn *c)
{
    http_conn_finish(c);
    return HTTP_STEP_NEXT;
}

static enum http_step read_head(struct http_conn *c)
{
    while (c->in && c->parser.status == 0) {
        /* A request's time begins with its first byte, but the first one's with the connection. */
        if (c->parser.len_bytes == 0 && c->had_first)
            c->since_ms = sys_now();
        http_input_used(c, http_parser_feed(&c->parser, (const char *)c->in->payload + c->in_off,
                                            (size_t)(c->in->len - c->in_off)));
    }
    if (c->parser.len_bytes > 0)
        http_server_list(c, NULL);
    if (c->parser.status == 0)
        return c->peer_fin ? end_of_requests(c) : HTTP_STEP_WAIT;
    if (c->parser.status == 200 && c->parser.body_bytes > 0 && !c->parser.expects) {
        c->state = HTTP_CONN_SKIP;
        c->skip_bytes = c->parser.body_bytes;
        return HTTP_STEP_NEXT;
    }
    return start_reply(c);
}

static enum http_step skip_body(struct http_conn *c)
{
    while (c->in && c->skip_bytes > 0) {
        size_t n = (size_t)(c->in->len - c->in_off);

        n = c->skip_bytes < n ? (size_t)c->skip_bytes : n;
        c->skip_bytes -= n;
        http_input_used(c, n);
    }
    if (c->skip_bytes == 0)
        return start_reply(c);
    return c->peer_fin ? end_of_requests(c) : HTTP_STEP_WAIT;
}

static enum http_step linger(struct http_conn *c)
{
    while (c->in) {
        size_t n = (size_t)(c->in->len - c->in_off);

        c->skip_bytes += n;
        http_input_used(c, n);
    }
    if (c->skip_bytes > HTTP_LINGER_BYTES) {
        c->server->stats.aborted_input++;
        http_conn_abort(c);
        return HTTP_STEP_ABORTED;
    }
    return c->peer_fin && c->unacked_bytes == 0 ? http_conn_let_go(c) : HTTP_STEP_WAIT;
}

/* ---- output -------------------------------------------------------------------------------- */

/*
 * Waiting for a request, and all that was sent has arrived: this one may be closed to make room.
 * One with data on its way may not, for lwIP would keep that without any limit of ours.
 */
static void rest(struct http_conn *c)
{
    if (c->state != HTTP_CONN_READ || c->parser.len_bytes > 0 || c->unacked_bytes > 0)
        return;
    if (c->server->stopping)
        http_conn_finish(c);
    else
        http_server_list(c, &c->server->idle);
}

static enum http_step end_reply(struct http_conn *c)
{
    http_log_reply(c);
    http_reply_done(&c->reply);
    if (!c->reply.keep_alive || c->server->stopping) {
        http_conn_finish(c);
        return HTTP_STEP_NEXT;
    }
    c->state = HTTP_CONN_READ;
    c->had_first = true;
    c->since_ms = sys_now();
    http_parser_reset(&c->parser);
    rest(c);
    return HTTP_STEP_NEXT;
}

static enum http_step send_reply(struct http_conn *c)
{
    enum http_step step = http_output_reply(c);

    return step == HTTP_STEP_NEXT ? end_reply(c) : step;
}

/* ---- callbacks ----------------------------------------------------------------------------- */

static enum http_step run_steps(struct http_conn *c)
{
    static enum http_step (*const steps[])(struct http_conn *) = {
        [HTTP_CONN_READ] = read_head,
        [HTTP_CONN_SKIP] = skip_body,
        [HTTP_CONN_SEND] = send_reply,
        [HTTP_CONN_LINGER] = linger,
    };
    enum http_step step;

    do {
        step = steps[c->state](c);
    } while (step == HTTP_STEP_NEXT);
    return step;
}

static err_t run(struct http_conn *c)
{
    return run_steps(c) == HTTP_STEP_ABORTED ? ERR_ABRT : ERR_OK;
}

void http_conn_go_on(struct http_conn *c)
{
    if (run_steps(c) == HTTP_STEP_WAIT)
        tcp_output(c->pcb);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct http_conn *c = arg;

    (void)pcb;
    (void)err;
    if (!p)
        c->peer_fin = true;
    else if (!http_input_keep(c, p))
        return ERR_MEM; /* lwIP keeps it and offers it again */
    return run(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len_bytes)
{
    struct http_conn *c = arg;

    (void)pcb;
    c->unacked_bytes -= len_bytes < c->unacked_bytes ? len_bytes : c->unacked_bytes;
    note_progress(c);
    if (c->unacked_bytes == 0)
        begin_progress(c);
    if ((c->state == HTTP_CONN_READ && c->parser.len_bytes == 0) || c->state == HTTP_CONN_LINGER)
        c->since_ms = sys_now();
    rest(c);
    return c->state == HTTP_CONN_SEND || c->state == HTTP_CONN_LINGER ? run(c) : ERR_OK;
}

/* The time-out that struck, counted, and what follows from it. */
static enum http_step check_time(struct http_conn *c)
{
    const struct http_config *config = &c->server->config;
    struct http_stats *stats = &c->server->stats;
    uint32_t waited_ms = sys_now() - c->since_ms;

    note_progress(c);
    if ((c->unacked_bytes > 0 || c->state == HTTP_CONN_SEND) &&
        sys_now() - c->progress_ms > config->write_ms) {
        stats->timeouts_write++;
        http_conn_abort(c);
        return HTTP_STEP_ABORTED;
    }
    if (c->state == HTTP_CONN_LINGER && c->unacked_bytes == 0 && waited_ms > HTTP_LINGER_MS)
        return http_conn_let_go(c);
    if (c->state != HTTP_CONN_READ && c->state != HTTP_CONN_SKIP)
        return HTTP_STEP_NEXT;
    if (c->state == HTTP_CONN_READ && c->parser.len_bytes == 0) {
        if (waited_ms <= (c->had_first ? config->idle_ms : config->header_ms))
            return HTTP_STEP_NEXT;
        stats->timeouts_idle++;
        http_conn_finish(c);
    } else if (waited_ms > config->header_ms) {
        stats->timeouts_header++;
        c->parser.status = 408;
        start_reply(c);
    }
    return HTTP_STEP_NEXT;
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct http_conn *c = arg;
    enum http_step step = check_time(c);

    (void)pcb;
    if (step == HTTP_STEP_NEXT)
        return run(c);
    return step == HTTP_STEP_ABORTED ? ERR_ABRT : ERR_OK;
}

static void on_err(void *arg, err_t err)
{
    struct http_conn *c = arg;

    (void)err;
    if (c->state == HTTP_CONN_SEND)
        c->server->stats.aborted_peer++;
    release(c);
}

void http_conn_open(struct http_conn *c, struct http_server *server, struct tcp_pcb *pcb)
{
    memset(c, 0, offsetof(struct http_conn, reply));
    c->server = server;
    c->pcb = pcb;
    c->state = HTTP_CONN_READ;
    c->remote = pcb->remote_ip;
    c->since_ms = sys_now();
    c->progress_ms = c->since_ms;
    c->progress_seq = pcb->lastack;
    http_parser_reset(&c->parser);
    http_server_list(c, &server->idle);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_err);
    tcp_poll(pcb, on_poll, POLL_INTERVAL);
    tcp_nagle_disable(pcb); /* a reply's short last segment must not wait for an acknowledgement */
}
