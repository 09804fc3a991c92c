#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A program killed in the middle of a transfer holds nothing: the next one takes the card over.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir "$work/site"
head -c 200000000 /dev/zero >"$work/site/big"
echo small >"$work/site/small"
card_up
got_some() { [ -s "$work/body" ]; }
small() { equal "$(inside curl -sS --max-time 10 "http://$addr/small")" small; }
for round in 1 2 3; do
    rm -f "$work/body"
    app4 http netvsc-http --root "$work/site"
    start client curl -sS --max-time 30 --limit-rate 20M -o "$work/body" "http://$addr/big"
    check "round $round: a transfer is under way" wait_for 10 got_some
    stop http KILL
    check "round $round: killed" equal "$status" 137
    stop client TERM
done
app4 http netvsc-http --root "$work/site"
check "the next program serves" wait_for 10 small
stop http
check "it ends with status 0" equal "$status" 0
check "its books balance" grep -q "books: balance" "$work/http.log"
if [ "$face" = shm ]; then
    stop hvhost
    check "the host outlived four programs" equal "$status" 0
    check "its books balance" equal "$(host_says .balanced)" true
    check "it saw four come" equal "$(host_says '.nics[0].stats.opens')" 4
    check "and go" equal "$(host_says '.nics[0].stats.closes')" 4
fi
echo "passed: $topic ($face)"
