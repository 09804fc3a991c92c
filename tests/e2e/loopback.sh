#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# lwIP to lwIP through two cards and a switch, in one process, as nobody in particular.
. "$(dirname "$0")/lib.sh"
# No namespace, no TAP: that is the point. Only a folder nobody may read the program from.
bin=$(cd "${1:?usage: loopback.sh BIN}" && pwd) || exit 2
topic=loopback
work=$(mktemp -d "/tmp/nvt-${NVT_RUN:-$$}-XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$bin/netvsc-loopback" "$work/"
as_nobody=()
[ "$(id -u)" != 0 ] || as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs)
loop() { (cd / && "${as_nobody[@]}" "$work/netvsc-loopback" "$@"); }
check "ten megabytes" loop --bytes 10000000
check "one byte" loop --bytes 1
echo "passed: $topic"
