# SPDX-License-Identifier: BSD-3-Clause
# What end-to-end tests share. A test is: . lib.sh; e2e_begin "$@"; programs and checks; e2e_end.
#
#   tests/e2e/TOPIC.sh BIN [inside|shm]
#
# BIN holds the programs. "inside": the emulated host is inside the program (--emulate); "shm": it
# is a process of its own (hvhost) and the program has no uplink but shared memory. Each test has a
# network namespace of its own with a TAP device in it, so tests can run side by side:
#
#   kernel 10.78.0.2/24, fd78::2/64  --- TAP nvt0 --- switch --- card --- lwIP 10.78.0.1
#
# Nothing sleeps for an event: wait_for looks again and again, up to a bound. Whatever a test starts
# or makes is taken away on exit, also after a failed check and a signal. E2E_KEEP=1 keeps files.

set -u -o pipefail

peer=10.78.0.2   # the kernel
addr=10.78.0.1   # ours
peer6=fd78::2
mac=00:15:5d:00:00:01 # the emulated host's default for its first card
ll6=fe80::215:5dff:fe00:1 # and the address lwIP makes of it
slaac6=fd78::215:5dff:fe00:1
tap=nvt0

# e2e_begin "$@": arguments of the script. Skips (77) where the kernel side cannot be made.
e2e_begin() {
    topic=$(basename "$0" .sh)
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    [ $# -ge 1 ] || { echo "usage: $0 BIN [inside|shm]" >&2; exit 2; }
    bin=$(cd "$1" && pwd) || exit 2
    face=${2:-inside}
    [ "$(id -u)" = 0 ] || skip "needs root for a network namespace and a TAP device"
    [ -e /dev/net/tun ] || skip "no /dev/net/tun here"
    ns=nvt-${NVT_RUN:-$$}-$$
    declare -gA pids=()
    # /dev/shm, because a bus is shared memory; short, because socket paths are.
    work=/dev/shm/$ns
    bus=$work/bus
    trap e2e_cleanup EXIT
    exec {console}>&1 # check's commands have their output in a file
    trap 'fail "stopped by a signal after $SECONDS s" >&$console' INT TERM HUP
    mkdir "$work" && chmod 755 "$work"
    ip netns add "$ns" 2>"$work/netns.err" || skip "no network namespaces: $(cat "$work/netns.err")"
    kernel_side_up
}

kernel_side_up() {
    inside ip link set lo up
    inside ip tuntap add dev "$tap" mode tap || fail "cannot make a TAP device"
    inside ip addr add "$peer/24" dev "$tap"
    inside ip addr add "$peer6/64" dev "$tap" nodad
    inside ip link set "$tap" up
}

e2e_cleanup() {
    local status=$? name
    trap - EXIT
    kill -TERM "${pids[@]}" 2>/dev/null # scripts among them have something to take away, too
    for name in "${!pids[@]}"; do
        wait_for 3 gone "$name" || kill -KILL "${pids[$name]}" 2>/dev/null
        wait "${pids[$name]}" 2>/dev/null
    done
    ip netns delete "$ns" 2>/dev/null
    if [ -n "${E2E_KEEP:-}" ]; then
        echo "kept: $work"
    else
        rm -rf "$work"
    fi
    exit "$status"
}

skip() {
    echo "skipped: $*"
    exit 77
}

# fail SENTENCE: what was observed, the ends of all logs, and out.
fail() {
    local log
    for log in "$work"/*.log; do
        [ -s "$log" ] && { echo "--- ${log##*/}"; tail -n 15 "$log"; }
    done
    echo "FAILED: $topic: $*"
    exit 1
}

# check SENTENCE COMMAND...: it holds when the command succeeds.
check() {
    local what=$1
    shift
    "$@" >"$work/check.out" 2>&1 || fail "$what ($*: $(tail -n 3 "$work/check.out" | tr '\n' ' '))"
    echo "ok: $what"
}

equal() { [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; return 1; }; }

same_bytes() {
    equal "$(sha256sum <"$1")" "$(sha256sum <"$2")"
}

# inside COMMAND...: on the kernel side.
inside() { nsenter --net="/run/netns/$ns" "$@"; }

# wait_for SECONDS COMMAND...: until the command succeeds. Looks every 20 ms.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.02
    done
}

# at_once COUNT COMMAND...: so often at the same time, each with its number as last argument. All
# must succeed.
at_once() {
    local n jobs=() failed=0
    for ((n = 1; n <= $1; n++)); do
        "${@:2}" "$n" &
        jobs+=($!)
    done
    for n in "${jobs[@]}"; do
        wait "$n" || failed=1
    done
    return $failed
}

# ---- programs -----------------------------------------------------------------------------------

alive() { kill -0 "${pids[$1]}" 2>/dev/null; }

# start NAME COMMAND...: in the background on the kernel side's network, log in NAME.log.
start() {
    local name=$1
    shift
    : >"$work/$name.log" # now, so that nobody takes the line of a run before for this one's
    # Not through inside: the process to signal later must be the program, not a shell around it.
    nsenter --net="/run/netns/$ns" "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
}

