/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer with the same stack and without our driver: lwIP 2.2.1 with our lwipopts.h over the TAP
 * interface lwIP comes with (contrib, select and one frame per read). Echo on port 7 is lwIP's own
 * sample, HTTP on 80 is netvsc-http's server, 5001 discards.
 *
 * bench_tapif TAP ADDRESS ROOT
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpecho_raw.h>

#include "bench_discard.h"
#include "http_server.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "netif/tapif.h"
#include "port_tcp.h"

/* lwIP as published makes no segments longer than the wire takes: nothing to spare a copy in. */
uint16_t port_tcp_large(const struct tcp_pcb *pcb)
{
    return tcp_mss(pcb);
}

err_t port_tcp_write_buffer(struct tcp_pcb *pcb, struct pbuf *p, uint8_t flags)
{
    err_t err = tcp_write(pcb, p->payload, p->tot_len, (u8_t)(flags | TCP_WRITE_FLAG_COPY));

    pbuf_free(p);
    return err;
}

/* It stays: the file is there until this program ends. */
err_t port_tcp_write_lent(struct tcp_pcb *pcb, const struct port_tcp_lent *what, uint8_t flags)
{
    return tcp_write(pcb, what->data, what->len_bytes, (u8_t)(flags & ~TCP_WRITE_FLAG_COPY));
}

static int serve(const char *root)
{
    static char files[64u << 20]; /* as netvsc-http has by default */
    static const struct http_config config = {.port = 80,
                                              .backlog = 255,
                                              .connections = 1024,
                                              .header_ms = 10000,
                                              .idle_ms = 60000,
                                              .write_ms = 60000,
                                              .files = files,
                                              .files_bytes = sizeof(files)};
    static struct http_server server;
    struct tcp_pcb *pcb = tcp_new();

    if (http_root_open(&server.site.root, root) || http_server_open(&server, &config) || !pcb ||
        tcp_bind(pcb, IP4_ADDR_ANY, 5001) != ERR_OK)
        return 1;
    tcp_accept(tcp_listen(pcb), bench_discard);
    tcpecho_raw_init();
    return 0;
}

int main(int argc, char **argv)
{
    static struct netif netif;
    ip4_addr_t address, mask, gateway = {0};

    if (argc != 4 || !ip4addr_aton(argv[2], &address)) {
        fprintf(stderr, "usage: bench_tapif TAP ADDRESS ROOT\n");
        return 2;
    }
    setenv("PRECONFIGURED_TAPIF", argv[1], 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    port_tcp_sizes(0, 0);
    lwip_init();
    if (!netif_add(&netif, &address, &mask, &gateway, NULL, tapif_init, ethernet_input))
        return 1;
    netif_set_default(&netif);
    netif_set_up(&netif);
    if (serve(argv[3]))
        return 1;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        tapif_select(&netif);
        sys_check_timeouts();
    }
}
