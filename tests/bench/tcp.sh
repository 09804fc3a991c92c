#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# tcp.sh BIN QUICK JSON: what TCP costs with many connections and large windows, our build of lwIP
# and lwIP as published in turns. Processor time; one thread, no device.
set -u -o pipefail

bin=$1 quick=$2 json=$3
pairs=5
[ "$quick" = 1 ] && pairs=1

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# row WHAT NUMBER UNIT: the median of each, and of the ratios of pairs measured one after the other.
row() {
    local what=$1 number=$2 unit=$3 ours=() theirs=() ratios=() a b i
    for ((i = 0; i < pairs; i++)); do
        if ! a=$("$bin/bench_tcp" "$what" "$number") ||
            ! b=$("$bin/bench_tcp_upstream" "$what" "$number"); then
            echo "tcp: $what $number failed" >&2
            exit 1
        fi
        ours+=("$a") theirs+=("$b")
        ratios+=("$(awk -v a="$a" -v b="$b" 'BEGIN { print b / a }')")
    done
    a=$(printf '%s\n' "${ours[@]}" | median)
    b=$(printf '%s\n' "${theirs[@]}" | median)
    i=$(printf '%s\n' "${ratios[@]}" | median)
    printf '%-8s %8s %14.1f %14.1f %10.2fx   %s\n' "$what" "$number" "$a" "$b" "$i" "$unit"
    printf '{"name":"tcp-%s-%s","ours":%s,"peer":%s,"ratio":%s,"unit":"%s"}\n' \
        "$what" "$number" "$a" "$b" "$i" "$unit" >>"$json"
}

echo "tcp: forged connections, random over all; peer: lwIP 2.2.1 as published; $pairs pairs"
echo
printf '%-8s %8s %14s %14s %11s\n' "" "" ours peer peer/ours
acks="10 100 1000 10000 100000" echoes="1 10 1000 10000" windows="65536 1048576 4194240"
if [ "$quick" = 1 ]; then
    acks="10 10000" echoes="1 10000" windows="65536 4194240"
fi
for n in $acks; do
    row ack "$n" "ns per acknowledgement"
done
for n in $echoes; do
    row echo "$n" "ns per 64 bytes there and back"
done
for n in $windows; do
    row window "$n" "ns per segment sent, so many bytes in flight"
done
row timers 100000 "ns per half second of timers"
row memory 100000 "bytes per connection"
