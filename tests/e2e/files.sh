#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Large files in memory the card sends from: replaced while they are sent, overwritten, more of
# them than fit, larger than all of it, and over a network that loses frames. No answer is mixed.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
site=$work/site
mkdir "$site"
for n in {1..12}; do head -c 1000000 /dev/urandom >"$site/$n"; done
head -c 9000000 /dev/urandom >"$site/hot"
head -c 9000000 /dev/urandom >"$work/other"
head -c 30000000 /dev/urandom >"$site/huge"
sleep 2.1 # what changed less than two seconds ago is not held
url=http://$addr

get() { inside curl -sS --max-time 60 "$@"; }
# exact NAME [N]: with N, one of several at the same time.
exact() { get -o "$work/got.${2:-}" "$url/$1" && same_bytes "$work/got.${2:-}" "$site/$1"; }
http_says() { grep -aoE "^http:.* $1 [0-9]+" "$work/http.log" | grep -oE '[0-9]+$' || echo 0; }
card_counts() { counter http "card (" "$1"; }

card_up
app4 http netvsc-http --root "$site" --file-cache 18
for n in 1 2 3; do
    check "a hot file, time $n: byte for byte" exact hot
done
check "parts of it" eval 'get -r 4000001-8000000 -o "$work/part" "$url/hot" &&
    same_bytes "$work/part" <(tail -c +4000002 "$site/hot" | head -c 4000000)'
many() { exact $(($1 % 12 + 1)) "$1"; }
check "40 at a time of 12 files that do not all fit" at_once 40 many
check "one larger than all of the memory" exact huge

# Slowly, so that it is on its way while the name gets another file: one state or the other.
slowly() { get --limit-rate 6M -o "$work/slow.$1" "$url/hot"; }
begun() { [ -s "$work/slow.1" ] && [ -s "$work/slow.2" ] && [ -s "$work/slow.3" ]; }
for n in 1 2 3; do slowly "$n" & slow[n]=$!; done
wait_for 10 begun || fail "not all downloads begin"
cp "$site/hot" "$work/hot.old"
mv "$work/other" "$site/hot"
check "the new file at once" exact hot
for n in 1 2 3; do
    check "who was at the old one gets all of it" eval \
        'wait "${slow[n]}" && same_bytes "$work/slow.$n" "$work/hot.old"'
done

# In place, which no name shows.
sleep 2.1
check "the new file into memory" exact hot
dd if="$work/hot.old" of="$site/hot" bs=1000000 skip=1 conv=notrunc status=none
check "overwritten in place: the new bytes at once" exact hot
sleep 2.1
check "and from memory again" exact hot
app_down http
check "memory was used" [ "$(http_says file_hits)" -ge 20 ]
check "and used again" [ "$(http_says file_evicted)" -ge 1 ]
check "most bytes were left in place" [ "$(card_counts tx_gpa_bytes)" -gt 100000000 ]
check "every owner was told" equal "$(card_counts tx_gpa_done)" "$(card_counts tx_gpa)"

app4 http netvsc-http --root "$site" --file-cache 0
check "switched off: byte for byte" exact hot
app_down http
check "switched off: no file was held" equal \
    "$(http_says file_hits) $(http_says file_loads)" "0 0"
app4 http netvsc-http --root "$site" --tx-copy all
check "a card that copies: byte for byte" exact hot
app_down http

[ "$face" = shm ] && host_down
if [ "$face" = shm ]; then
    card_up --impair loss=1%,reorder=1%,seed=5
else
    card=(--emulate "tap=$tap,impair=loss=1%+reorder=1%+seed=5")
fi
app4 http netvsc-http --root "$site"
for n in {1..12}; do
    check "at 1 % loss, time $n: byte for byte" exact hot
done
app_down http
[ "$face" = shm ] && host_down
echo "passed: $topic ($face)"
