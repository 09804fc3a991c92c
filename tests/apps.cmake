# SPDX-License-Identifier: BSD-3-Clause
# Appliances: programs between two cards.
netvsc_test(test_l2fwd LIBS pair)
netvsc_test(test_lb LIBS pair SOURCES ip4_packets.c)
netvsc_test(test_nat LIBS pair SOURCES ip4_packets.c)
netvsc_test(test_packet LIBS pair SOURCES ip4_packets.c)
netvsc_test(test_embed LIBS netvsc_netif hvhost_core SOURCES ip4_packets.c)
