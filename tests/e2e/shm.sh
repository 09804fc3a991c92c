#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One program file, two hosts: what differs is an argument. The same page, the same bytes.
. "$(dirname "$0")/lib.sh"
e2e_begin "$1"
mkdir "$work/site"
head -c 5000000 /dev/urandom >"$work/site/file"
for face in inside shm; do
    card_up
    app4 http netvsc-http --root "$work/site"
    check "$face: fetched" inside curl -sS --max-time 20 -o "$work/body" "http://$addr/file"
    check "$face: byte for byte" same_bytes "$work/body" "$work/site/file"
    app_down http
done
e2e_end
