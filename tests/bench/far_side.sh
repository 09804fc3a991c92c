# SPDX-License-Identifier: BSD-3-Clause
# The kernel's own servers, which ours are measured beside: in a namespace of their own, behind a
# veth pair. Sourced by parts of the suite, after lib.sh and e2e_begin.
far=10.79.0.1
ns_far=$ns-k

in_far() { nsenter --net="/run/netns/$ns_far" "$@"; }

far_side_up() {
    ip netns add "$ns_far"
    inside ip link add near0 type veth peer name far0 netns "$ns_far"
    inside ip addr add 10.79.0.2/24 dev near0
    inside ip link set near0 up
    in_far ip addr add "$far/24" dev far0
    in_far ip link set far0 up
    in_far ip link set lo up
}

far_side_down() { ip netns delete "$ns_far" 2>/dev/null; }

# far_side_start NAME COMMAND...: a server on processor 1, until it listens on port 80.
far_side_start() {
    local name=$1
    shift
    : >"$work/$name.log"
    # Not through in_far: the process to signal later must be the program, not a shell around it.
    nsenter --net="/run/netns/$ns_far" taskset -c 1 "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
    wait_for 10 in_far bash -c 'ss -Hltn "sport = :80" | grep -q .' || fail "$1 does not listen"
}
