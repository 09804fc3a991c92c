#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The README's first command does what the README says, twice, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
export TMPDIR=$work
# Files, and namespaces whose demo has ended; others may be running one of their own.
leftovers() {
    local name
    ls -d "$work"/nvt-demo* 2>/dev/null
    for name in $(ip netns list | grep -o '^nvt-demo-[0-9]*'); do
        kill -0 "${name##*-}" 2>/dev/null || echo "$name"
    done
}
for round in 1 2; do
    check "round $round" eval '"$root"/apps/demo --bin "$bin" >"$work/demo.log" 2>&1'
    for said in "Hello from lwIP" "doorbells" "frames" "--stay" "--pcap"; do
        check "it says: $said" grep -q -- "$said" "$work/demo.log"
    done
    for counted in "frames to lwIP" "frames from lwIP"; do
        check "it counted $counted" grep -qE "^$counted +[1-9]" "$work/demo.log"
    done
    # None may be needed: this host looks by itself as long as its guest's loop turns.
    check "both count the same doorbells" \
        grep -qE '^doorbells rung by the driver +([0-9]+) +\1$' "$work/demo.log"
    check "round $round leaves nothing behind" equal "$(leftovers)" ""
done
# --stay puts the TAP where it is started: here, in a network of its own.
start stay unshare --net bash "$root/apps/demo" --stay --bin "$bin"
ready stay 'Ctrl-C stops'
page() { nsenter --net="/proc/${pids[stay]}/ns/net" curl -sS --max-time 5 "http://$addr/"; }
check "--stay: the page is there" eval 'page | grep -q "Hello from lwIP"'
stop stay TERM
check "--stay ends with status 0 when told to" equal "$status" 0
check "--stay: with its books" grep -q "books: balance" "$work/stay.log"
start refused bash "$root/apps/demo" --stay --bin "$bin"
stop refused 0
check "--stay keeps off a network in use" grep -q "10.78.0.0/24 is in use" "$work/refused.log"
check "nor does --stay leave anything" equal "$(leftovers)" ""
check "it explains itself" "$root/apps/demo" --help
check "it refuses what it does not know" eval '! "$root"/apps/demo --nonsense'
echo "passed: $topic"
