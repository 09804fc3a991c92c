#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What changes while a program serves: MTU under a download, promiscuous mode, MAC address, CPU.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 40000000 /dev/urandom >"$work/site/file"
card_up
sock=$work/ctl.sock
app4 http netvsc-http --root "$work/site" --control "$sock" --cpu 0 --spin always

setting() { "$bin/netvscctl" set "$1" "$sock"; }
field() { "$bin/netvscctl" stats --json "$sock" | jq -r "$1"; }
has() { equal "$(field "$1")" "$2"; }
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
check "promiscuous mode" setting promiscuous=on
check "off again" setting promiscuous=off
check "nonsense is none" eval '! setting nonsense=1 2>/dev/null'
app_down http
e2e_end
