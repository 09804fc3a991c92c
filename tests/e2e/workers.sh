#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Several processes, a queue each: both serve; one is killed under load; everything is left clean.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

site=$work/site
mkdir -p "$site"
head -c 1000 /dev/urandom >"$site/small"
head -c 30000000 /dev/urandom >"$site/big"
url=http://$addr

# host DIR QUEUES: an emulated host whose card has so many.
host() {
    kernel_before=$(kernel_counts)
    start hvhost "$bin/hvhost" --dir "$1" --nic "queues=$2" --tap "$tap" --json
    ready hvhost ready
    card=(--bus "$1")
}
host "$bus" 4

serving() { [ "$(grep -c "serves queue" "$work/$1.log")" -ge "$2" ]; }
# workers NAME PROGRAM OPTION...: with two workers, until both serve.
workers() {
    app "$1" "$2" --workers 2 --control "$work/ctl" "${@:3}"
    wait_for 10 serving "$1" 2 || fail "not both workers of $1 serve"
}
pid_of() { sed -n "s/.*worker $2 (process \([0-9]*\)) serves.*/\1/p" "$work/$1.log" | tail -n 1; }
xstats() { "$bin/netvscctl" xstats "$work/ctl" --json; }
requests_of() { sed -n 's/.* requests \([0-9]*\).*/\1/p' "$work/$1.log"; }
get() { inside curl -sS --max-time 120 "$@"; }
exact() { cmp "$1" "$site/big"; }

# ---- both serve ----------------------------------------------------------------------------------

workers http netvsc-http --ip "$addr/24" --ipv6="$(sed s/::2/::1/ <<<"$peer6")" --root "$site"
wait_for 10 answers || fail "no answer on $addr"
many() {
    local n
    for n in {1..40}; do
        get "$1/small" | cmp - "$site/small" || return 1
    done
}
check "40 connections are served" many "$url"
check "and 40 by IPv6" many "http://[fd78::1]"
xstats >"$work/xstats"
says() { jq -e "$1" "$work/xstats"; }
check "netvscctl knows two workers that serve" \
    says '[.workers[] | select(.serving == 1)] | length == 2'
check "each with frames on its queue" says '[.queues[1:][] | select(.rx_frames > 40)] | length == 2'
check "and adds up what they counted" \
    says '.interface.rx_input + .interface.rx_drop_input == .card.rx_frames'
get -o "$work/nic" "$url/_nic.json"
check "so does the page, whoever serves it" [ "$(jq .http.requests "$work/nic")" -ge 80 ]
stop http
check "netvsc-http ends with status 0" equal "$status" 0
check "its books balance" grep -q "books: balance" "$work/http.log"
check "both workers had requests" equal "$(requests_of http | awk '$1 > 10' | wc -l)" 2

# ---- one dies ------------------------------------------------------------------------------------

workers http netvsc-http --ip "$addr/24" --root "$site" --tcp-sndbuf 65536
wait_for 10 answers || fail "no answer on $addr"
victim=$(pid_of http 0)
downloads=12
for n in $(seq $downloads); do
    start "get$n" curl -sS --max-time 120 --limit-rate 6M -o "$work/big.$n" "$url/big"
done
start wrk wrk -t1 -c16 -d6s "http://$addr:80/small" # a number: /etc/services may be missing
sleep_ms() { read -rt "$(awk "BEGIN { print $1 / 1000 }")" <> <(:); }
sleep_ms 1500
kill -KILL "$victim"
wait_for 5 serving http 3 || fail "the worker did not come back"
after() { sed -n "s/.*worker 0: $1 after \([0-9.]*\) ms/\1/p" "$work/http.log"; }
steered=$(after "its queue's connections go elsewhere")
back=$(after back)
echo "re-steered after $steered ms, back after $back ms"
check "its queue was steered within 100 ms" awk "BEGIN { exit !($steered <= 100) }"
check "and respawned within a second" awk "BEGIN { exit !($back <= 1000) }"
whole=0
for n in $(seq $downloads); do
    wait_for 60 gone "get$n" || fail "download $n does not end"
    wait "${pids[get$n]}"
    ended=$?
    if [ "$ended" = 0 ]; then
        whole=$((whole + 1))
        check "download $n is exact" exact "$work/big.$n"
    else
        check "download $n was reset" equal "$ended" 56
    fi
    unset "pids[get$n]"
done
echo "$whole of $downloads downloads survived"
check "those of the other worker survived" [ "$whole" -ge 1 ]
check "those of the dead one did not" [ "$whole" -lt "$downloads" ]
wait_for 20 gone wrk
wait "${pids[wrk]}"
check "wrk was served" [ "$?" = 0 ]
unset "pids[wrk]"
grep -E "requests in|Socket errors|Requests/sec" "$work/wrk.log"
check "new connections to either worker" many "$url"
app_down http TERM

# ---- the other server ----------------------------------------------------------------------------

workers echo netvsc-echo --ip "$addr/24"
wait_for 10 answers || fail "no answer on $addr"
echoes() {
    local n
    for n in {1..20}; do
        equal "$(head -c 3000 "$site/big" | inside ncat "$addr" 7 | sha256sum)" \
            "$(head -c 3000 "$site/big" | sha256sum)" || return 1
    done
}
check "20 connections are echoed" echoes
check "and datagrams" inside "$bin/udp_echo" "$addr" 7 1 100
app_down echo
check "both workers echoed" equal "$(grep -cE 'echoed [0-9]+ bytes on [1-9]' "$work/echo.log")" 2

