#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvsc-iperf against iperf 2: each is the server once and the client once.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
card_up
listening() { inside ss -Hltn "sport = :$1" | grep -q .; }
# The server has closed all too: nobody is left who waits for its FIN.
all_over() {
    ! inside ss -Htn state established state fin-wait-1 state fin-wait-2 "dport = :5001" | grep -q .
}

# The kernel's iperf sends; both must have counted the same.
app4 server netvsc-iperf
inside timeout 60 iperf --client "$addr" --num 100M --parallel 2 --format k >"$work/client.log" ||
    fail "iperf's client failed"

# Many that connect and go, which anybody can: the log names some, and counts the others.
many() {
    local n
    for n in {1..300}; do
        : <>"/dev/tcp/$addr/5001" || return 1
    done
}
check "300 connections" inside bash -c "addr=$addr; $(declare -f many); many"
check "the server has seen their ends" wait_for 10 all_over
app_down server
lines=$(grep -c ' port .*: 0 bytes' "$work/server.log")
more=$(sed -n 's/.*and \([0-9]*\) more connections: 0 bytes.*/\1/p' "$work/server.log" | paste -sd+)
check "all of them are told ($lines lines, $more more)" equal "$((lines + more))" 300
check "some of them together" [ "$((more))" -gt 0 ]
check "two connections were told" equal \
    "$(grep -c ' port .*: [1-9][0-9]* bytes.*Gbit/s$' "$work/server.log")" 2
took=$(sed -n 's/.* port .*: \([0-9]*\) bytes in .*/\1/p' "$work/server.log" | paste -sd+)
check "every byte of 200 MB was taken" equal "$((took))" 209715200

# Ours sends. iperf counts what came: all that ours says was acknowledged, and what was under way.
start iperf iperf --server --format k --interval 0
wait_for 10 listening 5001 || fail "iperf does not listen"
inside timeout 60 "$bin/netvsc-iperf" "${card[@]}" --stats --ip "$addr/24" --client "$peer" \
    --time 1 --parallel 3 >"$work/sender.log" 2>&1
check "our client ends with status 0" equal "$?" 0
check "its books balance" grep -q "books: balance" "$work/sender.log"
check "it broke no rule of the host" strict_clean sender
check "the host cuts what it sends" [ "$(counter sender 'interface' tx_large_pieces)" -gt \
    "$((10 * $(counter sender 'card (netvsc)' tx_frames)))" ]
check "three connections were told" equal "$(grep -c ' port .*Gbit/s$' "$work/sender.log")" 3
sent=$(sed -n 's/.*all 3 connections: \([0-9]*\) bytes.*/\1/p' "$work/sender.log")
check "a second of sending is more than 1 MB ($sent)" [ "$sent" -gt 1000000 ]
came() { grep '^\[SUM\]' "$work/iperf.log" | grep -oE '[0-9]+ KBytes' | cut -d' ' -f1; }
wait_for 10 came || fail "iperf did not report"
check "iperf got it ($(came) KBytes)" [ "$(($(came) + 1))" -ge $((sent / 1024)) ]
stop iperf KILL # iperf waits for connections it thinks are open

inside timeout 60 "$bin/netvsc-iperf" "${card[@]}" --stats --ip "$addr/24" --client "$peer" \
    >"$work/refused.log" 2>&1
check "a server that is not there: status 1" equal "$?" 1
check "whom it asked" grep -q "$peer port 5001: 0 bytes in .* refused" "$work/refused.log"
check "and what to do" grep -q 'refused.*iperf -s' "$work/refused.log"
e2e_end
