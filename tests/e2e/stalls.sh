#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# No answer waits for a timer of either end, whatever its size: 1 byte to 1 MiB, around all sizes at
# which segments, frames and buffers end, one after the other, pipelined, and on new connections.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

# Segments of 1460 bytes, longest ones of 61320, initial window of ten, send buffer of 327680.
edges=(1 2 100 512 536 1460 2920 4096 4380 7300 8192 14600 16384 29200 32768 61320 65535 122640
    131072 183960 262144 327680 524288 1000000 1048576)
sizes=()
for size in "${edges[@]}"; do
    # Where a head of 200 to 300 bytes comes before, the edge is there.
    sizes+=($((size > 300 ? size - 250 : size)) $((size > 1 ? size - 1 : 3)) "$size" $((size + 1)))
done
sizes=($(printf '%s\n' "${sizes[@]}" $(seq 97 1511 40000) | sort -nu))
mkdir "$work/site"
for size in "${sizes[@]}"; do head -c "$size" /dev/zero >"$work/site/$size"; done

card_up
app4 http netvsc-http --root "$work/site"
took() { inside "$bin/http_sizes" "$addr" 80 "$1" "${sizes[@]}"; }
check "${#sizes[@]} sizes, one after the other: none stalls" took keep
check "eight at a time, pipelined: none stalls" took pipe
check "each on a new connection: none stalls" took fresh
app_down http
e2e_end