# ---- clients that only wait ----------------------------------------------------------------------

workers silent netvsc-echo --ip "$addr/24"
wait_for 10 answers || fail "no answer on $addr"
clients=16
for n in $(seq $clients); do
    start "idle$n" ncat --recv-only "$addr" 7
done
connected() { inside ss -Htn state established "dport = :7" | wc -l; }
all_connected() { equal "$(connected)" "$clients"; }
wait_for 30 all_connected || fail "not all connect"
kill -KILL "$(pid_of silent 0)"
fewer() { [ "$(connected)" -lt "$clients" ]; }
check "those of a worker that died are told soon" wait_for 5 fewer
wait_for 5 serving silent 3 || fail "the worker did not come back"
sleep_ms 500
check "others wait on" [ "$(connected)" -gt 0 ]
check "another MTU, which no worker outlives" "$bin/netvscctl" set mtu=1400 "$work/ctl"
none_connected() { equal "$(connected)" 0; }
check "then the others are told, too" wait_for 10 none_connected
for n in $(seq $clients); do
    kill "${pids[idle$n]}" 2>/dev/null
    wait "${pids[idle$n]}" 2>/dev/null
    unset "pids[idle$n]"
done
app_down silent
check "each once" equal "$(counter silent workers told)" "$clients"

# ---- connections of their own --------------------------------------------------------------------

start iperf iperf --server --interval 0
wait_for 10 inside ss -Hltn "sport = :5001" || fail "iperf does not listen"
inside timeout 60 "$bin/netvsc-iperf" "${card[@]}" --stats --ip "$addr/24" --workers 2 \
    --client "$peer" --parallel 4 --time 1 >"$work/out.log" 2>&1 </dev/null
check "two clients of four connections end by themselves" equal "$?" 0
check "both had all of theirs" equal "$(grep -c 'all 4 connections: [1-9]' "$work/out.log")" 2
check "the books balance" grep -q "books: balance" "$work/out.log"
# When one ends the table sends what still comes for it to the other, so not quite none.
took=$(counter out "interface (netif)" rx_input)
check "answers came to the worker that asked" \
    [ $((20 * ($(counter out workers stray) + $(counter out workers handed_on)))) -lt "$took" ]
stop iperf KILL # iperf waits for connections it thinks are open
inside timeout 60 "$bin/netvsc-iperf" "${card[@]}" --ip "$addr/24" --workers 2 --client "$peer" \
    --time 1 >"$work/out.log" 2>&1 </dev/null
check "without a server both say so and end" equal "$?" 1
check "what to do" equal "$(grep -c 'Start iperf -s there' "$work/out.log")" 2

# ---- an address by DHCP; more workers than queues ------------------------------------------------

start dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-hosts --no-resolv \
    --interface="$tap" --bind-interfaces --dhcp-range=10.78.0.100,10.78.0.100,255.255.255.0,2m \
    --dhcp-authoritative --pid-file= --dhcp-leasefile="$work/leases" --user=root
ready dnsmasq started
app http netvsc-http --dhcp --root "$site" --workers 8
wait_for 10 serving http 3 || fail "not all workers serve"
check "the card has four queues, so there are three workers" \
    grep -q "3 workers, not 8: the host gives the card 4 queues" "$work/http.log"
check "all at the address one of them asked for" wait_for 15 many http://10.78.0.100
app_down http
check "which gave the lease back" wait_for 5 [ ! -s "$work/leases" ]
stop dnsmasq TERM

# ---- what cannot be ------------------------------------------------------------------------------

# refused STATUS SENTENCE OPTION...
refused() {
    inside timeout 20 "$bin/netvsc-http" --ip "$addr/24" "${@:3}" >"$work/out" 2>&1 </dev/null
    equal "$?" "$1" && grep -q -- "$2" "$work/out"
}
check "no emulated host inside" refused 2 "Run hvhost" --workers 2 --emulate "tap=$tap"
check "a worker that cannot start ends the program" refused 1 "Give --root a directory" \
    --bus "$bus" --workers 2 --root "$work/nothing"
host_down

# ---- the owner dies ------------------------------------------------------------------------------

# A host of its own, which is right to count the way it was left.
host "$work/two" 4
workers http netvsc-http --ip "$addr/24" --root "$site"
all="$(pid_of http 0) $(pid_of http 1)" # split into words below
# Dead is enough: who reaps orphans here may take its time.
none_left() { ! grep -hs '^State:' $(printf '/proc/%s/status ' $all) | grep -v 'Z (zombie)'; }
kill -KILL "${pids[http]}"
wait "${pids[http]}" 2>/dev/null
unset "pids[http]"
check "workers do not outlive their owner" wait_for 2 none_left
workers http netvsc-http --ip "$addr/24" --root "$site"
wait_for 10 answers || fail "the card cannot be used again"
app_down http
stop hvhost

# ---- one queue -----------------------------------------------------------------------------------

host "$work/one" 1
check "a card with one queue has no workers" refused 1 "the host gives this card one queue" \
    --bus "$work/one" --workers 2
e2e_end
