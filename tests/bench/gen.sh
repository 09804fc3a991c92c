#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# gen.sh BIN QUICK JSON: requests, connections and bulk data, made at the other end of the rings
# (bench_gen), beside fewer connections, and beside the kernel's own stack over a veth pair, nginx
# on it, too; and the same beside our own stack at both ends (bench_stack).
set -u -o pipefail
bin=$1 quick=$2 json=$3
. "$(dirname "$0")/rows.sh"
pairs=5 seconds=0.5
[ "$quick" = 0 ] || { pairs=3; seconds=0.1; }

# gen WHAT CONNECTIONS [FILE]: what ours says
gen() {
    taskset -c 0 "$bin/bench_gen" "$1" "$2" "$seconds" ${3:+"$site"} ${3:+"$3"}
}

# beside NAME KEY UNIT GOAL WHAT MANY FEW: the same with many connections and with few
beside() {
    local name=$1 key=$2 unit=$3 goal=$4 at i ours peer
    shift 4
    at=$(tag)
    for ((i = 0; i < pairs; i++)); do
        ours=$(gen "$1" "$2") && peer=$(gen "$1" "$3") || exit 1
        pair_of "$key" "$ours" "$peer"
    done
    row_end "$name" "$3 connections" "$unit" "$goal" "$at"
}

# How the guest's share of a request grows; no goals, for the plot.
sweep() {
    local n
    for n in 1 10 100 1000 10000 100000; do
        for what in rr ack cps; do
            taskset -c 0 "$bin/bench_gen" $what $n "$seconds" |
                jq -c --arg what $what '{name: "sweep-\($what)-\(.conns)", sweep: $what, x: .conns,
                    ours: .guest_ns, total: .total_ns, unit: "ns"}' >>"$json" || exit 1
        done
    done
}

# Two processes, each with a card and a host of its own, beside one.
workers() {
    local at i one two
    at=$(tag)
    for ((i = 0; i < pairs; i++)); do
        taskset -c 1 "$bin/bench_gen" rr 64 "$seconds" >"$pairs_file.1" &
        two=$(gen rr 64 | jq .requests_per_s)
        wait $! || exit 1
        two=$(jq "$two + .requests_per_s" "$pairs_file.1")
        rm -f "$pairs_file.1"
        one=$(gen rr 64 | jq .requests_per_s) || exit 1
        pair "$two" "$one"
    done
    row_end workers-2 "1 worker" requests_per_s ">= 1.9" "$at"
}

# Connections that end with both FINs, beside those that are reset.
ends() {
    local kind at i ours peer
    for kind in fin wait; do
        at=$(tag)
        for ((i = 0; i < pairs; i++)); do
            ours=$(gen cps-$kind 1) && peer=$(gen cps 1) || exit 1
            pair_of .requests_per_s "$ours" "$peer"
        done
        row_end "cps-gen-$kind" "reset by client" connections_per_s "" "$at"
    done
}

echo "clients, emulated host, driver and lwIP in one thread; 64 bytes there and back; $pairs pairs"
echo
rows_head
beside idle10k .guest_ns "ns per ack" "<= 2" ack 10000 10
beside idle100k .guest_ns "ns per ack" "<= 2" ack 100000 10
for n in 1 10 1000 10000; do
    beside "rr-gen-flat-$n" .requests_per_s requests_per_s ">= 0.8" rr $n 100
done
beside cps-gen-flat .requests_per_s connections_per_s "" cps 10000 1
ends
workers
sweep

