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
ring rx60-full "buffer not full" ""
ring tx60 "minimal writer" "<= 2"
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
overload 1.5x 8 150
overload 2x 8 200
overload 4x 8 400
overload 4x-1 1 400
"$bin/bench_cross" overload-8-0-lwip 1 |
    jq -c '{name: "sweep-overload-\(.x)", sweep: "overload", unit: "frames_per_s"} + .' >>"$json"
