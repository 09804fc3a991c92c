#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# peers.sh BIN QUICK JSON: our servers against others at the same work. Called by tests/bench/run.
#
# Each row is measured in pairs, ours then the peer's, again and again, with the same client; what
# counts is the median of the pairs' ratios. Server on processor 1, client on processor 0. Both
# sides of a row never sleep, or both may: those of the rows that say how many requests a server
# answers with a second of processor time. That is the time the kernel books for the server. What
# it does on the client's processor for a server of its own (receiving) is not in it, and what a
# server behind a TAP device does for the client (receiving, too) is. So rows rr-both and http-both
# add what the client's processor did: all of its time but that in which it found nothing to do.
# Ours and lwIP's tapif are behind the same TAP; the kernel's servers are in a namespace of their
# own behind a veth pair.
. "$(dirname "$0")/rows.sh"
. "$(dirname "$0")/../e2e/lib.sh"
quick=$2
json=$3
e2e_begin "$1" inside
pairs=5
seconds=2
[ "$quick" = 0 ] || { pairs=3; seconds=0.3 short=0.3; }
. "$(dirname "$0")/far_side.sh"
far_side_up
unpaced inside
unpaced in_far
trap 'far_side_down; rm -f "$pairs_file"; e2e_cleanup' EXIT

mkdir "$work/site"
for bytes in 128 1700; do head -c $bytes /dev/zero >"$work/site/$bytes"; done
head -c 10000000 /dev/zero >"$work/site/10000000"
cat >"$work/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.log crit; user root;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; tcp_nodelay on; open_file_cache max=100;
  server { listen 80; root $work/site; } }
CONF

# ---- servers: server_NAME starts it as "server" and sets $at; all are ended the same way ---------

ours() { at=$addr; app4 server "$@"; }
server_http() { ours netvsc-http --root "$work/site" --spin always; }
server_echo() { ours netvsc-echo --spin always; }
server_iperf() { ours netvsc-iperf --spin always; }
server_http_sleep() { ours netvsc-http --root "$work/site"; }
server_echo_sleep() { ours netvsc-echo; }
server_tapif() {
    at=$addr
    start server taskset -c 1 "$bin/bench_tapif" "$tap" "$addr" "$work/site"
    wait_for 10 answers || fail "bench_tapif does not answer"
}
server_tapwrite() {
    at=$addr
    start server taskset -c 1 "$bin/bench_tapwrite" "$tap" "$addr" 10000000
    ready server ready
}
server_tapecho() {
    at=$addr
    start server taskset -c 1 "$bin/bench_tapecho" "$tap" "$addr" "$@"
    ready server ready
}
server_tapecho_sleep() { server_tapecho sleep; }
kernel_side() {
    at=$far
    far_side_start server "$@"
}
server_linux() { kernel_side "$bin/bench_server"; }
server_linux_sleep() { kernel_side "$bin/bench_server" sleep; }
server_nginx() { kernel_side nginx -p "$work" -c "$work/nginx.conf"; }

# Processor time of the server so far; nginx has it in another process.
cpu_ns() { cut -d' ' -f1 "/proc/${pids[server]}/schedstat"; }

