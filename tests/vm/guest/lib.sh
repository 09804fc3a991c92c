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
line_end='
'
other_end=$(printf '\001')

# iputils' ping knows floods and "do not fragment"; busybox prefers its own by that name.
ping() { /bin/ping "$@"; }

# l1 COMMAND: run it one level up; its output here, its status ours. No answer for 90 s is a
# failure, not a stop; what is answered too late is known by its tag. A byte costs half a
# millisecond on this line, a program ten times that: so no base64, but other line ends.
l1() {
    local tag answer command="$*"
    read -r tag answer </proc/uptime
    echo "$tag ${command//$line_end/$other_end}" >&3
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
    local name=$1 verdict=pass begun now
    shift
    read -r begun now </proc/uptime
    if ! "$@" >/tmp/feature.out 2>&1; then
        verdict=FAIL
        script_failed=1
        echo "---- $client: $name failed: $*"
        tail -n 60 /tmp/feature.out
    fi
    read -r now _ </proc/uptime
    echo "  $verdict $client: $name ($now)"
    begun=$(((${now%.*}${now#*.} - ${begun%.*}${begun#*.}) / 10)) # tenths of a second it took
    echo "result $client|$name|$verdict|$((begun / 10)).$((begun % 10))" >&3
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

# cards: loads hv_netvsc; the first card is eth0, whichever came up first.
cards() {
    local first=00155d00-0000-4000-8000-000000000001
    modprobe -a hv_vmbus hv_netvsc && until_true 5 [ -d /sys/class/net/eth1 ] || return 1
    [ -d /sys/bus/vmbus/devices/$first/net/eth0 ] || {
        ip link set eth0 name swap && ip link set eth1 name eth0 && ip link set swap name eth1
    }
}

# all_answered N FILE...: so many pings were, none twice. ping -f sends on while the last answers
# are on their way: as many as were out at once are not missed.
all_answered() {
    local n=$1
    shift
    cat "$@"
    awk -v n="$n" '
        / packets transmitted, / { sent = $1; received = $4; files++
                                   if (received < n || /duplicates/) bad = 1 }
        /^rtt / { out = 0; for (i = 1; i < NF; i++) if ($i == "pipe") out = $(i + 1) + 0
                  if (sent - received > out) bad = 1 }
        END { exit bad || !files }' "$@"
}

# traffic URL: pages of it upwards without end, and the bulk of L1 downwards, until quiet.
traffic() {
    l1 "while :; do curl -s -m 20 -o /dev/null $1 || usleep 100000; done >/dev/null 2>&1 &
        echo \$! >/tmp/traffic" || return 1
    while :; do
        wget -q -T 5 -O /dev/null http://10.9.0.1:8080/bulk || usleep 100000
    done >/dev/null 2>&1 &
    traffic=$!
}
quiet() {
    kill "$traffic"
    killall wget 2>/dev/null
    l1 'kill $(cat /tmp/traffic); killall curl; true'
}

# books COUNTER [CARD]: what the host counts of the card.
books() { l1 "/l1/books $*"; }
# grows COUNTER LEAST COMMAND...: it succeeds, and the host's counter grows by LEAST or more.
grows() {
    local counter=$1 least=$2 before after
    before=$(books "$counter")
    shift 2
    "$@" || return 1
    after=$(books "$counter")
    echo "$counter: $before, then $after"
    [ $((after - before)) -ge "$least" ]
}
# stays COUNTER COMMAND...: it succeeds, and the host's counter does not move.
stays() {
    local counter=$1 before after
    before=$(books "$counter")
    shift
    "$@" || return 1
    after=$(books "$counter")
    echo "$counter: $before, then $after"
    [ "$after" = "$before" ]
}
control() { l1 "echo '$*' >/tmp/control"; }

# cable_out: of eth0, until Linux has stopped sending.
cable_out() {
    control link 0 down && until_true 8 grep -q 0 /sys/class/net/eth0/carrier && usleep 500000
}

# quiet_dmesg: the kernel has said nothing of what kernels say when something is wrong. But for
# what 6.12 says when it takes the ring of a sub-channel from a program: see docs/protocol-notes.md.
quiet_dmesg() {
    local bad='WARNING|BUG|Oops|Call Trace|hv_.*(fail|error|timeout|invalid|[Uu]nknown)'
    dmesg | sed '/WARNING.*memtype.c.*get_pat_info/,/end trace/d' >/tmp/dmesg
    dmesg | sed -n '/WARNING.*memtype.c.*get_pat_info/,/end trace/p' >/tmp/known
    [ ! -s /tmp/known ] || grep -q 'kernfs_drain_open_files' /tmp/known || return 1
    ! sed -n -E "/$bad/,\$p" /tmp/dmesg | head -n 50 | grep .
}

done_with() { exit "$script_failed"; }
