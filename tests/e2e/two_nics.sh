#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two cards of one host on one switch, each with a program of its own; one of them comes and goes
# while the other serves. (Only with the host as a process of its own.)
. "$(dirname "$0")/lib.sh"
e2e_begin "$1" shm
card_up --nic ""
second_addr=10.78.0.3
nics=($(cd "$bus/devices" && ls -d *-*-*-*-*))
check "the bus shows two cards" equal "${#nics[@]}" 2
start nobody "$bin/netvsc-echo" "${card[@]}" --ip "$addr/24"
stop nobody 0
check "none chosen: a usage error" equal "$status" 2
check "that says what to do" grep -q -- '--nic' "$work/nobody.log"

mkdir "$work/site"
head -c 1000000 /dev/urandom >"$work/site/file"
app4 echo netvsc-echo --nic "${nics[0]}"
app http netvsc-http --nic "${nics[1]^^}" --ip "$second_addr/24" --root "$work/site"
fetch() {
    inside curl -sS --max-time 20 -o "$work/body" "http://$second_addr/file" &&
        same_bytes "$work/body" "$work/site/file"
}
echoes() { equal "$(printf hello | inside ncat -w 5 "$addr" 7)" hello; }
check "echo on the first card" echoes
check "HTTP on the second card" fetch
check "both at once: UDP sizes beside a download" eval \
    'inside "$bin/udp_echo" "$addr" 7 1 700 & fetch && wait $!'
app_down echo
check "the second card serves on while the first is closed" fetch
app4 echo netvsc-echo --nic "{${nics[0]}}"
check "the first card again, its GUID in braces" echoes
app_down http
check "the first serves on while the second is closed" echoes
app_down echo
host_down
for index in 0 1; do
    check "card $index was used" [ "$(host_says ".nics[$index].stats.tx_frames")" -gt 20 ]
done
e2e_end
