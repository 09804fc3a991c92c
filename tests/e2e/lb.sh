#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvsc-lb spreads curl's connections over two web servers, also when one of them dies.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
card_up
vip=10.78.0.100
for n in 11 12; do
    inside ip addr add "10.78.0.$n/24" dev "$tap"
    mkdir "$work/$n"
    echo "$n" >"$work/$n/name"
    start "web$n" python3 -m http.server --directory "$work/$n" --bind "10.78.0.$n" 8000
done
# A balancer takes its backends for up until it knows better.
listens() { inside ss -Hltn "src 10.78.0.$1 and sport = :8000" | grep -q .; }
for n in 11 12; do
    wait_for 10 listens "$n" || fail "web$n does not listen"
done
head -c 20000000 /dev/urandom >"$work/11/many"
cp "$work/11/many" "$work/12/many"
app4 lb netvsc-lb --vip "$vip:80" --backend 10.78.0.11:8000 --backend 10.78.0.12:8000
name() { inside curl -sS --max-time 3 "http://$vip/name"; }
served() { name >/dev/null; }
wait_for 10 served || fail "nobody answers on $vip"
spread() {
    local i
    for i in {1..40}; do
        name || return 1
    done >"$work/names"
    equal "$(sort -u "$work/names" | xargs)" "$1"
}
check "forty connections reach both backends" spread "11 12"
fetch() {
    inside curl -sS --max-time 30 -o "$work/body" "http://$vip/many" &&
        same_bytes "$work/body" "$work/11/many"
}
check "20 MB are byte-exact" fetch
check "backends see the balancer only" eval '! grep -qv "^10.78.0.1 \|^Serving" "$work/web11.log"'
stop web12 TERM
is_down() { grep -q "10.78.0.12:8000 is down" "$work/lb.log"; }
wait_for 10 is_down || fail "the dead backend was not found out"
check "with one backend dead, all reach the other" spread 11
start web12 python3 -m http.server --directory "$work/12" --bind 10.78.0.12 8000
is_up() { grep -q "10.78.0.12:8000 is up" "$work/lb.log"; }
wait_for 10 is_up || fail "the backend that came back was not found out"
check "when it is back it serves again" spread "11 12"
refused() { ! inside curl -s --max-time 1 "http://$vip:81/"; }
check "another port of the virtual address is nobody's" refused
app_down lb
check "the balancer's books balance" grep -q "balancer's books: balance" "$work/lb.log"
e2e_end
