/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams in pbuf chains of any shape, between two cards: 1 to 65,507 bytes, whole or in
 * fragments, pieces of the heap, of the pool, of the program's own memory, empty ones and ones of a
 * byte. The program writes over its memory as soon as the datagram is given away, if the neighbour
 * is known: lwIP keeps PBUF_ROM by reference while it asks. What arrives is what was sent, what
 * fits a frame does arrive, and every pbuf comes back.
 */
#include "card_pair.h"

#include <string.h>

#include "lwip/udp.h"
#include "pbuf_shape.h"

#define WORLDS 40u
#define DATAGRAMS 60u
#define TURNS 60u
#define PORT 4000u
#define BYTES_MAX 65507u

static struct {
    struct udp_pcb *pcb[2];
    unsigned next;
    bool arrived[DATAGRAMS];
    bool known[2]; /* the other's address: nothing waits in lwIP for ARP any more */
    uint8_t memory[BYTES_MAX];
} world;

static uint8_t byte_at(unsigned id, uint32_t off)
{
    return (uint8_t)(id * 71 + off * 5 + (off >> 8));
}

/* Byte 0 says which it is. */
static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    unsigned id = pbuf_get_at(p, 0);
    uint32_t off = 0;

    (void)arg, (void)pcb, (void)from, (void)port;
    for (const struct pbuf *q = p; q; q = q->next)
        for (uint32_t i = 0; i < q->len; i++, off++)
            if (off > 0 && ((const uint8_t *)q->payload)[i] != byte_at(id, off))
                fail_msg("byte %u of %u of datagram %u is wrong", off, p->tot_len, id);
    assert_int_equal(off, p->tot_len);
    assert_in_range(id, 0, world.next - 1);
    assert_false(world.arrived[id]);
    world.arrived[id] = true;
    pbuf_free(p);
}

static struct pbuf *some_chain(unsigned id, uint32_t bytes)
{
    const struct pbuf_shape shape = {.layer = PBUF_TRANSPORT,
                                     .most_bytes = pick(1, 40, 1500, 20000, 65507),
                                     .pieces = 1 + below(80)};

    world.memory[0] = (uint8_t)id;
    for (uint32_t off = 1; off < bytes; off++)
        world.memory[off] = byte_at(id, off);
    return pbuf_shape_make(&shape, world.memory, bytes);
}

/* Datagrams that lack a fragment may keep all there are (rx_hold_percent 100). */
static bool sections_ran_out(unsigned at)
{
    struct hvhost_nic_stats s;

    hvhost_nic_stats(pair.card[at], &s);
    return s.rx_drop_section > 0;
}

static void send_one(void)
{
    const unsigned from = below(2), id = world.next++;
    const uint32_t bytes = happens(500) ? between(1, 500) : between(1, BYTES_MAX);
    struct netif *out = &pair.nif[from].netif;
    struct pbuf *p = some_chain(id, bytes);
    err_t err;

    err = udp_sendto_if(world.pcb[from], p, netif_ip_addr4(&pair.nif[1 - from].netif), PORT, out);
    pbuf_free(p);
    if (world.known[from])
        memset(world.memory, 0xEE, sizeof(world.memory));
    for (unsigned i = 0; i < TURNS && !world.arrived[id]; i++)
        pair_turn();
    world.known[from] = world.known[from] || world.arrived[id];
    if (bytes <= 500 && !world.arrived[id] && !sections_ran_out(1 - from))
        fail_msg("datagram %u of %u bytes did not arrive: error %d", id, bytes, err);
}

static void datagrams_of_any_shape_arrive_as_they_were(unsigned number)
{
    (void)number;
    memset(&world, 0, sizeof(world));
    pair_open(0);
    for (unsigned i = 0; i < 2; i++) {
        world.pcb[i] = udp_new();
        assert_int_equal(udp_bind(world.pcb[i], netif_ip_addr4(&pair.nif[i].netif), PORT), ERR_OK);
        udp_bind_netif(world.pcb[i], &pair.nif[i].netif);
        udp_recv(world.pcb[i], on_datagram, NULL);
    }
    for (unsigned i = 0; i < DATAGRAMS; i++)
        send_one();
    for (unsigned i = 0; i < 2; i++)
        udp_remove(world.pcb[i]);
    pair_close();
}

int main(int argc, char **argv)
{
    if (pair_start())
        return 1;
    return chance_main(argc, argv, WORLDS, datagrams_of_any_shape_arrive_as_they_were);
}
