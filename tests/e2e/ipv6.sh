#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The same over IPv6: the link-local address, and one made of an advertised prefix.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
start dnsmasq dnsmasq --keep-in-foreground --no-daemon --conf-file=/dev/null --port=0 \
    --interface="$tap" --bind-interfaces --enable-ra --dhcp-range=fd78::,ra-only,64 \
    --ra-param="$tap,10" --pid-file= --dhcp-leasefile="$work/leases" --user=root
card_up
app echo netvsc-echo --ipv6

check "the link-local address answers" wait_for 5 inside ping -6 -c 1 -W 1 "$ll6%$tap"
check "an address of the advertised prefix answers" wait_for 15 inside ping -6 -c 1 -W 1 "$slaac6"
head -c 5000000 /dev/urandom >"$work/many"
tcp_echo() {
    inside timeout 60 ncat -6 "$1" 7 <"$work/many" >"$work/back" &&
        same_bytes "$work/many" "$work/back"
}
check "5 MB over TCP, link-local" tcp_echo "$ll6%$tap"
check "5 MB over TCP, global" tcp_echo "$slaac6"
check "UDP of each size from 1 to 1452, link-local" inside "$bin/udp_echo" "$ll6%$tap" 7 1 1452
check "UDP of each size from 1 to 1452, global" inside "$bin/udp_echo" "$slaac6" 7 1 1452
app_down echo

mkdir "$work/site"
head -c 3000000 /dev/urandom >"$work/site/file"
app http netvsc-http --root "$work/site" --ipv6=fd78::1/64
check "a static address answers" wait_for 5 inside ping -6 -c 1 -W 1 fd78::1
check "curl over IPv6" inside curl -sS --max-time 30 -o "$work/body" "http://[fd78::1]/file"
check "byte for byte" same_bytes "$work/body" "$work/site/file"
app_down http
stop dnsmasq TERM
e2e_end