# ready NAME REGEX: until the log says so; fails at once when the program ends instead.
says_or_dead() { grep -qE "$2" "$work/$1.log" || ! alive "$1"; }
ready() {
    wait_for 20 says_or_dead "$1" "$2"
    grep -qE "$2" "$work/$1.log" || fail "$1 did not say \"$2\""
}

# stop NAME [SIGNAL]: ends it and leaves its exit status in $status.
gone() { ! alive "$1"; }
stop() {
    local name=$1 pid=${pids[$1]}
    kill -"${2:-INT}" "$pid" 2>/dev/null
    wait_for 20 gone "$name" || fail "$name does not end on SIG${2:-INT}"
    wait "$pid" 2>/dev/null
    status=$?
    unset "pids[$name]"
}

# ---- the card -----------------------------------------------------------------------------------

# Frames the kernel took from the uplink and gave to it so far. It counts without knowing of us.
kernel_counts() {
    inside ip -s -j link show "$tap" | jq -r ".[].stats64 | .rx.packets, .tx.packets" | xargs
}

# uplink_counts TX RX: the host's count of frames, since kernel_before, is the kernel's.
uplink_counts() {
    local before=($kernel_before) now=($(kernel_counts))
    equal "$1 $2" "$((now[0] - before[0])) $((now[1] - before[1]))"
}

# card_up [HVHOST-OPTION...]: the emulated host, where it is a process of its own; and in ${card[@]}
# what a program needs to know to use the card.
card_up() {
    kernel_before=$(kernel_counts)
    if [ "$face" = shm ]; then
        start hvhost "$bin/hvhost" --dir "$bus" --nic "" --tap "$tap" --json "$@"
        ready hvhost ready
        card=(--bus "$bus")
    else
        card=(--emulate "tap=$tap")
    fi
}

# app NAME PROGRAM [OPTION...]: start a program on the card and wait until the card is up.
app() {
    local name=$1 program=$2
    shift 2
    [ "$face" = shm ] || kernel_before=$(kernel_counts)
    start "$name" "$bin/$program" "${card[@]}" --stats "$@"
    ready "$name" 'NVSP [0-9]'
}

# app4 NAME PROGRAM [OPTION...]: the same with our address, and wait until it answers.
answers() { inside ping -c 1 -W 1 "$addr"; }
app4() {
    app "$1" "$2" --ip "$addr/24" "${@:3}"
    wait_for 10 answers || fail "$1 does not answer on $addr"
}

# counter NAME SECTION COUNTER: from the tables a program prints with --stats when it ends. Counters
# that are zero are not printed.
counter() {
    awk -v section="$2" -v name="$3" '
        /^[^ ]/ { on = index($0, section) == 1 }
        on && $1 == name { v = $2 }
        END { print v + 0 }' "$work/$1.log"
}

# host_says FILTER: jq over the books that hvhost prints when it ends.
host_says() { grep '^{' "$work/hvhost.log" | tail -n 1 | jq -r "$1"; }

findings='[.nics[].stats | to_entries[] | select(.key | test("^strict_|^bad_ring")) |
    select(.value > 0)] | from_entries | tostring'

# host_down [SIGNAL]: clean end of the host, balanced books, no finding on any card.
host_down() {
    stop hvhost "${1:-INT}"
    check "hvhost ends with status 0" equal "$status" 0
    check "hvhost's books balance" equal "$(host_says .balanced)" true
    check "nobody broke a rule of hvhost" equal "$(host_says "$findings")" "{}"
    check "hvhost counted the frames of its uplink as the kernel did" uplink_counts \
        "$(host_says .switch.tap_tx)" "$(host_says .switch.tap_rx)"
}

# strict_clean NAME: no finding of the strict host in the log of NAME.
strict_clean() {
    ! grep -E '^ *(strict_[a-z]*|bad_ring) +[1-9]' "$work/$1.log"
}

# app_down NAME [SIGNAL]: clean end of a program, books balanced, nothing the host would punish.
app_down() {
    stop "$1" "${2:-INT}"
    check "$1 ends with status 0" equal "$status" 0
    check "$1's books balance" grep -q "books: balance" "$work/$1.log"
    [ "$face" = shm ] || own_host_right "$1"
}

# own_host_right NAME: what host_down asks, of the host inside the program NAME.
own_host_right() {
    check "$1 had a host of its own" [ "$(counter "$1" "emulated card" opens)" -gt 0 ]
    check "$1 broke no rule of the host" strict_clean "$1"
    check "$1 counted the frames of its uplink as the kernel did" uplink_counts \
        "$(counter "$1" "emulated switch" tap_tx)" "$(counter "$1" "emulated switch" tap_rx)"
}

# e2e_end: the host ends cleanly too; then the test has passed.
e2e_end() {
    [ -z "${pids[hvhost]:-}" ] || host_down
    echo "passed: $topic ($face)"
}
