#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An address by DHCP from dnsmasq, as on a network nobody prepared for us.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
start dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-hosts --no-resolv \
    --interface="$tap" --bind-interfaces --dhcp-range=10.78.0.100,10.78.0.100,255.255.255.0,2m \
    --dhcp-authoritative --log-dhcp --pid-file= --dhcp-leasefile="$work/leases" --user=root
ready dnsmasq "started"
card_up
mkdir "$work/site"
echo leased >"$work/site/page"
app http netvsc-http --dhcp --root "$work/site"
check "the server gave its only address to our card" \
    wait_for 15 grep -qi "$mac 10.78.0.100" "$work/leases"
check "and there we are" wait_for 10 inside ping -c 1 -W 1 10.78.0.100
check "serving" equal "$(inside curl -sS --max-time 10 http://10.78.0.100/page)" leased
check "the host name went along" grep -q netvsc-http "$work/leases"
app_down http
stop dnsmasq TERM
e2e_end
