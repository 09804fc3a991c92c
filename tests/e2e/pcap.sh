#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What --pcap writes is what went over the card: tshark can read all of it, and the numbers agree.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
command -v tshark >/dev/null || skip "no tshark here"
mkdir "$work/site"
head -c 300000 /dev/urandom >"$work/site/file"

shark() { tshark -n -r "$work/frames.pcap" "$@" 2>"$work/tshark.err"; }

# capture OFFLOAD: one program's life in $work/frames.pcap.
capture() {
    app4 http netvsc-http --ipv6 --root "$work/site" --pcap "$work/frames.pcap" --offload "$1"
    check "ping" inside ping -c 3 -i 0.01 -s 4000 "$addr"
    check "curl" inside curl -sS -o /dev/null "http://$addr/file"
    check "IPv6" wait_for 5 inside ping -6 -c 1 -W 1 "$ll6%$tap"
    app_down http

    frames=$(shark | wc -l)
    check "tshark reads the file" equal "$(cat "$work/tshark.err" | grep -v 'root')" ""
    check "it has frames" [ "$frames" -gt 50 ]
    check "no frame is malformed" equal "$(shark -Y _ws.malformed)" ""
    check "as many frames as the card counted" equal "$frames" \
        $(($(counter http card rx_frames) + $(counter http card tx_frames)))
    for protocol in arp icmp icmpv6 tcp http; do
        check "$protocol is among them" [ -n "$(shark -Y "$protocol")" ]
    done
    check "time goes forward" eval 'shark -T fields -e frame.time_epoch | sort -c -g'
}

card_up
capture auto
# Only now: sums left to the host are open in a capture, as in one of any card that computes them.
capture off
bad_sums='ip.checksum.status == 0 or tcp.checksum.status == 0 or icmp.checksum.status == 0'
sums=(-o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE)
check "tshark judges sums" [ "$(shark "${sums[@]}" -Y 'tcp.checksum.status == 1' | wc -l)" -gt 20 ]
check "none has a bad checksum" equal \
    "$(shark "${sums[@]}" -Y "$bad_sums")" ""
e2e_end
