#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Frames of any content come up the uplink as fast as the kernel makes them: noise, packets that lie
# about themselves, tags in tags, sums and segments left to be finished where there are none. The
# server goes on serving, with nothing leaked, and everybody's books balance.
#
#   storm.sh BIN [inside|shm [SEED [SECONDS]]]
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
seed=${3:-$RANDOM} seconds=${4:-2}

mkdir "$work/site"
head -c 3000000 /dev/urandom >"$work/site/file"
fetch() { inside curl -sS --max-time 20 -o "$work/got" "http://$addr/file"; }

card_up
app4 http netvsc-http --root "$work/site"
storm() { inside "$bin/frame_storm" "$tap" "$mac" "$addr" "$seconds" "$seed"; }
check "$seconds s of frames of any content (seed $seed)" storm
cat "$work/check.out"
check "the server goes on" alive http
# The storm had ARP in it: who is where is asked anew.
inside ip neigh flush dev "$tap"
check "it answers" wait_for 10 answers
check "a file comes" fetch
check "as it is" same_bytes "$work/site/file" "$work/got"
app_down http
e2e_end
