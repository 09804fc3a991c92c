#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvsc-echo gives back what it got, over TCP and UDP: megabytes, every size, many at a time.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
card_up
app4 echo netvsc-echo

head -c 20000000 /dev/urandom >"$work/many"
head -c 300000 /dev/urandom >"$work/some"
tcp_echo() {
    inside timeout 60 ncat "$addr" 7 <"$work/$1" >"$work/back.$2" &&
        same_bytes "$work/$1" "$work/back.$2"
}
check "20 MB over one TCP connection" tcp_echo many 0
check "eight TCP connections at a time" at_once 8 tcp_echo some
# What is short is answered with a copy, what is long by reference: each in the other's midst.
in_pieces() {
    local i size
    for i in {1..12}; do
        for size in 1 256 5000 200 257 12000; do dd bs=$size count=1 status=none; done
    done
    cat
}
pieces_echo() {
    in_pieces <"$work/some" | inside timeout 60 ncat "$addr" 7 >"$work/back.pieces" &&
        same_bytes "$work/some" "$work/back.pieces"
}
check "short and long pieces in turn" pieces_echo
check "one byte over TCP" equal "$(printf x | inside ncat -w 5 "$addr" 7)" x
check "UDP datagrams of each size from 1 to 1472" inside "$bin/udp_echo" "$addr" 7 1 1472
check "UDP datagrams that travel in fragments" inside "$bin/udp_echo" "$addr" 7 1473 1600
check "and large ones" inside "$bin/udp_echo" "$addr" 7 8000 8002
app_down echo
large=$(counter echo interface tx_large) copied=$(counter echo interface tx_linearised)
check "chains left as long segments, from where those are ($copied of $large copied)" \
    [ "$large" -gt 100 -a "$copied" -lt $((large / 8)) ]
e2e_end
