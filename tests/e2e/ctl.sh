#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# netvscctl against real rtnetlink and real time: addresses, routes, MTU and MAC of an interface go
# and come back; a bind nobody confirms is undone, also when its shell is gone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ctl_kernel.sh"
e2e_begin "$1"
machine=$work/machine

interface_up() {
    inside ip tuntap add dev "$tap" mode tap
    inside ip link set "$tap" address "$card_mac"
}
interface_down() { inside ip link delete "$tap"; }
interface_down
make_machine
kernel_loop >"$work/kernel.log" 2>&1 &
pids[kernel]=$!

ctl() { inside "$bin/netvscctl" "$@" --root "$machine"; }
refused() { ! ctl "$@" 2>"$work/refused"; }
driver_is() { equal "$(driver_of "$card_a")" "$1"; }

# All there is to lose, without lifetimes, which pass.
configuration() {
    local family
    inside ip -j addr show dev "$tap" | jq -Sc '.[] |
        [.mtu, .address, (.flags | index("UP") != null),
         ([.addr_info[] | select(.local | startswith("fe80") | not) |
           [.family, .local, .prefixlen, .broadcast, .scope, .noprefixroute,
            .valid_life_time > 4000000000]] | sort)]'
    for family in -4 -6; do
        inside ip "$family" route show table all dev "$tap"
    done | grep -vE '^(local|broadcast|multicast|anycast|fe80|ff00)' |
        sed 's/ linkdown//; s/  */ /g' | sort
}

in_ns() { inside ip "$@" || fail "cannot: ip $*"; }
in_ns link set "$tap" mtu 1400 up
in_ns addr add 10.78.0.2/24 broadcast 10.78.0.255 dev "$tap"
in_ns addr add 192.0.2.9/32 dev "$tap" valid_lft 1000 preferred_lft 900 noprefixroute
in_ns addr add fd78::2/64 dev "$tap" nodad
in_ns route add 10.99.0.0/16 via 10.78.0.9 dev "$tap" metric 77 proto 16 src 10.78.0.2
in_ns route add default via 10.78.0.9 dev "$tap" table 100
in_ns route add 203.0.113.1/32 dev "$tap"
in_ns route add 198.51.100.0/24 via 203.0.113.1 dev "$tap" onlink
in_ns -6 route add fd99::/64 via fd78::9 dev "$tap" metric 5
configuration >"$work/before"

back() { configuration >"$work/after" && diff "$work/before" "$work/after"; }

check "doctor says what to do" refused doctor
grep -q "netvscctl bind $card_a" <(ctl doctor) || fail "no remedy: $(ctl doctor)"

in_ns route add default via 10.78.0.9 dev "$tap" metric 9
check "the default route stays" refused bind "$tap"
check "and why is said" grep -q "it carries the default route" "$work/refused"
in_ns route delete default via 10.78.0.9 dev "$tap" metric 9
export SSH_CONNECTION="198.51.100.7 40000 10.78.0.2 22"
check "the SSH session stays" refused bind "$tap"
check "and that is said" grep -q "SSH session comes in at its address 10.78.0.2" "$work/refused"
unset SSH_CONNECTION
check "dry run" ctl bind "$tap" --dry-run
check "changes nothing" back
check "no card is no success" refused bind eth77
inside "$bin/netvscctl" bind 0000:00:02.0 --root "$machine" 2>/dev/null
check "a PCI address is wrong usage" equal $? 2

check "bind" ctl bind "$tap"
check "the card changed hands" driver_is uio_hv_generic
check "the interface has gone" eval "! inside ip link show $tap"
check "the other card is the kernel's" equal "$(driver_of "$card_b")" hv_netvsc
check "the state file is JSON" equal "$(jq -r .mac "$machine/run/netvsc/$card_a.json")" "$card_mac"
check "programs get the address" equal "$(ctl options "$card_a")" \
    "--nic $card_a --ip 10.78.0.2/24 --gateway 10.78.0.9 --ipv6=fd78::2 --mtu 1400"
check "doctor as JSON" equal ok \
    "$(ctl doctor "$card_a" --json | jq -r '.[] | select(.check == "maps") | .verdict')"

check "unbind" ctl unbind "{${card_a^^}}"
check "the kernel has its card" driver_is hv_netvsc
check "and all its addresses and routes" back
check "nothing is remembered" eval "! ls $machine/run/netvsc/*.json $machine/etc/driverctl.d/*"

check "bind for two seconds" ctl bind "$card_mac" --rollback 2
check "it is bound" driver_is uio_hv_generic
check "not for good yet" eval "[ ! -e $machine/etc/driverctl.d/vmbus-$card_a ]"
check "it cannot be bound for good unconfirmed" refused bind "$card_a"
check "nobody confirms: the card goes back" wait_for 15 driver_is hv_netvsc
check "with addresses and routes" wait_for 5 back
watcher_gone() {
    [ ! -e "$machine/run/netvsc/$card_a.rolling" ] && [ ! -e "$machine/run/netvsc/$card_a.json" ]
}
check "and leaves nothing" wait_for 5 watcher_gone
check "too late to confirm" refused confirm "$tap"

# A shell with a session of its own, which dies with all its processes right after the bind.
start shell setsid "$bin/netvscctl" bind "$tap" --rollback 2 --root "$machine"
wait "${pids[shell]}"
check "bind from a shell" equal $? 0
kill -KILL -- "-${pids[shell]}" 2>/dev/null
unset "pids[shell]"
check "the shell is gone: the card goes back" wait_for 15 driver_is hv_netvsc
check "with all it had" wait_for 5 back

# The terminal goes away while the kernel is at it.
kill -STOP "${pids[kernel]}"
start cut "$bin/netvscctl" bind "$tap" --root "$machine"
check "half way" wait_for 5 test -s "$(drivers)/hv_netvsc/unbind"
kill -HUP "${pids[cut]}"
kill -TERM "${pids[cut]}"
kill -CONT "${pids[kernel]}"
wait "${pids[cut]}"
check "a hang-up in the middle does not stop it there" equal $? 0
unset "pids[cut]"
check "the card changed hands all the same" driver_is uio_hv_generic
check "and back" ctl unbind "$card_a"
check "with what it had before" back

check "bind and confirm" ctl bind "$tap" --rollback 60
watcher=$(cat "$machine/run/netvsc/$card_a.rollback")
check "somebody watches" kill -0 "$watcher"
check "confirm" ctl confirm "$card_a"
check "now for good" equal "$(cat "$machine/etc/driverctl.d/vmbus-$card_a")" uio_hv_generic
check "the watcher ends" wait_for 5 eval "! kill -0 $watcher"
check "the card stays" driver_is uio_hv_generic
check "unbind at last" ctl unbind "$card_a"
check "all as before" back
e2e_end
