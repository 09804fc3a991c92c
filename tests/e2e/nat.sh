#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvsc-nat between two kernels: one of them behind it, the other sees only the router.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pair.sh"
e2e_begin "$@"
pair_up 1200
far=10.79.0.9
router=10.79.0.1
pair nat netvsc-nat --inside "$addr/24" --outside "$router/24" --gateway "$far" --udp-timeout 2
inside ip route add default via "$addr"
outside ip addr add "$far/24" dev "$tap2"
outside ip addr add 192.0.2.7/32 dev lo # beyond the next router, as far as ours knows
outside ip link set "$tap2" mtu 1200
outside ip link set "$tap2" up

answers_far() { inside ping -c 1 -W 1 "$far"; }
wait_for 10 answers_far || fail "$far cannot be reached"
check "ping through the router" inside ping -c 5 -i 0.2 -W 2 "$far"
check "and to a network behind the next one" inside ping -c 2 -i 0.2 -W 2 192.0.2.7
check "the router itself answers inside" inside ping -c 1 -W 2 "$addr"
check "and outside" outside ping -c 1 -W 2 "$router"
check "nobody outside knows a way in" eval '! outside ping -c 1 -W 1 "$peer"'
outside ip route add 10.78.0.0/24 via "$router"
check "nor does the router forward one" eval '! outside ping -c 1 -W 1 "$peer"'

head -c 50000000 /dev/urandom >"$work/many"
start_outside web python3 -m http.server --directory "$work" 8000
serves() { inside curl -s -o /dev/null --max-time 2 "http://$far:8000/"; }
wait_for 10 serves || fail "the web server does not answer"
fetch() {
    inside curl -sS --max-time 60 -o "$work/body.$1" "http://$far:8000/many" &&
        same_bytes "$work/many" "$work/body.$1"
}
check "50 MB over TCP, byte-exact" fetch 1
check "four connections at a time" at_once 4 fetch
check "the server has seen the router only" eval \
    'grep -q "^$router " "$work/web.log" && ! grep -q "^10.78" "$work/web.log"'
stop web TERM

cat >"$work/udp.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[1] == "echo":
    s.bind((sys.argv[2], 7))
    while True:
        s.sendto(*s.recvfrom(65536))
s.connect((sys.argv[2], 9))
s.settimeout(3)
s.send(b"x")
try:
    s.recv(1)
except ConnectionRefusedError:
    print("refused")
END
start_outside echo python3 "$work/udp.py" echo "$far"
udp() { inside "$bin/udp_echo" "$far" 7 5 5; }
# Each try before the echo listens was refused, and a kernel refuses one a second.
outside sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit'
wait_for 10 udp || fail "no echo over UDP"
check "UDP of each size that fits, there and back" inside "$bin/udp_echo" "$far" 7 1 1172
check "and in fragments" inside "$bin/udp_echo" "$far" 7 1473 1500
check "a port nobody listens on is refused through the router" \
    equal "$(inside python3 "$work/udp.py" refused "$far")" refused
check "datagrams in fragments there and back" inside ping -c 3 -i 0.2 -W 3 -s 8000 "$far"

start_outside sink ncat -l --recv-only "$far" 9
says() { grep -qi "$1" <<<"$(inside ping -c 1 -W 2 "${@:2}" "$far" 2>&1)"; }
check "time to live is counted down" says "from $addr.*time to live exceeded" -t 1
check "a packet too long for the other side is told about" says "mtu *= *1200" -M do -s 1300
check "what is sent in TCP adapts" eval \
    'inside timeout 30 ncat --send-only "$far" 9 <"$work/many" &&
        wait_for 10 same_bytes "$work/many" "$work/sink.log"'
stop sink TERM
app_down nat
check "connections were translated" [ "$(counter nat translator out)" -gt 5000 ]
check "fragments were put together" [ "$(counter nat router reassembled)" -ge 6 ]
check "and cut again" [ "$(counter nat router cut)" -ge 6 ]
check "what came from outside to inside was refused by name" \
    [ "$(counter nat translator drop_not_ours)" -ge 1 ]
e2e_end
