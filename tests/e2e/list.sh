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

# A made-up bus: a card of the kernel's, one of nobody's, one for user space, another driver's;
# and a disk.
nic=f8615163-df3e-46c5-913f-f2d2f965ed0e
device() { # GUID CLASS [DRIVER]
    mkdir -p "$work/four/devices/$1" "$work/four/drivers/${3:-none}"
    echo "{$2}" >"$work/four/devices/$1/class_id"
    [ $# -lt 3 ] || ln -s "../../drivers/$3" "$work/four/devices/$1/driver"
}
guid() { echo "0000000$1-091e-4410-ad59-667c4f8c04c3"; }
device "$(guid 1)" $nic hv_netvsc
mkdir -p "$work/four/devices/$(guid 1)/net/eth7"
echo 00:15:5d:00:00:0a >"$work/four/devices/$(guid 1)/net/eth7/address"
device "$(guid 2)" $nic
device "$(guid 3)" $nic uio_hv_generic
mkdir -p "$work/four/devices/$(guid 3)"/{uio/uio5,channels/14,channels/15}
device "$(guid 4)" $nic vfio
device "$(guid 5)" 32412632-86cb-44a2-9b5c-50d1417354f5 hv_storvsc
check "every card of a bus, and nothing else, with driver, interface, MAC, queues, state" \
    equal "$("$bin/netvscctl" list --bus "$work/four" | awk 'NR > 1 { $1 = $1; print }')" \
    "$(guid 1) hv_netvsc eth7 00:15:5d:00:00:0a 0 kernel
$(guid 2) - - - 0 unbound
$(guid 3) uio_hv_generic - - 2 ready
$(guid 4) vfio - - 0 other"
check "as JSON the same" \
    equal "$("$bin/netvscctl" list --json --bus "$work/four" |
        jq -r '.[] | "\(.guid) \(.driver) \(.interface) \(.mac) \(.queues) \(.uio) \(.state)"')" \
    "$(guid 1) hv_netvsc eth7 00:15:5d:00:00:0a 0 null kernel
$(guid 2) null null null 0 null unbound
$(guid 3) uio_hv_generic null null 2 5 ready
$(guid 4) vfio null null 0 null other"
check "no bus is an error" eval '! "$bin/netvscctl" list --bus "$work/nowhere"'
e2e_end
