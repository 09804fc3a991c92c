#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random command lines of all programs: options missing, repeated and contradicting one another,
# values that are empty, huge, negative, no number or somebody else's. Each has to end with status
# 0, 1 or 2, or serve until it is told to end; what is wrong is said on stderr, what, why and what
# to do; and nothing is left behind.
#
#   options.sh BIN shm [FIRST [COUNT]]: command lines FIRST.. of COUNT (as many as fit into 10 s)
. "$(dirname "$0")/lib.sh"
e2e_begin "$1" shm
first=${3:-1} count=${4:-1000000}
budget_s=10
[ -n "${4:-}" ] && budget_s=1000000
card_up
export NETVSC_BUS=$bus
serves=0.4 # seconds after which a program is one that serves

programs=(hvhost netvsc-echo netvsc-get netvsc-http netvsc-iperf netvsc-l2fwd netvsc-lb
    netvsc-loopback netvsc-nat netvscctl)
[ -x "$bin/netvsc-sockets" ] && programs+=(netvsc-sockets)
hidden=(--queues --mac --cpu --latency --promiscuous --offload --rx-copybreak --rx-hold --tx-copy
    --tcp-window --tcp-sndbuf)
declare -A options
for program in "${programs[@]}"; do
    options[$program]=$("$bin/$program" --help | grep -oE -- '--[a-z][a-z-]*' | sort -u | xargs)
    case $program in
    netvsc-loopback | netvscctl | hvhost) ;;
    *) options[$program]+=" ${hidden[*]}" ;;
    esac
done

long=$(printf 'x%.0s' {1..5000})
digits=$(printf '9%.0s' {1..40})
values=("" " " 0 1 -1 2 64 65 1500 65535 65536 4294967295 4294967296 18446744073709551615
    18446744073709551616 "$digits" abc 1e3 0x10 "1 " " 1" +1 1.5 nan inf %s%n%n "$long" ../x /
    /dev/null /dev/full . , = == a=b a=b,c=d tap= tap=nvt5 tap=nvt5,tap=nvt6 "tap=$long" tap=../x
    all none on off always debug error "ä€😀" $'\t' $'\e[2J' -- - --help
    10.78.0.1/24 10.78.0.1 10.78.0.1/0 10.78.0.1/33 10.78.0.1:80 10.78.0.300/24 0.0.0.0/0
    255.255.255.255/32 ff02::1 fd78::1 ::/0 ":80" "10.78.0.1:" 10.78.0.1:65536 "[fd78::1]:80"
    1-2 2-1 1024-65535 0-0 mtu=1500 mtu= promiscuous=on mac=own mac=00:15:5d:00:00:09
    00:15:5d:00:00:01 ff:ff:ff:ff:ff:ff f8615163-df3e-46c5-913f-000000000000
    http://10.78.0.2/ http:// poll punish ring=4k ring=1 recv=0 queues=0 queues=65 queues=64 send=4g
    section=1 offload=all offload=none,offload=all network=1 loss=101% loss=-1 loss=0.5% delay=9ms
    rate=1 seed=1 6.1 6.0 7 list doctor bind unbind confirm options stats xstats ring set dance)
# What each option takes, at its limits, too.
declare -A good=([--mtu]="68 1500 9000 65521" [--spin]="0 50 1000000 always" [--log]="error debug"
    [--connections]="1 16384 4000000" [--control]="none ctl" [--queues]="1 4 64" [--workers]="1 2"
    [--tcp-window]="16384 4194240" [--tcp-sndbuf]="17920 4194240" [--tx-copy]="0 1 1514 all"
    [--rx-copybreak]="0 256 65535 all" [--rx-hold]="0 50 100" [--offload]="auto off verify,no-rsc"
    [--cpu]="0 1 7" [--latency]="0 100" [--pcap]="frames /dev/full" [--dns]="10.78.0.2 fd78::2"
    [--ip]=10.78.0.1/24
    [--gateway]="10.78.0.2 10.78.0.1" [--ipv6]=fd78::1 [--mac]="00:15:5d:00:00:09 own"
    [--port]="1 7 65535" [--root]="/ /proc /dev . nowhere" [--access-log]="log /dev/full"
    [--file-cache]="0 64 100000" [--header-timeout]="0 1 10" [--idle-timeout]="1 30"
    [--write-timeout]="1 30" [--listen-backlog]="1 255" [--client]="10.78.0.2 10.78.0.1 10.9.9.9"
    [--time]="1 10" [--parallel]="1 100" [--output]="page /dev/full" [--backend]=10.78.0.2:80
    [--vip]="10.78.0.100:80 10.78.0.1:80" [--health]="0 1 3600" [--bytes]="0 1 1000000"
    [--inside]=10.78.0.1/24 [--outside]="10.79.0.1/24 10.78.0.3/24" [--ports]="1-1 1024-65535"
    [--flows]="1 65536 16777216" [--tcp-timeout]="1 7440" [--udp-timeout]="1 300"
    [--emulate]="tap=nvt5 tap=nvt6 tap=nvt0" [--bus]="$bus . /" [--nic]="00:15:5d:00:00:01 eth0"
    [--dir]="$work/other $bus $work" [--tap]="nvt5 nvt0" [--monitor]="0 100 6553"
    [--nvs-version]="1 6.0" [--impair]="loss=1%,seed=3 rate=1,delay=1ms" [--rollback]="1 60"
    [--state]="state /dev/null")
