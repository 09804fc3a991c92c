/* SPDX-License-Identifier: BSD-3-Clause */
/* What a real host would punish: each rule broken once moves its counter and no other. */
#include "raw_sins.h"

static void each_rule_broken_moves_its_counter_alone(void **state)
{
    for (const struct raw_sin *sin = *state; sin->what; sin++) {
        struct raw_guest *g = raw_guest_create(NULL);

        raw_bring_up(g);
        raw_step(g);
        sin->commit(g);
        raw_step(g);
        if (raw_stat_find(g, sin->counter) != 1)
            fail_msg("%s: %s is %u, not 1", sin->what, sin->counter,
                     (unsigned)raw_stat_find(g, sin->counter));
        raw_check_strict(g, sin->counter);
        if (strcmp(sin->counter, "strict_rndis") == 0 && !sin->gets_out)
            assert_int_equal(g->port_frames, 0);
        raw_guest_destroy(g);
    }
}

/* The host goes on with a guest that sinned, unless told to punish. */
static bool still_served(struct raw_guest *g)
{
    const struct rndis_simple msg = {RNDIS_MSG_KEEPALIVE, 12, 1};
    struct raw_packet pkt;
    bool any = false;

    while (raw_take(g, &pkt)) {
    }
    raw_control_send(g, &msg, sizeof(msg));
    raw_step(g);
    while (raw_take(g, &pkt))
        any = true;
    return any;
}

static void check_punishment(const struct raw_sin *sin, bool punish)
{
    const struct hvhost_nic_config config = {.punish = punish};
    struct raw_guest *g = raw_guest_create(&config);

    raw_bring_up(g);
    raw_step(g);
    sin->commit(g);
    raw_step(g);
    if (still_served(g) == punish)
        fail_msg("%s: punish %u", sin->what, punish);
    raw_guest_destroy(g);
}

static void sinners_are_served_on_unless_punished(void **state)
{
    for (const struct raw_sin *sin = *state; sin->what; sin++) {
        if (sin->forgiven)
            continue;
        check_punishment(sin, false);
        check_punishment(sin, true);
    }
}

static void surplus_doorbell_after_a_due_one_counts(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    raw_complete(g, 0); /* a sin, but not the one looked at here: it has been rung for */
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(raw_stat(g, strict_doorbell), 1);
    raw_guest_destroy(g);
}

static void polling_host_takes_every_doorbell_for_surplus(void **state)
{
    const struct hvhost_nic_config config = {.poll = true};
    struct raw_guest *g = raw_guest_create(&config);

    (void)state;
    raw_bring_up(g); /* the mask is set: a correct guest never rings */
    assert_int_equal(raw_stat(g, doorbells), 0);
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(raw_stat(g, strict_doorbell), 1);
    raw_guest_destroy(g);
}

/* Two tests of each table of sins. */
#define BY_TOPIC(topic)                                                                            \
    {"each_rule_broken_moves_its_counter_alone: " #topic,                                          \
     each_rule_broken_moves_its_counter_alone, NULL, NULL, (void *)(uintptr_t)raw_sins_##topic},   \
    {                                                                                              \
        "sinners_are_served_on_unless_punished: " #topic, sinners_are_served_on_unless_punished,   \
            NULL, NULL, (void *)(uintptr_t)raw_sins_##topic                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BY_TOPIC(nvs),
        BY_TOPIC(rndis),
        BY_TOPIC(memory),
        BY_TOPIC(packet),
        cmocka_unit_test(surplus_doorbell_after_a_due_one_counts),
        cmocka_unit_test(polling_host_takes_every_doorbell_for_surplus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
