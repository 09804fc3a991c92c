#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The README's first command does what the README says, twice, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
things() {
    ip netns list | grep '^nvt-demo'
    ip -o link show type tun | grep nvtdemo
    ls -d /tmp/nvt-demo*
}
for round in 1 2; do
    check "round $round" eval '"$root"/apps/demo --bin "$bin" >"$work/demo.log" 2>&1'
    for said in "Hello from lwIP" "doorbells" "frames" "--stay" "--pcap"; do
        check "it says: $said" grep -q -- "$said" "$work/demo.log"
    done
    check "round $round leaves nothing behind" equal "$(things 2>/dev/null)" ""
done
check "it explains itself" "$root/apps/demo" --help
check "it refuses what it does not know" eval '! "$root"/apps/demo --nonsense'
echo "passed: $topic"
