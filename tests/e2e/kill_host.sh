#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The host dies while a page is being fetched and comes back: the same TCP connection goes on.
. "$(dirname "$0")/lib.sh"
e2e_begin "$1" shm
mkdir "$work/site"
head -c 60000000 /dev/urandom >"$work/site/big"
card_up
app4 http netvsc-http --root "$work/site"

half_way() { [ "$(stat -c %s "$work/body" 2>/dev/null || echo 0)" -gt "$1" ]; }
start client curl -sS --max-time 60 --limit-rate 15M -o "$work/body" "http://$addr/big"
check "a transfer is under way" wait_for 20 half_way 5000000
stop hvhost KILL
check "the host is killed" equal "$status" 137
check "the program lives on without a host" alive http
card_up
check "the transfer goes on with the new host" wait_for 30 half_way 30000000

stop hvhost KILL
card_up
check "and once more, to the end" wait_for 60 gone client
wait "${pids[client]}"
check "on one connection, without an error" equal "$?" 0
unset 'pids[client]'
check "byte for byte" same_bytes "$work/body" "$work/site/big"
app_down http
check "the program noticed twice" equal "$(counter http card device_gone)" 2
e2e_end
