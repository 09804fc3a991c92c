/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_wire.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "port_clock.h"

#define STEP_MS 250u /* lwIP's finest TCP timer */
#define QUEUE 4096u

static struct netif netif;
static struct pbuf *queue[QUEUE];
static unsigned head, tail;
static bool is_cut;
static unsigned lose_nth, since_lost;
static uint64_t now_ns = UINT64_C(1700000000) * PORT_NS_PER_S;

static uint64_t read_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static err_t output(struct netif *nif, struct pbuf *p, const ip4_addr_t *to)
{
    struct pbuf *copy;

    (void)nif;
    (void)to;
    if (is_cut || (lose_nth > 0 && ++since_lost % lose_nth == 0))
        return ERR_OK;
    assert_true(tail - head < QUEUE);
    copy = pbuf_alloc(PBUF_RAW, p->tot_len, PBUF_RAM);
    assert_non_null(copy);
    assert_int_equal(pbuf_copy(copy, p), ERR_OK);
    if (p->segment_bytes) /* as if cut, and put together again at the far end */
        copy->segments = (u16_t)(p->tot_len / p->segment_bytes + 1);
    queue[tail++ % QUEUE] = copy;
    return ERR_OK;
}

static err_t add(struct netif *nif)
{
    nif->name[0] = 'w';
    nif->name[1] = 'i';
    nif->mtu = 1500;
    nif->output = output;
    return ERR_OK;
}

void wire_init(void)
{
    ip4_addr_t address, mask, gateway;

    port_clock_source(read_clock, NULL);
    lwip_init();
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    ip4_addr_set_zero(&gateway);
    assert_non_null(netif_add(&netif, &address, &mask, &gateway, NULL, add, netif_input));
    netif_set_up(&netif);
    netif_set_link_up(&netif);
}

void wire_takes_long(bool does)
{
    static const u32_t bytes[2] = {62720, 62720};

    netif.client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX] = does ? (void *)(uintptr_t)bytes : NULL;
}

void wire_run(void)
{
    while (head != tail) {
        struct pbuf *p = queue[head % QUEUE];

        queue[head++ % QUEUE] = NULL; /* or the leak checker would find it here */
        if (netif.input(p, &netif) != ERR_OK)
            pbuf_free(p);
    }
}

void wire_wait_ms(unsigned ms)
{
    now_ns += ms * PORT_NS_PER_MS;
    sys_check_timeouts();
    wire_run();
}

void wire_wait_s(unsigned seconds)
{
    for (unsigned ms = 0; ms < seconds * 1000; ms += STEP_MS)
        wire_wait_ms(STEP_MS);
}

void wire_cut(bool cut)
{
    is_cut = cut;
}

void wire_lose(unsigned nth)
{
    lose_nth = nth;
}

/* ---- client -------------------------------------------------------------------------------- */

static void take(struct wire_client *client, const struct pbuf *p)
{
    if (client->len_bytes + p->tot_len + 1 > client->room_bytes) {
        client->room_bytes = 2 * (client->len_bytes + p->tot_len + 1);
        client->data = realloc(client->data, client->room_bytes);
        assert_non_null(client->data);
    }
    pbuf_copy_partial(p, client->data + client->len_bytes, p->tot_len, 0);
    client->len_bytes += p->tot_len;
    client->data[client->len_bytes] = '\0';
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct wire_client *client = arg;

    (void)err;
    if (!p) {
        client->got_fin = true;
        return ERR_OK;
    }
    take(client, p);
    if (client->is_paused)
        client->owed_bytes += p->tot_len;
    else
        tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void on_err(void *arg, err_t err)
{
    struct wire_client *client = arg;

    client->got_reset = err == ERR_RST || err == ERR_ABRT;
    client->pcb = NULL;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct wire_client *client = arg;

    (void)pcb;
    client->connected = err == ERR_OK;
    return ERR_OK;
}

void wire_open(struct wire_client *client, uint16_t port)
{
    *client = (struct wire_client){.pcb = tcp_new(), .data = calloc(1, 1), .room_bytes = 1};
    assert_non_null(client->pcb);
    assert_non_null(client->data);
    tcp_nagle_disable(client->pcb); /* or a test would wait for the server to acknowledge */
    tcp_arg(client->pcb, client);
    tcp_recv(client->pcb, on_recv);
    tcp_err(client->pcb, on_err);
    assert_int_equal(tcp_connect(client->pcb, netif_ip_addr4(&netif), port, on_connected), ERR_OK);
    wire_run();
}

void wire_send(struct wire_client *client, const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && client->pcb) {
        size_t n = tcp_sndbuf(client->pcb);

        n = len < n ? len : n;
        n = n < 32768 ? n : 32768;
        if (n == 0)
            break;
        assert_int_equal(tcp_write(client->pcb, text, (u16_t)n, TCP_WRITE_FLAG_COPY), ERR_OK);
        tcp_output(client->pcb);
        wire_run();
        text += n;
        len -= n;
    }
}

void wire_give(struct wire_client *client)
{
    uint32_t owed = client->owed_bytes;

    client->owed_bytes = 0;
    while (owed > 0 && client->pcb) {
        uint32_t n = owed < 0xffff ? owed : 0xffff;

        owed -= n;
        tcp_recved(client->pcb, (u16_t)n);
    }
    wire_run();
}

void wire_resume(struct wire_client *client)
{
    client->is_paused = false;
    wire_give(client);
}

void wire_shut(struct wire_client *client)
{
    assert_int_equal(tcp_shutdown(client->pcb, 0, 1), ERR_OK);
    wire_run();
}

void wire_close(struct wire_client *client)
{
    if (client->pcb) {
        tcp_err(client->pcb, NULL);
        tcp_abort(client->pcb);
    }
    client->pcb = NULL;
    wire_run();
    free(client->data);
    client->data = NULL;
}

void wire_clear(struct wire_client *client)
{
    client->len_bytes = 0;
    client->data[0] = '\0';
}
