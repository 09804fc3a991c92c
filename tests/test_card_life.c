/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC's whole life by chance: cards come, go and come back with other properties, hosts answer
 * late, never or with nonsense, what they share says what nobody wrote, the guest changes its mind
 * about addresses, filters, MTU and where frames shall go, and all the time frames go both ways and
 * are kept. At the end of each life the host is sound again: the NIC must come up, every frame must
 * arrive, and all that was lent must be given back.
 */
#include "card_lies.h"

#include <string.h>

#include "rndis_reg.h"

#define LIVES 300u
#define TURNS 400u
#define SOON_MS 20000u
#define LATE_MS 1000u

static struct {
    unsigned fault, lie, leave, detach, attach, change, traffic;
} mood; /* of a thousand turns */

static void some_mood(void)
{
    mood.fault = pick(0, 0, 20, 100);
    mood.lie = pick(0, 0, 20, 200, 1000);
    mood.leave = mood.lie ? pick(0, 0, 5) : pick(0, 5, 20);
    mood.detach = mood.lie ? pick(0, 0, 5) : pick(0, 5, 20);
    mood.attach = pick(50, 300, 1000);
    mood.change = pick(0, 20, 200);
    mood.traffic = pick(0, 2, 10);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static bool honest(const struct hvhost_fault *f)
{
    if (f->on == HVH_ON_TX_DONE) /* not later than somebody waits for it */
        return f->act == HVH_ACT_REFUSE || (f->act == HVH_ACT_LATE && f->arg < LATE_MS);
    return f->on != HVH_ON_RX_DATA && f->act < HVH_ACT_RING_INDEX;
}

static void something_fails(void)
{
    const struct hvhost_fault fault = {
        .on = below(HVH_ON_SEND_TABLE + 1),
        .act = happens(700) ? below(HVH_ACT_WRONG_TYPE + 1) : below(HVH_ACT_PKT_TYPE + 1),
        .oid = pick(0, 0, OID_RSS_PARAMS, OID_PACKET_FILTER, OID_RNDIS_CONFIG, OID_MULTICAST_LIST,
                    OID_OFFLOAD_PARAMS, OID_CURRENT_MAC),
        .after = below(3),
        .count = 1 + below(3),
        .arg = happens(500) ? below(300) : pick(0, 4, 1u << 16, UINT32_MAX - 3, UINT32_MAX),
    };

    life.lies = life.lies || !honest(&fault);
    hvhost_fault_arm(life.card[below(LIFE_CARDS)], &fault);
}

static void card_does_something(void)
{
    struct hvhost_nic *card = life.card[below(LIFE_CARDS)];

    switch (below(8)) {
    case 0:
        hvhost_nic_rescind(card);
        break;
    case 1:
        hvhost_nic_leave(card);
        break;
    case 2:
    case 3:
        hvhost_nic_offer(card);
        break;
    case 4:
        hvhost_nic_link(card, happens(500));
        break;
    default:
        hvhost_nic_indicate(card, below(HVHOST_VF + 1), below(3));
    }
}

static void table_changes(void)
{
    const unsigned queues = netvsc_info(life.nic)->queues;
    struct netvsc_rss rss;

    (void)netvsc_rss_get(life.nic, &rss);
    for (unsigned i = 0; i < NETVSC_RETA_ENTRIES; i++)
        rss.reta[i] = (uint8_t)below(queues + happens(2));
    for (unsigned i = 0; i < NETVSC_RSS_KEY_BYTES; i++)
        rss.key[i] = (uint8_t)below(256);
    rss.types = below(64);
    (void)netvsc_rss_set(life.nic, &rss);
}

static void address_changes(void)
{
    const uint8_t mac[6] = {(uint8_t)pick(2, 2, 2, 1), 7, 7, 7, 7, (uint8_t)below(4)};

    (void)netvsc_set_mac(life.nic, happens(300) ? NULL : mac);
}

static void groups_change(void)
{
    static const uint8_t groups[NETVSC_MULTICAST_MAX + 1][6] = {{1, 0, 0x5e, 0, 0, 1}};

    netvsc_multicast(life.nic, groups,
                     pick(0, 1, 5, NETVSC_MULTICAST_MAX, NETVSC_MULTICAST_MAX + 1));
}

static void guest_changes_its_mind(void)
{
    switch (below(6)) {
    case 0:
        table_changes();
        break;
    case 1:
        address_changes();
        break;
    case 2:
        groups_change();
        break;
    case 3:
        netvsc_promiscuous(life.nic, happens(500));
        break;
    case 4:
        netvsc_all_multicast(life.nic, happens(500));
        break;
    default:
        life_guest_ends(0);
        if (happens(100))
            (void)netvsc_set_mtu(life.nic, pick(68, 100, 1500, 2000, 9000), life.now_ns);
    }
}

static bool is_off(void)
{
    const enum netvsc_state state = netvsc_state(life.nic);

    return state == NETVSC_DOWN || state == NETVSC_FAILED || state == NETVSC_GONE;
}

static void frames_go(void)
{
    for (unsigned i = below(mood.traffic + 1); i > 0; i--)
        life_far_sends();
    for (unsigned i = below(mood.traffic + 1); i > 0; i--)
        life_guest_sends(below(life.config.queues));
    if (life.lies && happens(20))
        life_far_sends_large();
    if (life.lies && happens(20))
        life_guest_sends_large(below(life.config.queues));
    if (happens(200))
        life_release(false);
}

/* Nothing may be begun then on the queue this thread does control with. */
static void goes_down(void)
{
    life_guest_ends(0);
    netvsc_detach(life.nic, life.now_ns);
}

static void something_happens(void)
{
    if (happens(mood.fault))
        something_fails();
    if (happens(mood.leave))
        card_does_something();
    if (happens(mood.change))
        guest_changes_its_mind();
    if (happens(mood.detach))
        goes_down();
    if (is_off() && happens(mood.attach))
        (void)life_attach(below(LIFE_CARDS));
    frames_go();
    if (happens(mood.lie))
        life_lie();
}

/* ---- the end --------------------------------------------------------------------------------- */

static void turns_until(enum netvsc_state state)
{
    for (unsigned i = 0; i < SOON_MS && netvsc_state(life.nic) != state; i++) {
        if (is_off())
            break;
        life_turn(true);
    }
}

static void all_is_well(void)
{
    life.calm = true;
    mood.fault = 0;
    for (unsigned i = 0; i < LIFE_CARDS; i++) {
        hvhost_fault_arm(life.card[i], NULL);
        hvhost_nic_offer(life.card[i]);
        hvhost_nic_link(life.card[i], true);
    }
    life_release(true);
    for (unsigned q = 0; q < LIFE_QUEUES; q++)
        life_guest_ends(q);
}

static void it_goes_down(void)
{
    goes_down();
    turns_until(NETVSC_DOWN);
    assert_true(is_off());
    life_turn(true); /* a device that kept frames, and had been sent some, is closed by a poll */
    netvsc_promiscuous(life.nic, false); /* a host that refuses it is not attached to */
    life.lies = false;
}

static void it_comes_up_again(void)
{
    assert_true(life_attach(below(LIFE_CARDS)));
    turns_until(NETVSC_UP);
    if (netvsc_state(life.nic) != NETVSC_UP)
        fail_msg("%s: %s", netvsc_state_name(netvsc_state(life.nic)), netvsc_failure(life.nic));
    for (unsigned i = 0; i < 100; i++)
        life_turn(true);
    assert_int_equal(netvsc_state(life.nic), NETVSC_UP);
}

static void every_frame_arrives(void)
{
    const unsigned queues = netvsc_info(life.nic)->queues;

    (void)life_guest_sends_one(0); /* the switch may know the address as another card's */
    life_turn(true);
    life_turn(true);
    for (unsigned i = 0; i < 20; i++) {
        const uint32_t to = life_far_sends_one(), from = life_guest_sends_one(i % queues);

        for (unsigned k = 0; k < 4; k++)
            life_turn(true);
        assert_int_equal(life.seen[to], 1);
        assert_int_equal(life.seen[from], 1);
    }
    assert_int_equal(netvsc_tx_outstanding(life.nic), 0);
    life_release(true);
    life_turn(true);
    assert_int_equal(netvsc_held_sections(life.nic), 0);
}

static void what_is_up_works(void)
{
    for (unsigned i = 0; i < 1100; i++)
        life_turn(true);
    if (netvsc_state(life.nic) != NETVSC_UP)
        return;
    assert_true(netvsc_info(life.nic)->link_up);
    every_frame_arrives();
}

static void nothing_is_out(void)
{
    struct hvhost_nic_stats before, after;

    hvhost_nic_stats(life.card[life.at], &before);
    netvsc_detach(life.nic, life.now_ns);
    turns_until(NETVSC_DOWN);
    assert_int_equal(netvsc_state(life.nic), NETVSC_DOWN);
    hvhost_nic_stats(life.card[life.at], &after);
    assert_int_equal(after.rx_reclaimed, before.rx_reclaimed);
    assert_int_equal(after.strict_close, before.strict_close);
}

static void whatever_happened_the_card_comes_up_and_nothing_is_lost(unsigned number)
{
    (void)number;
    some_mood();
    life_open();
    for (unsigned i = 0; i < TURNS; i++) {
        something_happens();
        life_turn(false);
    }
    all_is_well();
    if (!life.lies && netvsc_state(life.nic) == NETVSC_UP)
        what_is_up_works();
    it_goes_down();
    it_comes_up_again();
    every_frame_arrives();
    nothing_is_out();
    life_close();
}

int main(int argc, char **argv)
{
    int rc;

    assert_int_equal(vmbus_memory_create(1u << 20, &life_memory), 0);
    rc = chance_main(argc, argv, LIVES, whatever_happened_the_card_comes_up_and_nothing_is_lost);
    vmbus_memory_destroy(&life_memory);
    return rc;
}
