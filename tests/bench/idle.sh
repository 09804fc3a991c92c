#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# idle.sh BIN QUICK JSON: start-up, idle, the first request after a pause. tests/bench/run calls it.
#
# Server on processor 1, client on processor 0. The first request after a pause contains the time
# the machine takes to wake a processor, which is measured in turns with it and taken off. In turns
# with ours are asked, too: a server of the kernel's sockets that sleeps in epoll_wait(), which is
# the peer; and a program that only turns TAP frames around, the least there is behind a TAP device.
. "$(dirname "$0")/../e2e/lib.sh"
here=$(dirname "$0")
quick=$2
json=$3
e2e_begin "$1" inside
. "$here/far_side.sh"
trap 'far_side_down; e2e_cleanup' EXIT
far_side_up
starts=21 requests=700 rare=15 idle_s=5 pairs=5 seconds=1
[ "$quick" = 0 ] || { starts=5 requests=50 rare=2 idle_s=1 pairs=3 seconds=0.3; }

card=(--emulate "tap=$tap" --cpu 1)
wake() { inside taskset -c 0 "$bin/bench_wake" "$@" 2>>"$work/wake.log"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# row NAME VALUE UNIT TARGET NOTE [MORE]: at most TARGET is what was asked for. MORE: an object with
# what else was seen.
row() {
    [ -n "$2" ] || fail "nothing measured for $1"
    jq -cn --arg name "$1" --argjson ours "$2" --arg unit "$3" --argjson target "$4" \
        --arg tag "$5" --argjson more "${6:-{\}}" '{name: $name, ours: $ours, unit: $unit,
        target: $target, sense: "<=", tag: $tag} + $more' |
        tee -a "$json" | bash "$here/table" --lines
}

# cpu_ns NAME: processor time used so far.
cpu_ns() { cut -d' ' -f1 "/proc/${pids[$1]}/schedstat"; }

# idle_row ROW NAME: what NAME uses of a processor in a while without traffic.
idle_row() {
    local before
    before=$(cpu_ns "$2")
    sleep "$idle_s"
    row "$1" "$(awk -v n="$(($(cpu_ns "$2") - before))" -v s="$idle_s" \
        'BEGIN { printf "%.2f", n / s / 1e7 }')" "% of CPU" 1 "$2, $idle_s s"
}

# first_row NAME K GOAL: ours beside the K-th server's, of what bench_wake said, above the machine's
# own wake-up. A machine that takes ten times as long as usual one time in a hundred, or longer for
# itself than for a server, is doing something else: no verdict.
first_row() {
    jq -c --arg name "$1" --argjson k "$2" --arg peer "${beside[$2]}" --argjson goal "$3" '
        .servers[0] as $o | .servers[$k] as $p |
        {name: $name, peer_name: $peer, unit: "us", ours: $o.above_late_us, peer: $p.above_late_us,
         ratio: ($o.above_late_us / $p.above_late_us), sense: "<=", of_ours: true,
         target: $goal,
         noise: (.own_late_us > 10 * .own_p50_us or ([$o, $p] | any(.above_late_us <= 0))),
         above_p50_us: $o.above_p50_us, peer_above_p50_us: $p.above_p50_us,
         tag: ("p\(.late * 100) \($o.late_us), p50 \($o.p50_us); its p50 \($p.p50_us); " +
             "machine\u0027s own \(.own_late_us), \(.own_p50_us)")}' \
        <<<"$seen" | tee -a "$json" | bash "$here/table" --lines
}

bash "$here/table" --head

# The address is known beforehand, or the kernel would ask for it once a second.
inside ip neigh replace "$addr" lladdr "$mac" dev "$tap"
for ((i = 0; i < starts; i++)); do
    wake start "$addr" 7 "$bin/netvsc-echo" "${card[@]}" --ip "$addr/24" ||
        fail "netvsc-echo does not start"
done | jq -s 'map(.start_us / 1000) | sort | .[length / 2 | floor]' >"$work/start"
row startup "$(cat "$work/start")" ms 10 "exec to SYN-ACK, median of $starts"

# The host inside, and the host a process of its own, with doorbells and with a monitor page.
app4 server netvsc-echo
idle_row idle-inside server
# Asked in turns, in this order; of each a row of our figure, beside its own.
servers=("$addr" "$far" 10.77.0.1)
beside=("" linux tapecho)
inside ip tuntap add dev nvt1 mode tap
inside ip addr add 10.77.0.2/24 dev nvt1
inside ip link set nvt1 up
far_side_start linux "$bin/bench_server" sleep
start tapecho taskset -c 1 "$bin/bench_tapecho" nvt1 10.77.0.1 sleep
ready tapecho ready
for pause in 10 1000; do
    n=$((pause == 10 ? requests : rare))
    seen=$(wake first "$n" "$pause" 7 "${servers[@]}") || fail "no answer after a pause"
    first_row "first-after-$pause-ms" 1 65
    first_row "first-after-$pause-ms" 2 null
done
stop server TERM
stop linux TERM
stop tapecho TERM
for monitor in 0 100; do
    face=shm
    if [ "$monitor" = 0 ]; then card_up; else card_up --monitor "$monitor"; fi
    taskset -cp 1 "${pids[hvhost]}" >/dev/null
    app4 server netvsc-echo --cpu 1
    idle_row "idle-app-mon$monitor" server
    idle_row "idle-host-mon$monitor" hvhost
    stop server TERM
    stop hvhost
done

# Busy, sleeping allowed or not: nobody may notice.
face=inside
card=(--emulate "tap=$tap" --cpu 1)
for ((i = 0; i < pairs; i++)); do
    for spin in 50 always; do
        app4 server netvsc-echo --spin "$spin"
        inside taskset -c 0 "$bin/bench_load" echo "$addr" 7 1 64 "$seconds" |
            jq -e 'select(.p50_us > 0).p50_us' || fail "no answer from a busy server"
        stop server TERM
    done | xargs | awk '{ print $1 / $2 }'
done >"$work/busy"
row busy-p50 "$(median <"$work/busy")" "x" 1.1 "adaptive to spinning, median of $pairs pairs"

# footprint ROW HVHOST-NIC: what a server keeps resident of its own that has answered a ping, in MB;
# beside it all that is resident, and what of the card it has mapped: rings, buffers, pages.
footprint() {
    local seen
    start hvhost "$bin/hvhost" --dir "$bus" --nic "$2" --tap "$tap" --json
    ready hvhost ready
    face=shm
    card=(--bus "$bus")
    app4 server netvsc-echo
    seen=$(awk -v card="$bus/" '
        /^[0-9a-f]+-[0-9a-f]+ / { shared = index($6, card) == 1 }
        $1 == "Rss:" { rss += $2 }
        $1 == "Size:" && shared { mapped += $2 }
        /^Private_/ && !shared { own += $2 }
        END { printf "{\"own\": %.2f, \"rss_mb\": %.2f, \"card_mb\": %.2f}", own / 1000, rss / 1000,
            mapped / 1000 }' "/proc/${pids[server]}/smaps")
    row "$1" "$(jq .own <<<"$seen")" "MB of its own" 4 \
        "$(jq -r '"resident \(.rss_mb) MB; of the card \(.card_mb) MB mapped"' <<<"$seen")" \
        "$(jq -c 'del(.own)' <<<"$seen")"
    stop server TERM
    stop hvhost
}
footprint footprint ""
footprint footprint-2x1MiB "recv=$((1 << 20)),send=$((1 << 20))"
