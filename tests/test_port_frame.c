/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose business a frame is where several processes have one address. */
#include <string.h>

#include "check.h"
#include "hex.h"
#include "port_frame.h"

#define ETH                                                                                        \
    "0200000000010200000000"                                                                       \
    "02"
#define TO_ALL                                                                                     \
    "ffffffffffff0200000000"                                                                       \
    "02"
#define TO_GROUP                                                                                   \
    "3333000000010200000000"                                                                       \
    "02"
#define IP4(proto, flags)                                                                          \
    "0800"                                                                                         \
    "45000028000100" flags "40" proto "0000"                                                       \
    "0a000002"                                                                                     \
    "0a000001"
#define FE80 "fe800000000000000000000000000001"
#define NOBODY6 "00000000000000000000000000000000"
#define IP6(next, from)                                                                            \
    "86dd"                                                                                         \
    "6000000000"                                                                                   \
    "20" next "ff" from FE80

static const struct {
    const char *what, *frame;
    enum port_frame_kind kind;
    bool tcp, syn;
} received[] = {
    {"ARP request",
     TO_ALL "0806"
            "0001080006040001"
            "0200000000020a0000020000000000000a000001",
     PORT_FRAME_SHARED, false, false},
    {"SYN", ETH IP4("06", "00") "1234005000000001000000005002ffff00000000", PORT_FRAME_FLOW, true,
     true},
    {"SYN+ACK", ETH IP4("06", "00") "1234005000000001000000015012ffff00000000", PORT_FRAME_FLOW,
     true, false},
    {"segment", ETH IP4("06", "00") "1234005000000001000000015010ffff00000000", PORT_FRAME_FLOW,
     true, false},
    {"later fragment", ETH IP4("06", "05") "1234005000000001000000005002ffff00000000",
     PORT_FRAME_FLOW, false, false},
    {"echo request", ETH IP4("01", "00") "0800000000000000", PORT_FRAME_FLOW, false, false},
    {"DHCP to one", ETH IP4("11", "00") "0043004400080000", PORT_FRAME_OWNER, false, false},
    {"DHCP to all", TO_ALL IP4("11", "00") "0043004400080000", PORT_FRAME_OWNER, false, false},
    {"datagram", ETH IP4("11", "00") "0044000700080000", PORT_FRAME_FLOW, false, false},
    {"datagram to all", TO_ALL IP4("11", "00") "1111000700080000", PORT_FRAME_OTHER, false, false},
    {"IGMP", ETH IP4("02", "00") "1100000000000000", PORT_FRAME_OWNER, false, false},
    {"router advertisement", TO_GROUP IP6("3a", FE80) "8600000000000000", PORT_FRAME_SHARED, false,
     false},
    {"neighbour solicitation", TO_GROUP IP6("3a", FE80) "8700000000000000", PORT_FRAME_SHARED,
     false, false},
    {"neighbour advertisement", ETH IP6("3a", FE80) "8800000000000000", PORT_FRAME_SHARED, false,
     false},
    {"packet too big", ETH IP6("3a", FE80) "0200000000000500", PORT_FRAME_SHARED, false, false},
    {"echo request of IPv6", ETH IP6("3a", FE80) "8000000000000000", PORT_FRAME_FLOW, false, false},
    {"MLD query behind a router alert",
     TO_GROUP IP6("00", FE80) "3a00050200000000"
                              "8200",
     PORT_FRAME_OWNER, false, false},
    {"segment of IPv6", ETH IP6("06", FE80) "1234005000000001000000005010ffff00000000",
     PORT_FRAME_FLOW, true, false},
    {"no IP",
     ETH "88b5"
         "0000",
     PORT_FRAME_OTHER, false, false},
    {"half an ARP type", "020000000001", PORT_FRAME_OTHER, false, false},
};

static void each_frame_received_goes_to_whom_it_concerns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(received) / sizeof(received[0]); i++) {
        uint8_t frame[128];
        const size_t bytes = hex_parse(received[i].frame, frame, sizeof(frame));
        bool tcp, syn;
        const enum port_frame_kind kind = port_frame_kind(frame, (uint32_t)bytes, &tcp, &syn);

        if (kind != received[i].kind || tcp != received[i].tcp || syn != received[i].syn)
            fail_msg("%s: kind %d, tcp %d, syn %d", received[i].what, kind, tcp, syn);
    }
}

/* Cut anywhere, it is looked at no further than it goes (ASan watches). */
static void frames_cut_short_are_nobodys_in_particular(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(received) / sizeof(received[0]); i++) {
        uint8_t frame[128];
        const size_t bytes = hex_parse(received[i].frame, frame, sizeof(frame));

        for (size_t cut = 0; cut < bytes; cut++) {
            uint8_t exact[128];
            bool tcp, syn;

            memset(exact, 0xFF, sizeof(exact));
            memcpy(exact, frame, cut);
            (void)port_frame_kind(exact, (uint32_t)cut, &tcp, &syn);
            (void)port_frame_owners(exact, (uint32_t)cut);
        }
    }
}

static const struct {
    const char *what, *frame;
    bool owners;
} sent[] = {
    {"ARP request",
     TO_ALL "0806"
            "0001080006040001"
            "0200000000020a0000020000000000000a000001",
     false},
    {"ARP reply",
     ETH "0806"
         "0001080006040002"
         "0200000000020a0000020000000000000a000001",
     true},
    {"ARP probe",
     TO_ALL "0806"
            "0001080006040001"
            "020000000002000000000000000000000a000001",
     true},
    {"ARP announcement",
     TO_ALL "0806"
            "0001080006040001"
            "0200000000020a0000020000000000000a000002",
     true},
    {"neighbour solicitation", TO_GROUP IP6("3a", FE80) "8700000000000000", false},
    {"duplicate address detection", TO_GROUP IP6("3a", NOBODY6) "8700000000000000", true},
    {"neighbour advertisement", ETH IP6("3a", FE80) "8800000000000000", true},
    {"router solicitation", TO_GROUP IP6("3a", FE80) "8500000000000000", true},
    {"MLD report",
     TO_GROUP IP6("00", FE80) "3a00050200000000"
                              "8300",
     true},
    {"echo reply", ETH IP6("3a", FE80) "8100000000000000", false},
    {"IGMP", ETH IP4("02", "00") "1600000000000000", true},
    {"DHCP", TO_ALL IP4("11", "00") "0044004300080000", true},
    {"segment", ETH IP4("06", "00") "0050123400000001000000015010ffff00000000", false},
};

static void only_the_owner_speaks_for_the_address(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        uint8_t frame[128];
        const size_t bytes = hex_parse(sent[i].frame, frame, sizeof(frame));

        if (port_frame_owners(frame, (uint32_t)bytes) != sent[i].owners)
            fail_msg("%s", sent[i].what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_frame_received_goes_to_whom_it_concerns),
        cmocka_unit_test(frames_cut_short_are_nobodys_in_particular),
        cmocka_unit_test(only_the_owner_speaks_for_the_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