[ "$(id -u)" = 0 ] || { echo "rr-gen beside the kernel: skipped, it needs root"; exit 0; }
# The kernel's: server and client on a processor each, in a namespace each.
near=bench-n-$$ far=bench-f-$$
server= nginx=
site=$(mktemp -d)
cleanup() {
    [ -z "$server" ] || { kill -KILL "$server" && wait "$server"; } 2>/dev/null
    [ -z "$nginx" ] || { kill -TERM "$nginx" && wait "$nginx"; } 2>/dev/null
    rm -rf "$site"
    ip netns delete "$near" 2>/dev/null
    ip netns delete "$far" 2>/dev/null
    rm -f "$pairs_file" "$pairs_file".*
}
trap cleanup EXIT
ip netns add "$near" && ip netns add "$far" || exit 1
ip -n "$near" link add n0 type veth peer name f0 netns "$far"
ip -n "$near" addr add 10.79.0.2/24 dev n0
ip -n "$far" addr add 10.79.0.1/24 dev f0
ip -n "$near" link set n0 up
ip -n "$far" link set f0 up
unpaced ip netns exec "$near"
unpaced ip netns exec "$far"
ulimit -n "$(ulimit -Hn)"
ip netns exec "$far" taskset -c 1 "$bin/bench_server" >/dev/null 2>&1 &
server=$!
listens() { ip netns exec "$far" ss -Hltn "sport = :$1" | grep -q .; }
for i in {1..50}; do listens 7 && break; sleep 0.1; done
kill -STOP "$server" # it never sleeps
for bytes in 128 1700; do head -c $bytes /dev/zero >"$site/$bytes"; done
touch -d "1 minute ago" "$site"/* # what changed just now is read anew each time
if command -v nginx >/dev/null; then
    cat >"$site/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $site/pid; error_log $site/log crit; user root;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; tcp_nodelay on; open_file_cache max=100;
  server { listen 8080; root $site; } }
CONF
    ip netns exec "$far" taskset -c 1 nginx -p "$site" -c "$site/nginx.conf" >/dev/null 2>&1 &
    nginx=$!
    for i in {1..50}; do listens 8080 && break; sleep 0.1; done
fi

# kernel WHAT PORT CONNECTIONS BYTES: what the client ($client) on the kernel's stack says. Its
# server, which never sleeps, runs for that only: the other processor is ours in between.
kernel() {
    local status
    [ "$peer_name" = nginx ] || kill -CONT "$server"
    ip netns exec "$near" taskset -c 0 "$bin/${client:-bench_load}" "$1" 10.79.0.1 "$2" "$3" "$4" \
        "$seconds"
    status=$?
    kill -STOP "$server"
    [ $status = 0 ] || echo "gen: the kernel's server gave $3 connections no answer" >&2
    return $status
}

# beside_kernel NAME KEY GOAL WHAT PORT CONNECTIONS BYTES COMMAND...: COMMAND says ours; on (port)
# ($peer_name) answers.
beside_kernel() {
    local name=$1 key=$2 goal=$3 what=$4 port=$5 n=$6 bytes=$7 i ours peer
    shift 7
    at=$(tag)
    for ((i = 0; i < pairs; i++)); do
        ours=$("$@") && peer=$(kernel "$what" "$port" "$n" "$bytes") || exit 1
        pair_of "$key" "$ours" "$peer"
    done
    if [ "$name" = rr-gen-1 ]; then # of more at a time each waits for the others
        row_late rr-gen-1-p50 "$peer_name" p50_us "ours <= 1.5" "$at"
        row_late rr-gen-1-p99 "$peer_name" p99_us "ours <= 3" "$at"
    fi
    row_end "$name" "$peer_name" "${unit:-${key#.}}" "$goal" "$at"
}

peer_name="Linux, epoll, veth"
for n in 1 16 256 10000; do
    beside_kernel "rr-gen-$n" .requests_per_s ">= 5" echo 7 $n 64 gen rr $n
done
# Both ends ours, too, a processor for each.
for n in 1 16 256; do
    beside_kernel "rr-stack-$n" .requests_per_s "" echo 7 $n 64 \
        "$bin/bench_stack" rr $n "$seconds"
done
for n in 1 16; do
    beside_kernel "bulk-stack-$n" .gbit_per_s "" send 5001 $n 65536 \
        "$bin/bench_stack" send $n "$seconds"
done
# Connections: open, 64 bytes there and back, reset; 64 on their way at a time.
client=bench_conns unit=connections_per_s \
    beside_kernel cps-gen .requests_per_s "ours >= 500000" echo 7 0 64 gen cps 1
client=bench_conns unit=connections_per_s \
    beside_kernel cps-gen-10k .requests_per_s "ours >= 500000" echo 7 10000 64 gen cps 10000
for n in 1 16; do
    beside_kernel "bulk-gen-in-$n" .gbit_per_s "ours >= 120" send 5001 $n 65536 gen in $n
    beside_kernel "bulk-gen-out-$n" .gbit_per_s "ours >= 120" get 80 $n /10000000 gen out $n
done
for bytes in 128 1700; do
    for n in 16 256; do
        beside_kernel "http-gen-$n-$bytes" .requests_per_s "ours >= 1500000" \
            get 80 $n /$bytes gen http $n $bytes
    done
    [ -z "$nginx" ] || peer_name=nginx beside_kernel "http-gen-16-$bytes" .requests_per_s ">= 8.5" \
        get 8080 16 /$bytes gen http 16 $bytes
done
