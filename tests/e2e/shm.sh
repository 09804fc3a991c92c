#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One program file, two hosts: what differs is an argument. The same page, the same bytes, and each
# time it was that host which carried them, frame for frame.
. "$(dirname "$0")/lib.sh"
e2e_begin "$1"
mkdir "$work/site"
head -c 5000000 /dev/urandom >"$work/site/file"

# carried TX RX: the frames the host counted are those the guest counted.
carried() { equal "$1 $2" "$(counter http "card (" tx_frames) $(counter http "card (" rx_frames)"; }
host_inside() { grep -q '^emulated card' "$work/http.log"; }

for face in inside shm; do
    card_up
    app4 http netvsc-http --root "$work/site"
    check "$face: fetched" inside curl -sS --max-time 20 -o "$work/body" "http://$addr/file"
    check "$face: byte for byte" same_bytes "$work/body" "$work/site/file"
    rm "$work/body" # or the next round could compare this one's
    app_down http
    check "$face: it carried the whole file" [ "$(counter http "card (" tx_bytes)" -gt 5000000 ]
    if [ "$face" = inside ]; then
        check "inside: the program has a host in it" host_inside
        check "inside: whose frames are the guest's" carried \
            "$(counter http "emulated card" tx_frames)" "$(counter http "emulated card" rx_frames)"
    fi
done
check "shm: the program has no host in it" eval '! host_inside'
host_down
check "shm: hvhost's frames are the guest's" carried \
    "$(host_says '.nics[0].stats.tx_frames')" "$(host_says '.nics[0].stats.rx_frames')"
check "shm: one guest came and went" equal \
    "$(host_says '.nics[0].stats | "\(.opens) \(.closes)"')" "1 1"
e2e_end
