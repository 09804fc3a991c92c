/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* CPU_SET */
#include "bench_card.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTACH_NS_MAX UINT64_C(10000000000)
#define TURN_NS 1000u

static int fail(const char *what, int err)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(-err));
    return err;
}

void bench_pin(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, unsigned count)
{
    qsort(values, count, sizeof(values[0]), by_value);
    return values[count / 2];
}

/* The least of some rounds: in the others somebody else had the processor. */
double bench_clock_ns(void)
{
    const unsigned rounds = 16, count = 10000;
    double least = 0;

    for (unsigned r = 0; r < rounds; r++) {
        const uint64_t begin = bench_now_ns();
        double each;

        for (unsigned i = 0; i < count; i++)
            bench_now_ns();
        each = (double)(bench_now_ns() - begin) / count;
        least = r == 0 || each < least ? each : least;
    }
    return least;
}

void bench_card_poll(struct bench_card *c, unsigned budget)
{
    if (c->to_lwip)
        netvsc_netif_poll(&c->nif, c->now_ns, budget);
    else
        netvsc_poll(c->nic, c->now_ns, budget);
}

void bench_card_settle(struct bench_card *c)
{
    for (unsigned turn = 0; turn < 8; turn++) {
        c->now_ns += TURN_NS;
        hvhost_step(c->host, c->now_ns);
        bench_card_poll(c, 256);
    }
}

static void turn(struct bench_card *c)
{
    c->now_ns = c->host ? c->now_ns + TURN_NS : bench_now_ns();
    if (c->host)
        hvhost_step(c->host, c->now_ns);
    bench_card_poll(c, 64);
}

static int attach(struct bench_card *c)
{
    const uint64_t begin_ns = bench_now_ns();
    struct vmbus_device *dev;
    int err = vmbus_device_create(&c->memory, &dev);

    if (err) {
        c->memory.ops->close(c->memory.ctx);
        return fail("cannot make a device of it", err);
    }
    c->now_ns = c->host ? c->now_ns : begin_ns;
    err = netvsc_attach(c->nic, dev, c->now_ns);
    if (err) {
        vmbus_close(dev);
        return fail("cannot attach", err);
    }
    while (netvsc_state(c->nic) == NETVSC_ATTACHING && bench_now_ns() - begin_ns < ATTACH_NS_MAX)
        turn(c);
    if (netvsc_state(c->nic) == NETVSC_UP)
        return 0;
    fprintf(stderr, "bench: attach failed: %s\n", netvsc_failure(c->nic));
    return -EPROTO;
}

/* The driver below lwIP or alone; in both cases (c->nic) afterwards. */
static int driver_create(struct bench_card *c, const struct netvsc_config *config)
{
    int err;

    if (!c->to_lwip)
        return netvsc_create(config, &c->nic);
    err = netvsc_netif_add(&c->nif, config);
    if (!err)
        c->nic = c->nif.nic;
    return err;
}

int bench_card_add(struct bench_card *c, struct hvhost *host,
                   const struct bench_card_config *config)
{
    int err;

    memset(c, 0, sizeof(*c));
    c->host = host;
    c->to_lwip = config->to_lwip;
    err = hvhost_nic_add(host, &config->card, &c->card);
    if (!err)
        err = hvhost_nic_open(c->card, &c->memory);
    return err ? fail("cannot open a card", err) : 0;
}

int bench_card_attach(struct bench_card *c, const struct bench_card_config *config)
{
    int err = driver_create(c, &config->nic);

    return err ? fail("cannot make a driver", err) : attach(c);
}

int bench_card_open(struct bench_card *c, const struct bench_card_config *config)
{
    const struct hvhost_config attended = {.attended = config->attended};
    struct hvhost *host;
    int err = hvhost_create(&attended, &host);

    if (err)
        return fail("cannot make a host", err);
    err = bench_card_add(c, host, config);
    if (err)
        return err;
    err = hvhost_port_add(host, config->deliver, config->ctx, &c->port);
    if (err)
        return fail("cannot make a port", err);
    return bench_card_attach(c, config);
}

void bench_card_close(struct bench_card *c)
{
    if (c->to_lwip && c->nic)
        netvsc_netif_remove(&c->nif);
    else
        netvsc_destroy(c->nic);
    hvhost_destroy(c->host);
}
