#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ring.sh BIN QUICK JSON: the driver alone beside the least that could do its work.
set -u -o pipefail
bin=$1 quick=$2 json=$3
. "$(dirname "$0")/rows.sh"
pairs=7
[ "$quick" = 0 ] || pairs=3

# ring CASE PEER GOAL
ring() {
    local at
    at=$(tag)
    "$bin/bench_ring" "$1" "$pairs" >"$pairs_file" || exit 1
    row_end "$1" "$2" "ns per frame" "$3" "$at"
}

echo "driver alone, in-process host in the same thread, 64 frames per turn; $pairs pairs"
echo
rows_head
ring rx60-1 "minimal reader" "<= 2"
ring rx60-8 "minimal reader" "<= 2"
ring tx60 "minimal writer" "<= 2"
ring rx1514 "copies across cores" "<= 1.5"
ring tx1514 "copies across cores" "<= 1.5"
# ns per frame: 95 % of the rate is 1.053 of the time.
ring overload "as much as is taken" "<= 1.053"
