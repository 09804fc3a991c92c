#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Asked to end, every program ends: at once, with status 0, even in the middle of something.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 200000000 /dev/zero >"$work/site/big"
card_up
for signal in INT TERM; do
    app4 echo netvsc-echo
    check "SIG$signal: it serves" inside ping -c 1 -W 2 "$addr"
    app_down echo "$signal"
done
app4 http netvsc-http --root "$work/site"
got_some() { [ -s "$work/body" ]; }
start client curl -sS --max-time 30 --limit-rate 5M -o "$work/body" "http://$addr/big"
check "a transfer is under way" wait_for 10 got_some
before=$SECONDS
app_down http TERM
check "it did not wait for the transfer" [ $((SECONDS - before)) -le 5 ]
stop client TERM
# Whoever reads what it writes may end first: that is the end of a capture, not of the program.
mkfifo "$work/reader"
head -c 1 "$work/reader" >/dev/null &
app4 http netvsc-http --pcap "$work/reader"
told_so() { inside ping -c 1 -W 1 "$addr" && grep -q "capture stopped" "$work/http.log"; }
check "the reader of a capture has gone" wait_for 10 told_so
check "and the program is still there" inside ping -c 1 -W 2 "$addr"
app_down http TERM
if [ "$face" = shm ]; then
    host_down TERM
    check "the host took its folder away" [ ! -e "$bus" ]
fi
e2e_end
