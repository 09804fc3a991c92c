#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvscctl asks a running program: numbers that are right, and a socket that nobody else may use.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 300000 /dev/urandom >"$work/site/file"
card_up
sock=$work/ctl.sock
app4 http netvsc-http --root "$work/site" --control "$sock"
pid=${pids[http]}

ask() { "$bin/netvscctl" "$@" "$sock"; }
field() { ask "$1" --json | jq -r "$2"; }
check "stats is JSON and names the program" equal "$(field stats .program)" netvsc-http
check "it is up" equal "$(field stats .state)" up
check "the version has its usual name" equal "$(field stats .nvsp)" 6.1
check "a file" inside curl -sS --max-time 20 -o "$work/got" "http://$addr/file"
counted() { [ "$(field stats .tx_bytes)" -gt 300000 ]; }
check "what was sent is counted while it runs" counted
head -c 60000 "$work/site/file" >"$work/body"
check "a body comes in" inside curl -sS -o /dev/null -H Expect: --data-binary "@$work/body" \
    "http://$addr/file"
check "some of it in fragments" [ "$(field xstats .card.rx_rsc_fragments)" -gt 0 ]
check "which are not drops" equal "$(field stats .rx_dropped)" 0
check "the books balance" equal "$(field stats .books)" balance
sizes='[to_entries[] | select(.key | startswith("tx_size_")) | .value] | add'
check "every frame sent is in one size class" equal \
    "$(field xstats "(.card | $sizes) == .card.tx_frames")" true
check "queues add up to the card" equal \
    "$(field xstats '.card.tx_frames == ([.queues[].tx_frames] | add)')" true
check "ring shows indices inside the ring" equal \
    "$(field ring '.queues[0] | .to_host.write_index < .to_host.size and
       .from_host.read_index < .from_host.size and .sections > 0')" true
check "as text, too" eval 'ask stats | grep -qE "^ +rx_frames +[1-9]"'
check "only its user may ask" equal "$(stat -c %a "$sock")" 600

# Eight that connect and say nothing do not keep others out; garbage is answered.
sockets() { find "/proc/$pid/fd" -lname 'socket:*' | wc -l; }
sockets_before=$(sockets)
for n in {1..8}; do
    start "mute$n" ncat --recv-only -U "$sock"
done
# There is room for four: then four others have been shown out.
four_of_eight() {
    local n left=0
    for n in {1..8}; do
        alive "mute$n" && left=$((left + 1))
    done
    equal "$left $(sockets)" "4 $((sockets_before + 4))"
}
check "eight clients say nothing, four of them stay" wait_for 20 four_of_eight
check "mute clients do not keep others out" equal "$(field stats .state)" up
check "garbage is no request" eval 'echo garbage | ncat -w 3 -U "$sock" | grep -q "not a request"'
check "an unknown command is none" eval \
    'echo "{\"command\": \"nonsense\"}" | ncat -w 3 -U "$sock" | grep -q "no such command"'
for n in {1..8}; do
    kill "${pids[mute$n]}" 2>/dev/null
    wait "${pids[mute$n]}" 2>/dev/null
    unset "pids[mute$n]"
done
check "and it still answers" equal "$(field stats .state)" up
app_down http
check "the socket has gone" eval '[ ! -e "$sock" ]'

# Without --control: found by process id; a socket left by a killed program is swept up.
app4 echo netvsc-echo
pid=${pids[echo]}
check "by process id" eval '"$bin/netvscctl" stats "$pid" | grep -q netvsc-echo'
if [ "$face" = shm ]; then # whose host blames who dies
    app_down echo
    e2e_end
    exit 0
fi
kill -KILL "$pid"
wait "$pid" 2>/dev/null
unset 'pids[echo]'
check "who is not there does not answer" eval '! "$bin/netvscctl" stats "$pid" 2>"$work/err"'
check "with a reason" grep -q "its program has gone" "$work/err"
app4 echo netvsc-echo --control none
check "none means none" eval '! "$bin/netvscctl" stats "${pids[echo]}" 2>/dev/null'
app_down echo
app4 echo netvsc-echo
check "the dead one's socket is swept up" eval '[ ! -e "/run/netvsc/$pid.sock" ]'
app_down echo
e2e_end
