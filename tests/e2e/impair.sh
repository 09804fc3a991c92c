#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A network that loses, swaps, doubles, spoils and delays frames: every byte arrives all the same,
# and what happened to the frames is counted.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 10000000 /dev/urandom >"$work/site/file"

# impaired HOW: an HTTP server behind a switch that does HOW to its frames.
impaired() {
    if [ "$face" = shm ]; then
        card_up --impair "$1"
    else
        card=(--emulate "tap=$tap,impair=${1//,/+}")
    fi
    app4 http netvsc-http --root "$work/site" --ipv6
}
# of_switch COUNTER: after the end of whoever has the switch.
of_switch() {
    if [ "$face" = shm ]; then
        host_says ".switch.$1"
    else
        counter http "emulated switch" "$1"
    fi
}
all_down() {
    app_down http
    [ "$face" != shm ] || host_down
}
fetch() {
    rm -f "$work/body"
    inside curl -sS --max-time 60 -o "$work/body" "http://$addr/file" &&
        same_bytes "$work/body" "$work/site/file"
}

impaired loss=1%,reorder=1%,seed=3
check "10 MB at 1 % loss, out of order: byte for byte" fetch
all_down
for what in lost reordered; do
    check "some were $what" [ "$(of_switch impair_$what)" -gt 10 ]
done
check "what was lost is what did not come out" equal \
    $(($(of_switch impair_frames) - $(of_switch impair_passed))) "$(of_switch impair_lost)"

impaired corrupt=1%,duplicate=1%,seed=4
check "10 MB with bits flipped and frames doubled: byte for byte" fetch
all_down
for what in corrupted duplicated; do
    check "some were $what" [ "$(of_switch impair_$what)" -gt 10 ]
done

impaired delay=30ms,rate=100M
least=$(inside ping -c 3 "$addr" | sed -n 's/.*time=\([0-9]*\).*/\1/p' | sort -n | head -n 1)
check "there and back takes 60 ms" [ "${least:-0}" -ge 60 ]
before=$(date +%s%N)
check "10 MB: byte for byte" fetch
check "which take 0.8 s at 100 Mbit/s" [ $((($(date +%s%N) - before) / 1000000)) -ge 800 ]
all_down
e2e_end