# sample SERVER CLIENT-ARGUMENTS...: what the client said and requests_per_cpu_s, a JSON object, in
# $value. @ stands for the server's address.
card=(--emulate "tap=$tap" --cpu 1)
sample() {
    local name=$1 before
    shift
    "server_$name"
    inside ip neigh flush dev "$tap"
    before=$(cpu_ns)
    inside taskset -c 0 "$bin/${client:-bench_load}" "${@/@/$at}" "$seconds" >"$work/sample" ||
        fail "the client failed against $name"
    value=$(jq -c --argjson ns "$(($(cpu_ns) - before))" --argjson s "$seconds" '
        ($ns / ($s + 0.2) / 1e9) as $cpu |
        .requests_per_cpu_s = (if $cpu > 0 then .requests_per_s / $cpu | round else null end) |
        .requests_per_both_cpu_s =
            (.requests_per_s / ($cpu + .client_cpu - .client_idle) | round)' "$work/sample")
    kill -TERM "${pids[server]}" 2>/dev/null
    wait_for 10 gone server || fail "$name does not end"
    wait "${pids[server]}" 2>/dev/null
    unset "pids[server]"
}

# row NAME KEY OURS PEER TARGET CLIENT-ARGUMENTS... TARGET of the ratio; "ours >= N"; or empty:
# nothing to reach.
row() {
    local name=$1 key=$2 ours=$3 peer=$4 target=$5 i machine mine
    shift 5
    [[ $target = ours* ]] || target=${target:+>= $target}
    machine=$(tag)
    for ((i = 0; i < pairs; i++)); do
        sample "$ours" "$@"
        mine=$value
        sample "$peer" "$@"
        pair_of "$key" "$mine" "$value"
    done
    row_end "$name" "$peer" "${unit:-${key#.}}" "$target" "$machine"
}

# bound NAME ...: a row whose peer does next to nothing, to see how much could be had at all. Fewer
# pairs: there is nothing to reach.
bound() { pairs=3 row "$@"; }

# ends NAME ...: connections that end. Fewer pairs and shorter: each sample has 50,000 of them.
ends() { client=bench_conns unit=connections_per_s pairs=3 seconds=${short:-1} row "$@"; }

rows_head
rate=.requests_per_s
speed=.gbit_per_s
row rr-tap-16 $rate echo tapif 1.15 echo @ 7 16 64
row rr-tap-256 $rate echo tapif 1.5 echo @ 7 256 64
row rr-tap-16 $rate echo linux 1.15 echo @ 7 16 64
bound rr-tap-16 $rate echo tapecho "" echo @ 7 16 64
bound rr-tap-256 $rate echo tapecho "" echo @ 7 256 64
row http-tap-16 $rate http tapif 1.15 get @ 80 16 /128
row http-tap-256 $rate http tapif 1.5 get @ 80 256 /128
row http-tap-16 $rate http linux 1.15 get @ 80 16 /128
if command -v nginx >/dev/null; then
    row http-tap-16 $rate http nginx 1.7 get @ 80 16 /128
    bound http-tap-16-1700 $rate http nginx 1.7 get @ 80 16 /1700
else
    echo "http-tap-16: no nginx here, skipped"
fi
bound http-tap-16-1700 $rate http linux 1.15 get @ 80 16 /1700
cpu=.requests_per_cpu_s
row rr-cpu-16 $cpu echo_sleep linux_sleep 2 echo @ 7 16 64
row http-cpu-16 $cpu http_sleep linux_sleep 2 get @ 80 16 /128
bound rr-cpu-16 $cpu echo_sleep tapecho_sleep "" echo @ 7 16 64
bound http-cpu-16 $cpu http_sleep tapecho_sleep "" get @ 80 16 /128
both=.requests_per_both_cpu_s
row rr-both-16 $both echo_sleep linux_sleep "" echo @ 7 16 64
row http-both-16 $both http_sleep linux_sleep "" get @ 80 16 /128
row bulk-tap-out $speed http tapif 15 get @ 80 1 /10000000
row bulk-tap-out $speed http linux 3 get @ 80 1 /10000000
bound bulk-tap-out $speed http tapwrite "" get @ 80 1 /10000000
row bulk-tap-in $speed iperf tapif 5 send @ 5001 1 65536
row bulk-tap-in $speed iperf linux 0.9 send @ 5001 1 65536
ulimit -n "$(ulimit -Hn)" # of connections that stay
ends cps-tap $rate echo tapif "ours >= 80000" echo @ 7 0 64
ends cps-tap $rate echo linux "" echo @ 7 0 64
ends cps-tap $rate echo tapecho "" echo @ 7 0 64
ends cps-tap-10k $rate echo linux "" echo @ 7 10000 64
! command -v nginx >/dev/null || ends http-close-tap $rate http nginx "" get @ 80 0 /128
