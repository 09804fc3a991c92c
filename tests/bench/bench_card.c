/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_card.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTACH_TURNS_MAX 10000u
#define TURN_NS 1000u

static int fail(const char *what, int err)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(-err));
    return err;
}

uint64_t bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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

static int attach(struct bench_card *c)
{
    struct vmbus_device *dev;
    int err = hvhost_nic_open(c->card, &c->memory);

    if (err)
        return fail("cannot open the card", err);
    err = vmbus_device_create(&c->memory, &dev);
    if (err) {
        c->memory.ops->close(c->memory.ctx);
        return fail("cannot make a device of it", err);
    }
    err = netvsc_attach(c->nic, dev, c->now_ns);
    if (err) {
        vmbus_close(dev);
        return fail("cannot attach", err);
    }
    for (unsigned turn = 0; turn < ATTACH_TURNS_MAX && netvsc_state(c->nic) == NETVSC_ATTACHING;
         turn++) {
        c->now_ns += TURN_NS;
        hvhost_step(c->host, c->now_ns);
        bench_card_poll(c, 64);
    }
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

int bench_card_open(struct bench_card *c, const struct bench_card_config *config)
{
    const struct hvhost_config host = {.attended = config->attended};
    int err;

    memset(c, 0, sizeof(*c));
    c->to_lwip = config->to_lwip;
    err = hvhost_create(&host, &c->host);
    if (!err)
        err = hvhost_nic_add(c->host, &config->card, &c->card);
    if (!err)
        err = hvhost_port_add(c->host, config->deliver, config->ctx, &c->port);
    if (err)
        return fail("cannot make a host", err);
    err = driver_create(c, &config->nic);
    if (err)
        return fail("cannot make a driver", err);
    return attach(c);
}

void bench_card_close(struct bench_card *c)
{
    if (c->to_lwip && c->nic)
        netvsc_netif_remove(&c->nif);
    else
        netvsc_destroy(c->nic);
    hvhost_destroy(c->host);
}
