#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A made-up machine in $machine: /sys with two cards in it, and a kernel that answers what is
# written to bind, unbind, driver_override and drivers_probe. The first card's interface is $tap, a
# real one in the namespace $ns, which the kernel takes away and makes anew.

card_a=635a7ae3-091e-4410-ad59-667c4f8c04c3
card_b=7ad35d50-c05b-47ab-b3a0-56a9a845852b
card_mac=00:15:5d:00:00:0a
nic_class=f8615163-df3e-46c5-913f-f2d2f965ed0e

# As on a real machine, the bus has links only and the devices are elsewhere.
device() { echo "$machine/sys/devices/VMBUS/$1"; }
drivers() { echo "$machine/sys/bus/vmbus/drivers"; }

make_card() {
    local dir
    dir=$(device "$1")
    mkdir -p "$dir/channels/5"
    ln -s "../../../devices/VMBUS/$1" "$machine/sys/bus/vmbus/devices/$1"
    echo "{$nic_class}" >"$dir/class_id"
    echo "{$1}" >"$dir/device_id"
    echo 5 >"$dir/id"
    echo 0 >"$dir/channels/5/subchannel_id"
    echo "(null)" >"$dir/driver_override"
    touch "$dir/uevent"
}

make_machine() {
    local driver
    mkdir -p "$machine"/sys/bus/vmbus/{devices,dev} "$machine"/etc "$machine"/run
    ln -s /proc "$machine/proc"
    touch "$machine/sys/bus/vmbus/drivers_probe"
    for driver in hv_netvsc uio_hv_generic; do
        mkdir -p "$(drivers)/$driver" "$machine/sys/module/$driver"
        touch "$(drivers)/$driver"/{bind,unbind}
    done
    # Another card, so that the first is not the last.
    mkdir -p "$machine/sys/class/net/eth9/device"
    echo 00:15:5d:00:00:0b >"$machine/sys/class/net/eth9/address"
    make_card "$card_a"
    make_card "$card_b"
    attach "$card_a" hv_netvsc
    attach "$card_b" hv_netvsc
}

driver_of() { basename "$(readlink "$(device "$1")/driver" || true)"; }

# attach CARD DRIVER
attach() {
    local dir k=0 name
    dir=$(device "$1")
    ln -s "../../../bus/vmbus/drivers/$2" "$dir/driver"
    if [ "$2" = uio_hv_generic ]; then
        for name in txrx_rings int_page monitor_page recv:925200 send:925201; do
            mkdir -p "$dir/uio/uio0/maps/map$k"
            echo "$name" >"$dir/uio/uio0/maps/map$k/name"
            k=$((k + 1))
        done
    elif [ "$1" = "$card_a" ]; then
        interface_up
        mkdir -p "$dir/net/$tap" "$machine/sys/class/net/$tap/device"
        echo "$card_mac" | tee "$dir/net/$tap/address" >"$machine/sys/class/net/$tap/address"
    fi
}

# What hv_netvsc does beyond sysfs; the tests without a network leave it empty.
interface_up() { :; }
interface_down() { :; }

detach() {
    local dir
    dir=$(device "$1")
    if [ "$1" = "$card_a" ] && [ "$(driver_of "$1")" = hv_netvsc ]; then
        interface_down
        rm -rf "$machine/sys/class/net/$tap"
    fi
    rm -rf "$dir/driver" "$dir/net" "$dir/uio"
}

# fits CARD DRIVER: as vmbus_match().
fits() {
    local override
    override=$(cat "$(device "$1")/driver_override")
    case $override in
    "" | "(null)") [ "$2" = hv_netvsc ] ;;
    *) [ "$2" = "$override" ] ;;
    esac
}

# take FILE: what was written to it, once.
take() {
    local text
    text=$(cat "$1")
    [ -n "$text" ] || return 1
    : >"$1"
    printf '%s' "$text"
}

react_unbind() {
    local driver card
    for driver in hv_netvsc uio_hv_generic; do
        card=$(take "$(drivers)/$driver/unbind") || continue
        [ "$(driver_of "$card")" = "$driver" ] && detach "$card"
    done
}

react_bind() {
    local driver card
    for driver in hv_netvsc uio_hv_generic; do
        [ -s "$(drivers)/$driver/bind" ] || continue
        react_unbind # written before, even if seen later
        card=$(take "$(drivers)/$driver/bind")
        [ -e "$(device "$card")/driver" ] || ! fits "$card" "$driver" || attach "$card" "$driver"
    done
    card=$(take "$machine/sys/bus/vmbus/drivers_probe") || return 0
    for driver in hv_netvsc uio_hv_generic; do
        [ -e "$(device "$card")/driver" ] || ! fits "$card" "$driver" || attach "$card" "$driver"
    done
}

kernel_react() {
    local card file
    react_unbind
    react_bind
    for card in "$card_a" "$card_b"; do
        file=$(device "$card")/driver_override
        if [ -s "$file" ] && [ -z "$(cat "$file")" ]; then
            echo "(null)" >"$file"
        fi
    done
}

kernel_loop() {
    while :; do
        kernel_react
        sleep 0.02
    done
}
