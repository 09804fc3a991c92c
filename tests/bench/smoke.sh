#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke.sh BIN: every program of the benchmark suite that needs no root runs, briefly, and what they
# say becomes rows, a table, a page and plots. So that none of it rots; the figures mean nothing.
set -eu -o pipefail
bin=$1
work=$(mktemp -d)
json=$work/rows.json
. "$(dirname "$0")/rows.sh"
trap 'rm -rf "$work" "$pairs_file"' EXIT
here=$(dirname "$0")

fail() { echo "smoke: $*" >&2; exit 1; }

"$bin/bench_topo" | grep -Eq '^[0-9]+ (near|far)$' || fail "bench_topo"
rows=0
# row PROGRAM CASE: becomes a row with a verdict
row() {
    "$bin/$1" "$2" 1 >"$pairs_file" || fail "$1 $2"
    row_end "$2" peer "ns per frame" "<= 2" tag >/dev/null
    rows=$((rows + 1))
}
for case in rx60-1 rx60-8 rx60-rss-1 rx60-rss-8 tx60 rx60-full rx60-burst-256 tx60-burst-3; do
    row bench_ring $case
done
row bench_spread tx60-rss
for case in rx1514 rx64k rx64k-copied rx64k-rsc tx1514 tx64k tx64k-copied; do
    row bench_copies $case
done
for case in overload-8-400-lwip overload-1-150-none; do
    row bench_cross $case
done
for case in all eighth; do
    row bench_hostile $case
done
for case in ring ring-64k ring-one; do
    row bench_vmbus $case
done
echo '{"ours":30,"peer":20,"ratio":1.5}' >"$pairs_file"
row_end absolute peer ns "ours <= 20" tag | grep -q ' ours <= 20 behind ' ||
    fail "row_end: a goal for our own figure is not judged by it"
rows=$((rows + 1))
jq -es 'map(select(.name == "overload-8-400-lwip"))[0].offered_times > 0' "$json" >/dev/null ||
    fail "row_end: what is beside the ratio is lost"
for what in ack echo window timers memory; do
    for program in bench_tcp bench_tcp_upstream; do
        "$bin/$program" $what 65536 >"$work/number" || fail "$program $what"
        grep -Eq '^[0-9.]+$' "$work/number" || fail "$program $what printed no number"
    done
done
for n in 1 100; do
    for what in rr ack cps; do
        "$bin/bench_gen" $what $n 0.01 | jq -c "{sweep: \"$what\", x: .conns, ours: .guest_ns}" \
            >>"$json" || fail "bench_gen $what $n"
    done
done
# gen_says FILTER ARGUMENTS...: of what bench_gen prints it holds.
gen_says() { "$bin/bench_gen" "${@:2}" | jq -e "$1" >/dev/null || fail "bench_gen ${*:2}"; }
for what in cps cps-fin cps-wait; do gen_says '.requests_per_s > 0' $what 10 0.01; done
for what in in out; do gen_says '.gbit_per_s > 0' $what 3 0.01; done
echo "a small file" >"$work/file"
for n in 1 100; do gen_says '.requests_per_s > 0 and .p99_us > 0' http $n 0.01 "$work" file; done
! "$bin/bench_gen" http 1 0.01 "$work" none >/dev/null 2>&1 || fail "bench_gen: 404 is an answer"

"$bin/bench_cross" overload-8-0-lwip 1 | jq -c '{sweep: "overload"} + .' >>"$json"
for what in "rr 3" "send 2"; do
    "$bin/bench_stack" $what 0.02 >"$work/stack" || fail "bench_stack $what"
    pair_of ".requests_per_s + .gbit_per_s" "$(cat "$work/stack")" "$(cat "$work/stack")"
done
jq -es '.[0].ratio == 1 and .[0].peer_p99_us > 0' "$pairs_file" >/dev/null ||
    fail "pair_of: no ratio, or no latency"
: >"$pairs_file"

verdicts=$("$here/table" "$json" | grep -Ec ' (ok|behind) ')
[ "$verdicts" = $rows ] || fail "table: $verdicts verdicts of $rows rows"
printf 'before\n<!-- rows -->\nold\n<!-- end of rows -->\nbehind\n' >"$work/page"
"$here/table" --fill "$work/page" "$json"
"$here/table" --fill "$work/page" "$json" # again: what is there is replaced
[ "$(grep -c '^| rx60-1 |' "$work/page")" = 1 ] || fail "table --fill: not one line per row"
! grep -q '^old$' "$work/page" || fail "table --fill: the old rows are still there"
[ "$(sed -n '1p;$p' "$work/page" | xargs)" = "before behind" ] ||
    fail "table --fill: the page's rest"

# Of the rows that are behind, what limits them stays with the row; who is not behind any more goes.
echo '{"name": "slow", "ratio": 3, "ours": 3, "target": 2, "sense": "<=", "peer_name": "a"}
{"name": "new", "ratio": 1.2, "ours": 6, "peer": 5, "target": 1.5, "peer_name": "b"}
{"name": "new", "ratio": 0.6, "ours": 6, "peer": 10, "peer_name": "tapecho"}
{"name": "good", "ratio": 2, "ours": 2, "target": 2, "peer_name": "a"}' >"$work/behind"
printf '%s\n' '<!-- rows -->' '<!-- end of rows -->' '<!-- behind -->' \
    '| slow | a | | | | the cable |' '| good | a | | | | x |' '<!-- end of behind -->' >"$work/page"
"$here/table" --fill "$work/page" "$work/behind" 2>/dev/null
"$here/table" --fill "$work/page" "$work/behind" 2>"$work/log"
[ "$(sed -n '/<!-- behind/,$p' "$work/page" | grep '^|' | tail -n +3)" = \
    "| slow | a | <= 2 | 3 |  | the cable |
| new | b | >= 1.5 | 1.2 | 2 | not explained yet |" ] || fail "table --fill: what is behind"
grep -q 'limits new (b)' "$work/log" || fail "table --fill: nobody hears what is not explained"

for way in rx tx; do
    for n in 1 32; do
        "$bin/bench_ring" ${way}60-burst-$n 1 | jq -c "{sweep: \"batch-$way\", x: $n, ours: .ours}"
    done
done >>"$json"
for way in tx rx; do
    "$bin/bench_place" $way | jq -c "{sweep: \"zc-$way\"} + ." >>"$json" || fail "bench_place $way"
done
"$here/plot" "$json" "$work"
for name in connections overload batch zc-tx zc-rx; do
    grep -q '</svg>' "$work/bench-$name.svg" || fail "plot: no $name"
done
echo "smoke: all there"
