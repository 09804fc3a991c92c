#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 100 MB from lwIP's heap, copied into send sections and left where it is: the same bytes, and the
# host says which it was. Then datagrams longer than a section, which leave no other way.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 100000000 /dev/urandom >"$work/site/file"

fetched() {
    rm -f "$work/body"
    inside curl -sS --max-time 60 -o "$work/body" "http://$addr/file" &&
        same_bytes "$work/body" "$work/site/file"
}
card_counts() { counter http "card (" "$1"; }
card_up

app4 http netvsc-http --root "$work/site" --tx-copy all
check "copied: byte for byte" fetched
app_down http
check "copied: nothing by guest page" equal "$(card_counts tx_gpa)" 0
copied=$(card_counts tx_packets)

app4 http netvsc-http --root "$work/site"
check "left in place: byte for byte" fetched
app_down http
check "left in place: most of the bytes" [ "$(card_counts tx_gpa_bytes)" -gt 80000000 ]
check "left in place: every owner was told" equal "$(card_counts tx_gpa_done)" \
    "$(card_counts tx_gpa)"
check "left in place: half as many packets at most" [ "$(card_counts tx_packets)" -lt \
    $((copied / 2)) ]
gpa=$(card_counts tx_gpa)
if [ "$face" = shm ]; then
    host_down
    check "the host read as many from guest pages" equal \
        "$(host_says '.nics[0].stats.tx_gpa_packets')" "$gpa"
    echo "passed: $topic ($face)"
    exit 0
fi
check "the host read as many from guest pages" equal \
    "$(counter http "emulated card" tx_gpa_packets)" "$gpa"

inside ip link set "$tap" mtu 9000
card=(--emulate "tap=$tap,mtu=9000")
app4 http netvsc-http --root "$work/site" --mtu 9000
check "echoes of 8 KB in one frame" inside ping -c 3 -i 0.2 -W 5 -M do -s 8000 "$addr"
check "jumbo frames: byte for byte" fetched
app_down http
check "were brought into one piece first" [ "$(counter http "interface" tx_linearised)" -ge 3 ]
e2e_end