any() { echo "${@:RANDOM % $# + 1:1}"; }

# ${line[@]}: a command line; sometimes one that would do, and something more.
make_line() {
    local n=$((RANDOM % 6)) option value
    line=("$bin/$program")
    if ((RANDOM % 3)); then
        case $program in
        hvhost) line+=(--dir "$work/other") ;;
        netvsc-loopback) line+=(--bytes 1000) ;;
        netvscctl) line+=("$(any list doctor stats xstats ring bind unbind set options)") ;;
        netvsc-l2fwd | netvsc-nat) line+=(--emulate tap=nvt5 --emulate tap=nvt6) ;;
        *) line+=(--ip "$addr/24") ;;
        esac
    fi
    for (( ; n > 0; n--)); do
        option=$(any ${options[$program]})
        value=${values[RANDOM % ${#values[@]}]}
        ((RANDOM % 8)) && [ -n "${good[$option]:-}" ] && value=$(any ${good[$option]})
        case $((RANDOM % 32)) in
        [0-5]) line+=("$option") ;;
        6) line+=("$value") ;;
        7) line+=("${option:0:RANDOM % 6 + 2}$value") ;;
        1?) line+=("$option" "$value") ;;
        *) line+=("$option=$value") ;;
        esac
    done
}

wrong() { fail "line $number: $1: status $got of $(printf '%q ' "${line[@]}" | cut -c1-600)
$(head -c 2000 "$work/err")"; }

run_for() {
    (cd "$work/here" && inside timeout --preserve-status -k 5 "$1" "${line[@]}" \
        >"$work/out" 2>"$work/err" </dev/null)
    got=$?
}

run_line() {
    run_for $serves
    [ $got -ne 143 ] || run_for 5 # the signal was before it could be expected: a busy machine
    # It has nothing to take away, and sends until it is done or that signal ends it.
    [ "$program $got" = "netvsc-loopback 143" ] && got=0
    ran[got]=$((${ran[got]:-0} + 1))
    [ $got -le 2 ] || wrong "neither 0, 1 nor 2, or it did not end"
    grep -qE 'Sanitizer|runtime error|ssert' "$work/err" && wrong "a bug"
    [ $got -eq 0 ] || [ -s "$work/err" ] || wrong "does not say why"
    if [ $got -eq 2 ]; then
        [ ! -s "$work/out" ] || wrong "says something on stdout"
        [ "$(grep -acE "^[^ ]*$program: .+" "$work/err")" -eq 1 ] || wrong "not one line"
        grep -qaE '\. [A-Z].*\.$|^Try .*--help' "$work/err" || wrong "without a remedy"
    fi
}

mkdir "$work/here"
declare -a ran
for ((number = first; number < first + count && SECONDS < budget_s; number++)); do
    RANDOM=$number
    program=$(any "${programs[@]}")
    make_line
    run_line
    rm -rf "$work/other"
done
echo "ok: $((number - first)) command lines: ${ran[0]:-0} fine, ${ran[1]:-0} could not," \
    "${ran[2]:-0} asked wrongly"
check "all TAP devices but ours are gone" equal "lo $tap" \
    "$(inside ip -o link | awk -F': ' '{ print $2 }' | xargs)"
check "all processes but the host are" equal "$(ip netns pids "$ns" | xargs)" "${pids[hvhost]}"
check "the card still answers" "$bin/netvscctl" list --bus "$bus"
e2e_end
