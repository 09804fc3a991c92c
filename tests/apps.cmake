# SPDX-License-Identifier: BSD-3-Clause
# Appliances: programs between two cards.
netvsc_test(test_l2fwd LIBS pair)
