#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# curl against netvsc-http: bytes, connections, and the corners of the protocol.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

site=$work/site
mkdir -p "$site/dir"
for size in 1 2 1459 1460 1461 2920 65535 65536 1000000 100000000; do
    head -c "$size" /dev/urandom >"$site/$size.bin"
done
echo '<p>hello</p>' >"$site/page.html"
echo 'inner' >"$site/dir/index.html"
echo 'secret' >"$work/secret"
url=http://$addr

card_up
app4 http netvsc-http --root "$site"

get() { inside curl -sS --max-time 60 "$@"; }
# answer STATUS CURL-ARGUMENTS...
answer() { [[ $(get -o "$work/body" -w "%{http_code}" "${@:2}") = $1 ]]; }
exact() { get -o "$work/body" "$url/$1" && same_bytes "$work/body" "$site/$1"; }
# raw STATUS: what the server says to bytes no client would send (standard input).
raw() { equal "$(inside ncat -w 5 "$addr" 80 | head -c 12)" "HTTP/1.1 $1"; }

for file in "$site"/*.bin; do
    check "${file##*/} arrives byte for byte" exact "${file##*/}"
done

check "two requests share one connection" equal \
    "$(get -o /dev/null -o /dev/null -w '%{num_connects} ' "$url/1.bin" "$url/2.bin")" "1 0 "
parallel() {
    local n args=()
    for n in {1..64}; do
        args+=("$url/65536.bin" -o "$work/par.$n")
    done
    get -Z --parallel-immediate --parallel-max 64 "${args[@]}" || return 1
    for n in {1..64}; do
        same_bytes "$work/par.$n" "$site/65536.bin" || return 1
    done
}
check "64 connections at a time" parallel
pipelined() {
    local request='GET /1459.bin HTTP/1.1\r\nHost: a\r\n'
    { printf "$request\r\n$request\r\n${request}Connection: close\r\n\r\n"; } |
        inside ncat -w 5 "$addr" 80 >"$work/body"
    equal "$(grep -ao 'HTTP/1.1 200' "$work/body" | wc -l)" 3
}
check "three pipelined requests have three answers" pipelined

length_of() { get -I "$url/$1" | tr -d '\r' | awk 'tolower($1) == "content-length:" { print $2 }'; }
check "HEAD announces the length" equal "$(length_of 1000000.bin)" 1000000
after_head() {
    printf 'HEAD /1459.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
        inside ncat -w 5 "$addr" 80 | awk 'end { print } /^\r$/ { end = 1; print "--" }' | cat -v
}
check "and sends no body" equal "$(after_head)" "--"
range_is() {
    answer 206 -r "$1" "$url/65536.bin" &&
        same_bytes "$work/body" <(tail -c "+$2" "$site/65536.bin" | head -c "$3")
}
check "a range in the middle" range_is 1000-1999 1001 1000
check "the first byte" range_is 0-0 1 1
check "from a position to the end" range_is 65000- 65001 536
check "the last bytes" range_is -10 65527 10
check "a range past the end is refused" answer 416 -r 65536- "$url/65536.bin"
since=$(LC_ALL=C date -u -r "$site/1.bin" '+%a, %d %b %Y %H:%M:%S GMT')
check "not modified since" answer 304 -H "If-Modified-Since: $since" "$url/1.bin"
check "modified since long ago" answer 200 \
    -H 'If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT' "$url/1.bin"
type_is() { equal "$(get -o /dev/null -w '%{content_type}' "$url/$1" | cut -d';' -f1)" "$2"; }
check "HTML is served as HTML" type_is page.html text/html
check "a folder shows its index" answer 200 "$url/dir/"
check "and that is it" grep -qx inner "$work/body"
check "the page with the card's counters" answer 200 "$url/_nic"
check "and it counts frames" grep -qi 'rx_frames' "$work/body"

check "no such file" answer 404 "$url/nothing"
check "a method for writing" answer 405 -X PUT --data x "$url/1.bin"
check "the way out of the site, plain" answer 40[034] --path-as-is "$url/../secret"
check "the way out of the site, encoded" answer 40[034] --path-as-is "$url/%2e%2e/secret"
check "garbage" raw 400 <<<$'garbage\r\n\r\n'
check "no Host" raw 400 <<<$'GET / HTTP/1.1\r\n\r\n'
check "a version from the future" raw 505 <<<$'GET / HTTP/7.0\r\nHost: a\r\n\r\n'
check "a header without end" raw 431 \
    < <(printf 'GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n' "$(printf 'x%.0s' {1..100000})")
check "a body nobody wants" raw 413 \
    < <(printf 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n')
check "and after all that it still serves" exact 65536.bin

app_down http
app4 full netvsc-http --root "$site" --access-log=/dev/full
check "without room for its log it serves" exact 1.bin
check "and says so" wait_for 5 grep -q "access log /dev/full" "$work/full.log"
app_down full

mkfifo "$work/fifo"
check "a log without reader is no log" eval \
    '! "$bin/netvsc-http" "${card[@]}" --ip "$addr/24" --access-log="$work/fifo" 2>"$work/err"'
check "and why is said" grep -q "nobody reads this pipe" "$work/err"
exec {still}<>"$work/fifo" # reads nothing
app4 still netvsc-http --root "$site" --access-log="$work/fifo"
check "a log whose reader stands still holds nobody up" inside \
    curl -sS --max-time 40 -o /dev/null "$url/1.bin?[1-4000]"
check "and that is said" grep -q "its reader does not keep up, lines are lost" "$work/still.log"
app_down still
check "what was lost is counted" grep -qE '^http:.* log_lost [1-9]' "$work/still.log"
e2e_end
