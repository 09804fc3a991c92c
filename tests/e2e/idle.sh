#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Nothing to do costs nothing: a program without traffic sleeps, and wakes for the first frame, not
# when a timer of lwIP's happens to come (every 100 ms).
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
# ticks NAME: processor time used so far, in hundredths of a second.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/${pids[$1]}/stat"; }
card_up
app4 echo netvsc-echo
check "awake" inside ping -c 2 -i 0.2 "$addr"
declare -A before
for name in "${!pids[@]}"; do
    before[$name]=$(ticks "$name")
done
inside ping -q -c 2 -i 3 "$addr" >"$work/ping.out" # three quiet seconds between two requests
for name in "${!pids[@]}"; do
    used=$(($(ticks "$name") - before[$name]))
    echo "$name used $used hundredths of a second in 3 s"
    check "$name sleeps when there is nothing to do" [ "$used" -le 15 ]
done
check "and it answers each request" grep -q "2 received" "$work/ping.out"
# The middle one of seven answers, at intervals no timer shares.
middle_ms() {
    inside ping -c 7 -i 0.273 "$addr" | sed -n 's/.*time=\([0-9]*\).*/\1/p' | sort -n | sed -n 4p
}
ms=$(middle_ms)
echo "the middle one of seven answers took $ms ms"
check "because the frame wakes it" [ "${ms:-1000}" -lt 25 ]
app_down echo
check "it slept" [ "$(counter echo card sleeps)" -gt 0 ]
e2e_end
