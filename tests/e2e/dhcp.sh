#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An address by DHCP from dnsmasq, as on a network nobody prepared for us.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
listening() { inside ss -Hltn "sport = :80" | grep -q .; }
start dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-hosts --no-resolv \
    --interface="$tap" --bind-interfaces --dhcp-range=10.78.0.100,10.78.0.100,255.255.255.0,2m \
    --host-record=files.test,$peer --dhcp-authoritative --log-dhcp --pid-file= \
    --dhcp-leasefile="$work/leases" --user=root
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
# The lease names the name server, too: what netvsc-get does with it, nobody told it.
printf 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nnamed\n' >"$work/answer"
start server ncat -k -l 80 --sh-exec "cat '$work/answer'"
wait_for 5 listening || fail "no server on port 80"
app get netvsc-get --dhcp -o "$work/page" http://files.test/
check "the lease brings a name server" wait_for 10 grep -q "files.test is $peer\$" "$work/get.log"
wait_for 20 gone get || fail "netvsc-get does not end"
unset "pids[get]"
check "and a page from a name" equal "$(cat "$work/page")" named
stop dnsmasq TERM
e2e_end
