#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# tcp.sh BIN QUICK JSON: what TCP costs with many connections and large windows, our build of lwIP
# and lwIP as published in turns. Processor time; one thread, no device.
set -u -o pipefail
bin=$1 quick=$2 json=$3
. "$(dirname "$0")/rows.sh"
pairs=5
[ "$quick" = 0 ] || pairs=1

# Both print one number, or fail.
ours() { "$bin/bench_tcp" "$1" "$2" || echo failed; }
published() { "$bin/bench_tcp_upstream" "$1" "$2" || echo failed; }

# beside_published WHAT NUMBER UNIT: a row without goal, and a point of the sweep over NUMBER
beside_published() {
    local i a b at
    at=$(tag)
    for ((i = 0; i < pairs; i++)); do
        a=$(ours "$1" "$2") b=$(published "$1" "$2")
        pair "$a" "$b" || { echo "tcp: $1 $2 failed" >&2; exit 1; }
    done
    jq -cs --arg s "tcp-$1" --argjson x "$2" '{name: "sweep-\($s)-\($x)", sweep: $s, x: $x,
        ours: (map(.ours) | sort | .[length / 2 | floor]),
        peer: (map(.peer) | sort | .[length / 2 | floor])}' "$pairs_file" >>"$json"
    row_end "tcp-$1-$2" "lwIP as published" "$3" "" "$at"
}

# Segments per second with 4 MiB in flight, beside the best of smaller windows: that whose median is
# best, or a lucky sample of three would be what one of ours is compared with.
window_flat() {
    local i n at
    at=$(tag)
    for ((i = 0; i < pairs; i++)); do
        for n in 65536 262144 1048576 4194240; do
            jq -n "{i: $i, n: $n, ns: $(ours window $n)}" || exit 1
        done
    done | jq -cs 'def median: sort | .[length / 2 | floor];
        map(select(.n == 4194240)) as $ours |
        (map(select(.n != 4194240)) | group_by(.n) | min_by(map(.ns) | median)) as $best |
        $ours[] | .i as $i | ($best[] | select(.i == $i).ns) as $ns |
        {ours: (1e9 / .ns), peer: (1e9 / $ns), ratio: ($ns / .ns)}' >"$pairs_file"
    row_end window-4M "best window" "segments per s" ">= 0.9" "$at"
}

# against NAME WHAT CONNECTIONS PEER NUMBER UNIT GOAL: many connections, and a number
against() {
    local i at
    at=$(tag)
    for ((i = 0; i < pairs; i++)); do
        pair "$(ours "$2" "$3")" "$5" || exit 1
    done
    row_end "$1" "$4" "$6" "$7" "$at"
}

echo "tcp: forged connections, random over all, one packet at a time; $pairs pairs"
echo
rows_head
acks="10 100 1000 10000 100000" echoes="1 10 1000 10000" windows="65536 1048576 4194240"
if [ "$quick" = 1 ]; then
    acks="10 10000" echoes="1 10000" windows="65536 4194240"
fi
for n in $acks; do
    beside_published ack "$n" "ns per ack"
done
for n in $echoes; do
    beside_published echo "$n" "ns per 64 B echoed"
done
for n in $windows; do
    beside_published window "$n" "ns per segment"
done
window_flat
against timers-100k timers 100000 "half a second" 500000000 "ns per half second" "<= 0.01"
against memory-10k memory 10000 "320 bytes" 320 "bytes/connection" "<= 1"
against memory-100k memory 100000 "320 bytes" 320 "bytes/connection" "<= 1"
