# SPDX-License-Identifier: BSD-3-Clause
# For programs between two cards: a second kernel side, on a network of its own.
#
#   near: "inside"                                        far: "outside"
#   kernel 10.78.0.2/24 -- TAP nvt0 -- card -- program -- card -- TAP nvt1 -- kernel
#
# A test is: . lib.sh; . pair.sh; e2e_begin "$@"; pair_up; pair NAME PROGRAM OPTION...; checks;
# pair_down NAME; e2e_end.

tap2=nvt1

# outside COMMAND...: on the far kernel side.
outside() { nsenter --net="/run/netns/$ns-far" "$@"; }

# start_outside NAME COMMAND...: as start, over there.
start_outside() {
    local name=$1
    shift
    : >"$work/$name.log"
    nsenter --net="/run/netns/$ns-far" "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
}

# As in lib.sh, for both uplinks.
kernel_counts() {
    {
        inside ip -s -j link show "$tap"
        outside ip -s -j link show "$tap2" 2>/dev/null || inside ip -s -j link show "$tap2"
    } | jq -s 'add | map(.stats64) | (map(.rx.packets) | add), (map(.tx.packets) | add)' | xargs
}

# pair_up [MTU]: the emulated host, where it is a process; in ${card[@]} what names both cards. MTU
# is the far one's.
pair_up() {
    ip netns add "$ns-far" || skip "no second network namespace"
    trap 'ip netns delete "$ns-far" 2>/dev/null; e2e_cleanup' EXIT
    outside ip link set lo up
    inside ip tuntap add dev "$tap2" mode tap || fail "cannot make a TAP device"
    kernel_before=$(kernel_counts)
    if [ "$face" = shm ]; then
        start hvhost "$bin/hvhost" --dir "$bus" --nic network=0 --tap "$tap" --json \
            --nic "network=1${1:+,mtu=$1}" --tap "$tap2,network=1"
        ready hvhost ready
        local nics=($(cd "$bus/devices" && ls -d *-*-*-*-*))
        card=(--bus "$bus" --nic "${nics[0]}" --nic "${nics[1]}")
    else
        card=(--emulate "tap=$tap" --emulate "tap=$tap2${1:+,mtu=$1}")
    fi
}

# pair NAME PROGRAM [OPTION...]: start it, wait until both cards are up, give the far TAP away.
pair() {
    local name=$1 program=$2
    shift 2
    start "$name" "$bin/$program" "${card[@]}" --stats "$@"
    ready "$name" ': ready'
    if inside ip link show "$tap2" >/dev/null 2>&1; then
        inside ip link set "$tap2" netns "/run/netns/$ns-far" || fail "cannot move the TAP device"
    fi
}
