#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# lwIP with threads and sockets (NO_SYS=0) over the same driver.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
card_up
app4 sockets netvsc-sockets --pcap "$work/frames.pcap"

head -c 5000000 /dev/urandom >"$work/many"
tcp_echo() {
    inside timeout 60 ncat "$addr" 7 <"$work/many" >"$work/back.$1" || {
        # All of them here, and yet no end: then the end got lost.
        echo "ncat: status $?, $(stat -c %s "$work/back.$1") of 5000000 bytes came back"
        return 1
    }
    same_bytes "$work/many" "$work/back.$1"
}
check "5 MB over one TCP connection" tcp_echo 0
check "four at a time, a thread each" at_once 4 tcp_echo
# The kernel acknowledges late what it wants to answer. Whose message waits for that is slow.
cat >"$work/turns.py" <<'END'
import socket, sys
s = socket.create_connection((sys.argv[1], 7))
for turn in range(40):
    s.sendall(bytes(16384))
    left = 16384
    while left:
        left -= len(s.recv(left))
END
late() { inside nstat -az TcpExtDelayedACKs | awk '/DelayedACKs/ { print $2 }'; }
before=$(late)
check "forty messages of many segments and a bit, in turns" inside python3 "$work/turns.py" "$addr"
check "no message waited for an acknowledgement ($(($(late) - before)) late ones)" \
    [ "$(($(late) - before))" -lt 10 ]
check "UDP datagrams of each size from 1 to 1472" inside "$bin/udp_echo" "$addr" 7 1 1472
check "and in fragments" inside "$bin/udp_echo" "$addr" 7 8000 8002
app_down sockets
check "the capture has all of it" [ "$(stat -c %s "$work/frames.pcap")" -gt 50000000 ]
e2e_end
