#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvsc-l2fwd is a wire: two kernels on either end of it are on one Ethernet.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"
e2e_begin "$@"
pair_up
pair wire netvsc-l2fwd
far=10.78.0.3
outside ip addr add "$far/24" dev "$tap2"
outside ip addr add fd78::3/64 dev "$tap2" nodad
outside ip link set "$tap2" up

check "ARP and ping cross" inside ping -c 3 -i 0.2 -W 2 "$far"
check "so does IPv6" inside ping -c 3 -i 0.2 -W 5 fd78::3
check "frames of full size" inside ping -c 2 -i 0.2 -M do -s 1472 -W 2 "$far"
check "hundreds of frames at once" inside ping -f -c 2000 -l 200 -W 2 "$far"
head -c 50000000 /dev/urandom >"$work/many"
start_outside web python3 -m http.server --directory "$work" 8000
serves() { inside curl -s -o /dev/null --max-time 2 "http://$far:8000/"; }
wait_for 10 serves || fail "the web server does not answer"
fetch() { inside curl -sS --max-time 60 -o "$work/body" "http://$far:8000/many"; }
check "50 MB of TCP" fetch
check "byte-exact" same_bytes "$work/many" "$work/body"
stop web TERM
app_down wire
check "no frame was lost on the way" equal \
    "$(counter wire 'first to second' drop_busy) $(counter wire 'second to first' drop_busy)" "0 0"
check "both directions were used" [ "$(counter wire 'first to second' forwarded)" -gt 1000 ]
check "and the way back" [ "$(counter wire 'second to first' forwarded)" -gt 1000 ]
e2e_end
