#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Does the stack answer at all: IPv4, IPv6, every shape of echo request, and in a hurry?
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
card_up
app4 echo netvsc-echo --ipv6

check "one ping" inside ping -c 1 -W 2 "$addr"
for size in 0 1 17 18 1471 1472 1473 4000; do
    check "ping with $size bytes" inside ping -c 2 -i 0.01 -W 2 -s "$size" "$addr"
done
check "no reply is lost in a flood of 3000" \
    equal "$(inside ping -f -q -c 3000 -w 20 "$addr" | grep -o '[0-9]* received')" "3000 received"
check "IPv6 on the link-local address" wait_for 5 inside ping -6 -c 1 -W 1 "$ll6%$tap"
for size in 0 1 1232 1452 4000; do
    check "IPv6 ping with $size bytes" inside ping -6 -c 2 -i 0.01 -W 2 -s "$size" "$ll6%$tap"
done
app_down echo
e2e_end
