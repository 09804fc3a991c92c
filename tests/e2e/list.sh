#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvscctl list says what is on a bus.
. "$(dirname "$0")/lib.sh"
e2e_begin "$1" shm
card_up --nic ""
list() { "$bin/netvscctl" list --bus "$bus" "$@"; }
check "list works" list
check "it shows the driver of both cards" equal "$(list | grep -c uio_hv_generic)" 2
check "as JSON" equal "$(list --json | jq -r '.[].driver' | uniq -c | xargs)" "2 uio_hv_generic"
check "each with its GUID" equal "$(list | awk 'NR > 1 { print $1 }')" "$(ls "$bus/devices")"
mkdir -p "$work/none/devices"
check "an empty bus is a list of none" equal \
    "$("$bin/netvscctl" list --json --bus "$work/none" | jq -c .)" "[]"
check "and as text its heading" equal "$("$bin/netvscctl" list --bus "$work/none" | wc -l)" 1
check "no bus is an error" eval '! "$bin/netvscctl" list --bus "$work/nowhere"'
e2e_end
