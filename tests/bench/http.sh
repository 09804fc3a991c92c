#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# http.sh BIN QUICK JSON: requests/s and Gbit/s of netvsc-http over TAP. Called by tests/bench/run.
. "$(dirname "$0")/../e2e/lib.sh"
quick=$2
json=$3
e2e_begin "$1" inside
repeats=7
seconds=2
[ "$quick" = 0 ] || { repeats=5; seconds=0.2; }

mkdir "$work/site"
head -c 128 /dev/zero >"$work/site/128"
head -c 10000000 /dev/zero >"$work/site/10M"
card_up
app4 http netvsc-http --root "$work/site"

# measure NAME CONNS FILE KEY UNIT: the median of KEY over the repetitions, with its range.
measure() {
    local i
    : >"$work/samples"
    for ((i = 0; i < repeats; i++)); do
        inside "$bin/bench_load" get "$addr" 80 "$2" "/$3" "$seconds" >>"$work/samples" ||
            fail "$1: the load generator failed"
    done
    jq -rs --arg n "$1" --arg k "$4" --arg u "$5" 'sort_by(.[$k]) | .[length / 2 | floor] as $m |
        "\($n): \($m[$k]) \($u) (\(.[0][$k])-\(.[-1][$k])), " +
        "p50 \($m.p50_us) us, p99 \($m.p99_us) us, client CPU \($m.client_cpu)"' "$work/samples"
    jq -cs --arg n "$1" --arg k "$4" --arg f "$3" 'sort_by(.[$k]) | .[length / 2 | floor] as $m |
        {name: $n, ours: $m[$k], peer: null, ratio: null, target: null, tag: null, unit: $k,
         transport: "tap, host inside", file_bytes: $f, repeats: length} + $m +
        {min: .[0][$k], max: .[-1][$k]}' "$work/samples" >>"$json"
}

echo "netvsc-http over TAP, host inside the program, kernel client in the same machine;" \
    "MTU 1500, $repeats x $seconds s, median (min-max)"
measure http_128B_1 1 128 requests_per_s requests/s
measure http_128B_16 16 128 requests_per_s requests/s
measure http_10MB_1 1 10M gbit_per_s Gbit/s
measure http_10MB_16 16 10M gbit_per_s Gbit/s
stop http
[ "$status" -eq 0 ] || fail "netvsc-http ended with $status"
