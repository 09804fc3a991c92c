#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ring.sh BIN QUICK JSON: the driver alone beside the least that could do its work.
set -u -o pipefail
bin=$1 quick=$2 json=$3
. "$(dirname "$0")/rows.sh"
pairs=7
[ "$quick" = 0 ] || pairs=3

# row PROGRAM CASE NAME PEER UNIT GOAL
row() {
    local at
    at=$(tag)
    "$bin/$1" "$2" "$pairs" >"$pairs_file" || exit 1
    row_end "$3" "$4" "$5" "$6" "$at"
}
# point PROGRAM CASE SWEEP X: no row but a point of a plot, of three pairs
point() {
    "$bin/$1" "$2" 3 | jq -cs --arg s "$3" --argjson x "$4" '{name: "sweep-\($s)-\($x)", sweep: $s,
        x: $x, ours: (map(.ours) | sort | .[1]), unit: "ns per frame"}' >>"$json" || exit 1
}
# crossover WAY DEFAULT: from which length on a frame is cheaper left where it is, by the driver's
# time, and what it does by default; beside it the same by driver's and host's. Lengths as points.
crossover() {
    local i at
    at=$(tag)
    for ((i = 0; i < (pairs + 1) / 2; i++)); do
        "$bin/bench_place" "$1" >"$pairs_file.run" || exit 1
        jq -cs --argjson default "$2" '
            def from(cheaper): (map(select(cheaper | not).x) | max // 0) as $last |
                map(select(.x > $last).x) | min // infinite;
            {ours: from(.ours < .peer), peer: $default,
             with_host: from(.ours + .ours_host < .peer + .peer_host)} | .ratio = .ours / .peer' \
            "$pairs_file.run" >>"$pairs_file"
        cat "$pairs_file.run" >>"$pairs_file.lengths"
    done
    jq -cs --arg s "zc-$1" 'def median: sort | .[length / 2 | floor]; group_by(.x)[] |
        {name: "sweep-\($s)-\(.[0].x)", sweep: $s, x: .[0].x, unit: "ns per frame",
         ours: (map(.ours) | median), peer: (map(.peer) | median),
         ours_host: (map(.ours_host) | median), peer_host: (map(.peer_host) | median)}' \
        "$pairs_file.lengths" >>"$json"
    rm -f "$pairs_file.run" "$pairs_file.lengths"
    row_end "zc-$1" "default threshold" bytes "" "$at"
}
ring() { row bench_ring "$1" "$1" "$2" "ns per frame" "$3"; }
# copies CASE UNIT GOAL
copies() { row bench_copies "$1" "$1" "copies across cores" "$2" "$3"; }

# overload NAME FRAMES-PER-PACKET HUNDREDTHS
overload() {
    row bench_cross "overload-$2-$3-lwip" "overload-$1" "own best rate" frames_per_s ">= 0.95"
}

echo "driver alone, in-process host in the same thread, 64 frames per turn; $pairs pairs"
echo "rx1514, tx1514, rx64k, tx64k, overload: the host on the other processor"
echo
rows_head
ring rx60-1 "minimal reader" "<= 2"
ring rx60-8 "minimal reader" "<= 2"
ring rx60-rss-1 "minimal reader" ""
ring rx60-rss-8 "minimal reader" ""
ring rx60-full "buffer not full" ""
ring tx60 "minimal writer" "<= 2"
row bench_spread tx60-rss tx60-rss "minimal writer" "ns per frame" ""
for way in rx tx; do
    row bench_ring ${way}60-burst-32 batch-$way-32 "burst of 1" "ns per frame" "<= 0.5"
    for n in 1 2 4 8 16 32 64 128 256; do
        point bench_ring "${way}60-burst-$n" "batch-$way" $n
    done
done
# Lies in every packet, and in every eighth.
hostile() { row bench_hostile "$1" "$2" "nothing wrong" packets_per_s "$3"; }
hostile all attach-fuzz-rate ""
hostile eighth attach-fuzz-eighth ">= 0.9"
row bench_vmbus ring ring "minimal ring" "ns per packet" "ours <= 20"
row bench_vmbus ring-64k ring-64k "minimal ring" "ns per packet" ""
row bench_vmbus ring-one ring-one "minimal ring" "ns per packet" ""
copies rx1514 "ns per frame" "<= 1.5"
copies tx1514 "ns per frame" "<= 1.5"
copies rx64k gbit_per_s ">= 0.95"
copies rx64k-copied gbit_per_s ""
copies rx64k-rsc gbit_per_s ""
copies tx64k gbit_per_s ">= 0.9"
copies tx64k-copied gbit_per_s ""
crossover tx 2048 # NETVSC_TX_COPY_BYTES
crossover rx 256  # config.rx_copybreak_bytes
overload 1.5x 8 150
overload 2x 8 200
overload 4x 8 400
overload 4x-1 1 400
"$bin/bench_cross" overload-8-0-lwip 1 |
    jq -c '{name: "sweep-overload-\(.x)", sweep: "overload", unit: "frames_per_s"} + .' >>"$json"
