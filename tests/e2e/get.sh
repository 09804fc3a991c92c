#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Names looked up and pages fetched: lwIP is the client, dnsmasq and a server on the kernel side
# answer.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
start dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-hosts --no-resolv --local=/test/ \
    --interface="$tap" --bind-interfaces --host-record=four.test,$peer \
    --host-record=six.test,$peer6 --cname=alias.test,four.test --log-queries --pid-file= --user=root
ready dnsmasq "started"
card_up

# serve PORT FILE: a server that answers every request with the bytes of FILE.
serve() { start "port$1" ncat -k -l "${@:3}" "$1" --sh-exec "cat '$2'"; }
page() { printf 'HTTP/1.1 200 OK\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' "$1"; }
head -c 10000000 /dev/urandom >"$work/page"
{ page 10000000 && cat "$work/page"; } >"$work/whole"
{ page 10000001 && cat "$work/page"; } >"$work/cut"
{ page 5 && echo four; } >"$work/four"
printf 'HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone' >"$work/none"
printf 'HTTP/1.1 200 OK\r\nTransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n' >"$work/chunks"
serve 80 "$work/whole"
serve 81 "$work/cut"
serve 82 "$work/none"
serve 83 "$work/chunks"
serve 84 "$work/four"
listening() { inside ss -Hltn "sport = :$1" | grep -q .; }
for port in 80 81 82 83 84; do wait_for 5 listening $port || fail "no server on port $port"; done

# get OPTION... URL: run to its end; $status, and what it said in get.log.
get() {
    inside timeout 60 "$bin/netvsc-get" "${card[@]}" --stats "$@" >"$work/out" 2>"$work/get.log"
    status=$?
    check "books balance" grep -q "books: balance" "$work/get.log"
    check "no rule of the host broken" strict_clean get
}
v4=(--ip "$addr/24" --dns "$peer")
v6=(--ipv6=fd78::1/64 --dns "$peer6")

get "${v4[@]}" -o "$work/got" http://four.test/page
check "a name becomes an address" grep -q "four.test is $peer\$" "$work/get.log"
check "dnsmasq was asked" grep -q "query\[A\] four.test from $addr" "$work/dnsmasq.log"
check "ends with status 0" equal "$status" 0
check "10 MB are byte-exact" same_bytes "$work/got" "$work/page"
check "nothing else is left" equal "$(ls "$work" | grep -c part)" 0
mkfifo "$work/pipe"
timeout 20 cat "$work/pipe" | sha256sum >"$work/piped" &
reader=$!
get "${v4[@]}" -o "$work/pipe" http://four.test/page
wait "$reader"
check "what is no file is written to as it is" \
    equal "$(cat "$work/piped")" "$(sha256sum <"$work/page")"
check "and stays what it was" [ -p "$work/pipe" -a ! -e "$work/pipe.part" ]
get "${v4[@]}" http://alias.test:84/
check "an alias is followed, the page is on stdout" equal "$(cat "$work/out")" four
get "${v6[@]}" http://six.test:84/
check "IPv6 only: the name server and the server" equal "$(cat "$work/out")" four
check "and the address is such" grep -q "six.test is FD78::2\$" "$work/get.log"
get "${v4[@]}" "http://$peer:84/"
check "an address needs no name server" equal "$(cat "$work/out")" four
get "${v6[@]}" "http://[$peer6]:84"
check "in brackets neither" equal "$(cat "$work/out")" four

# bad REGEX ARGUMENT...: fails with one reason in one line, and leaves no file.
bad() {
    get "${v4[@]}" -o "$work/nothing" "${@:2}"
    check "$2: status 1" equal "$status" 1
    check "it says: $1" equal "$(grep -cE "^netvsc-get: .*$1" "$work/get.log")" 1
    check "no file is left" [ ! -e "$work/nothing" -a ! -e "$work/nothing.part" ]
}
bad 'no name server knows' http://nobody.test/
bad 'refused' http://four.test:85/
bad 'answered 404' http://four.test:82/
bad 'in chunks' http://four.test:83/
bad 'ended before the page did' http://four.test:81/
get --ip "$addr/24" http://four.test/
check "without a name server: what to do" grep -q 'no name server is known.*--dns' "$work/get.log"
check "status 1" equal "$status" 1

start get "$bin/netvsc-get" "${card[@]}" --stats "${v4[@]}" -o "$work/nothing" http://10.78.0.77/
ready get 'is 10.78.0.77'
stop get TERM
check "a signal ends it with status 1" equal "$status" 1
check "and says so" grep -q interrupted "$work/get.log"
check "no file is left by it" [ ! -e "$work/nothing.part" ]
e2e_end
