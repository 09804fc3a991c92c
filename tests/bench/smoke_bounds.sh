#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke_bounds.sh BIN: the programs that show what a TAP device permits answer bench_load.
. "$(dirname "$0")/../e2e/lib.sh"
e2e_begin "$1" inside

# answers_all ARGUMENTS...: bench_load gets whole answers; it ends with an error on any other.
answers_all() {
    inside timeout 10 "$bin/bench_load" "$1" "$addr" "${@:2}" 0.1 >"$work/sample" || return 1
    jq -e '.gbit_per_s > 0' "$work/sample"
}

# connects_all: each connection of bench_conns gets its bytes back.
connects_all() {
    inside timeout 10 "$bin/bench_conns" echo "$addr" 7 0 64 0.1 >"$work/sample" || return 1
    jq -e '.requests_per_s > 0' "$work/sample"
}

for how in spin sleep; do
    start echo "$bin/bench_tapecho" "$tap" "$addr" $how
    ready echo ready
    check "bench_tapecho, $how: echo on many connections" answers_all echo 7 50 64
    check "bench_tapecho, $how: HTTP, by a client that opens anew" answers_all get 80 16 /128
    check "bench_tapecho, $how: connections that end" connects_all
    stop echo TERM
done
start write "$bin/bench_tapwrite" "$tap" "$addr" 10000000
ready write ready
check "bench_tapwrite answers with what is asked for" answers_all get 80 1 /100000
stop write TERM
e2e_end
