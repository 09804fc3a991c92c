#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What changes while a program serves: MTU under a download, promiscuous mode, MAC address, CPU.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 40000000 /dev/urandom >"$work/site/file"
card_up
sock=$work/ctl.sock

setting() { "$bin/netvscctl" set "$1" "$sock"; }
field() { "$bin/netvscctl" stats --json "$sock" | jq -r "$1"; }
has() { equal "$(field "$1")" "$2"; }

# A host that takes its time with the first attach.
if [ "$face" = shm ]; then
    kill -STOP "${pids[hvhost]}"
    start slow "$bin/netvsc-http" "${card[@]}" --ip "$addr/24" --root "$work/site" --control "$sock"
    check "the card is being attached" wait_for 5 has .state attaching
    check "no other MTU yet" eval '! setting mtu=600 2>"$work/err"'
    check "and why is said" grep -q "for the first time; set its mtu when it is up" "$work/err"
    kill -CONT "${pids[hvhost]}"
    ready slow 'NVSP [0-9]'
    check "it came up as it was" has .mtu 1500
    stop slow
    check "and ends as ever" equal "$status" 0
fi
app4 http netvsc-http --root "$work/site" --control "$sock" --cpu 0 --spin always
check "--cpu pins" grep -qE '^Cpus_allowed_list:\s0$' "/proc/${pids[http]}/status"

# A download of some seconds, over which the MTU goes down and up again.
start download curl -sS --max-time 60 --limit-rate 8M -o "$work/got" "http://$addr/file"
for mtu in 600 1500 1280 1500; do
    check "MTU $mtu" setting "mtu=$mtu"
    check "is in force" wait_for 5 has .mtu "$mtu"
done
check "the download was under way all the time" alive download
wait "${pids[download]}"
check "the connection lived on" equal "$?" 0
unset 'pids[download]'
check "and every byte is right" same_bytes "$work/got" "$work/site/file"
check "no MTU of 67" eval '! setting mtu=67 2>"$work/err"'
check "is told" grep -q "from 68 to 65521" "$work/err"

check "another MAC address" setting mac=02:15:5d:12:34:56
check "is in use" wait_for 5 has .mac 02:15:5d:12:34:56
check "the kernel finds us there" wait_for 10 answers
knows() { inside ip neigh show "$addr" | grep -q 02:15:5d:12:34:56; }
check "under that address" wait_for 10 knows
check "and back" setting mac=own
check "to our own" wait_for 5 has .mac "$mac"

# Frames for a neighbour nobody has: the switch floods them, the card takes them or does not.
strange=10.78.0.77
inside ip neigh replace "$strange" lladdr 02:15:5d:77:77:77 dev "$tap"
strangers_seen() {
    local before
    before=$("$bin/netvscctl" xstats --json "$sock" | jq .card.rx_frames)
    inside ping -q -c 20 -i 0.01 -W 1 "$strange" >/dev/null
    [ $(($("$bin/netvscctl" xstats --json "$sock" | jq .card.rx_frames) - before)) -ge 20 ]
}
check "frames for others are not ours" eval '! strangers_seen'
check "promiscuous mode" setting promiscuous=on
check "takes them" wait_for 10 strangers_seen
check "off again" setting promiscuous=off
check "no more" wait_for 10 eval '! strangers_seen'
check "nonsense is none" eval '! setting nonsense=1 2>/dev/null'
app_down http
e2e_end
