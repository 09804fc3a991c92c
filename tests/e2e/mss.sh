#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP segments are as long as the MTU allows, both ways: at 1500, at 9000, and at what a running
# program is told.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

cat >"$work/segments.py" <<'END'
import os, socket, struct, sys, threading
data = os.urandom(1 << 20)
s = socket.create_connection((sys.argv[1], 7), timeout=20)
threading.Thread(target=s.sendall, args=(data,)).start()
back = b""
while len(back) < len(data):
    part = s.recv(1 << 16)
    assert part, "the connection ended early"
    back += part
assert back == data, "other bytes came back"
print(*struct.unpack_from("II", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 16))
END
# What the kernel sends and receives in, after 1 MiB there and back: the MTU without headers.
segments() { inside python3 "$work/segments.py" "$1"; }

card_up
app4 echo netvsc-echo --ipv6=fd78::1
check "MTU 1500" equal "$(segments "$addr")" "1460 1460"
check "over IPv6" equal "$(segments fd78::1)" "1440 1440"
app_down echo

inside ip link set "$tap" mtu 9000
card=(--emulate "tap=$tap,mtu=9000")
app4 echo netvsc-echo --mtu 9000 --ipv6=fd78::1
check "MTU 9000" equal "$(segments "$addr")" "8960 8960"
check "over IPv6" equal "$(segments fd78::1)" "8940 8940"
app_down echo

app4 echo netvsc-echo --mtu 9000 --offload off
check "MTU 9000 without the host's help" equal "$(segments "$addr")" "8960 8960"
app_down echo

app4 echo netvsc-echo --control "$work/ctl"
check "1500 on the way to more" equal "$(segments "$addr")" "1460 1460"
check "a larger MTU while it runs" "$bin/netvscctl" set mtu=9000 "$work/ctl"
check "is what the next connection has" equal "$(segments "$addr")" "8960 8960"
app_down echo
e2e_end
