/* SPDX-License-Identifier: BSD-3-Clause */
/* netvsc-l2fwd: a wire between two cards. */
#include "l2fwd.h"
#include "pair.h"

#include <errno.h>
#include <stdlib.h>

static struct {
    struct l2fwd_side *side[L2FWD_SIDES]; /* by the card frames come in on */
    struct netvsc *nic[L2FWD_SIDES];
} fwd;

/* A card that does not show the frames for others makes no wire. */
static void on_event(void *ctx, enum netvsc_event event)
{
    (void)ctx;
    if (event != NETVSC_EVENT_REFUSED)
        return;
    app_fail(1, "promiscuous mode", "the host refuses it",
             "Allow MAC address spoofing for both cards of this machine");
    pair_give_up();
}

static int create(void *ctx, unsigned side, struct netvsc_config *config, struct netvsc **nic,
                  struct netvsc_netif **nif)
{
    int rc;

    (void)ctx, (void)nif;
    fwd.side[side] = calloc(1, sizeof(*fwd.side[side]));
    if (!fwd.side[side])
        return -ENOMEM;
    config->promiscuous = true;
    config->rx = l2fwd_rx;
    config->event = on_event;
    config->ctx = fwd.side[side];
    rc = netvsc_create(config, nic);
    if (rc) {
        free(fwd.side[side]);
        return rc;
    }
    fwd.nic[side] = *nic;
    fwd.side[side]->in = *nic;
    if (side == 0)
        return 0;
    fwd.side[0]->out = fwd.nic[1];
    fwd.side[1]->out = fwd.nic[0];
    return 0;
}

static void destroy(void *ctx, unsigned side)
{
    (void)ctx;
    l2fwd_end(fwd.side[side]);
    netvsc_destroy(fwd.nic[side]);
    free(fwd.side[side]);
}

static void stop(void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < L2FWD_SIDES; i++)
        l2fwd_end(fwd.side[i]);
}

static unsigned turn(void *ctx, uint64_t now_ns)
{
    (void)ctx, (void)now_ns;
    return l2fwd_turn(fwd.side[0]) + l2fwd_turn(fwd.side[1]);
}

static void print(void *ctx, FILE *out)
{
    static const char *const title[] = {"first to second (l2fwd)", "second to first (l2fwd)"};

    (void)ctx;
    for (unsigned i = 0; i < L2FWD_SIDES; i++) {
        const struct l2fwd_stats *s = &fwd.side[i]->stats;
#define X(counter, text) {#counter, text, s->counter},
        const struct app_counter counters[] = {L2FWD_STATS(X)};
#undef X
        app_counters_print(out, title[i], counters, sizeof(counters) / sizeof(counters[0]));
    }
}

static const char *audit(void *ctx)
{
    const char *wrong = l2fwd_audit(fwd.side[0]);

    (void)ctx;
    return wrong ? wrong : l2fwd_audit(fwd.side[1]);
}

int main(int argc, char **argv)
{
    static const char *const sides[] = {"first", "second"};
    static const struct pair_spec spec = {
        .app = {.name = "netvsc-l2fwd",
                .summary = "A wire between two of Hyper-V's network cards: every frame of one "
                           "leaves by the other.",
                .example = "netvsc-l2fwd --emulate tap=nvt0 --emulate tap=nvt1 --stats",
                .sides = sides,
                .stop = stop},
        .create = create,
        .destroy = destroy,
        .turn = turn,
        .print = print,
        .audit = audit,
    };

    return pair_main(&spec, argc, argv);
}
