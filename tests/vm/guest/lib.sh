# SPDX-License-Identifier: BSD-3-Clause
# For guest scripts: what they run in L1, how they say what passed, modules, waiting.
for word in $(cat /proc/cmdline); do
    case $word in
    guest=*) guest=${word#guest=} ;;
    scripts=*) scripts=${word#scripts=} ;;
    shell=*) shell=${word#shell=} ;;
    esac
done
kernel=$(uname -r | cut -d . -f 1,2)
client="hv_netvsc $kernel" # of the table; our driver's scripts say otherwise
exec 3<>/dev/ttyS1
script_failed=0

# iputils' ping knows floods and "do not fragment"; busybox prefers its own by that name.
ping() { /bin/ping "$@"; }

# l1 COMMAND: run it one level up; its output here, its status ours. No answer for 90 s is a
# failure, not a stop; what is answered too late is known by its tag.
l1() {
    local tag answer
    tag=$(cut -d ' ' -f 1 /proc/uptime)
    echo "$tag $(echo "$*" | base64 -w 0)" >&3
    while IFS= read -r -t 90 answer <&3; do
        case $answer in
        "|"*) echo "${answer#|}" ;;
        "=$tag "*) return "${answer#* }" ;;
        esac
    done
    return 1
}

# feature NAME COMMAND...: a row of the table.
feature() {
    local name=$1 verdict=pass
    shift
    if ! "$@" >/tmp/feature.out 2>&1; then
        verdict=FAIL
        script_failed=1
        echo "---- $client: $name failed: $*"
        tail -n 20 /tmp/feature.out
    fi
    echo "  $verdict $client: $name ($(cut -d ' ' -f 1 /proc/uptime))"
    echo "result $client|$name|$verdict" >&3
}

# until_true SECONDS COMMAND...
until_true() {
    local left=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        usleep 100000
    done
}

# books COUNTER [CARD]: what the host counts of the card.
books() { l1 "/l1/books $*"; }
# grows COUNTER LEAST COMMAND...: it succeeds, and the host's counter grows by LEAST or more.
grows() {
    local counter=$1 least=$2 before
    before=$(books "$counter")
    shift 2
    "$@" || return 1
    echo "$counter: $before, then $(books "$counter")"
    [ $(($(books "$counter") - before)) -ge "$least" ]
}
# stays COUNTER COMMAND...: it succeeds, and the host's counter does not move.
stays() {
    local counter=$1 before
    before=$(books "$counter")
    shift
    "$@" && echo "$counter: $before, then $(books "$counter")" &&
        [ "$(books "$counter")" = "$before" ]
}
control() { l1 "echo '$*' >/tmp/control"; }

# bad_dmesg: what a kernel says when something is wrong. Succeeds when it said so.
bad_dmesg() {
    dmesg | grep -E 'WARNING|BUG|Oops|Call Trace|hv_.*(fail|error|timeout|invalid|[Uu]nknown)'
}
quiet_dmesg() { ! bad_dmesg; }

done_with() { exit "$script_failed"; }
