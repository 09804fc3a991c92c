# SPDX-License-Identifier: BSD-3-Clause
# Our driver with four queues: the kernel opens the sub-channels for us and shows their rings in
# sysfs, whatever the number of processors.
. /guest/lib.sh
client="our driver $kernel"
card=00155d00-0000-4000-8000-000000000001
app=

bind() {
    ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up && netvscctl bind eth0 --once &&
        [ -c /dev/uio0 ]
}
serve() {
    # shellcheck disable=SC2046
    netvsc-http --queues "$1" --root /tmp/site $(netvscctl options $card) >/tmp/app.log 2>&1 &
    app=$!
    until_true 20 l1 '/bin/ping -c 1 -w 1 10.9.0.2' || { cat /tmp/app.log; return 1; }
    until_true 5 rings "$1"
}
rings() { [ "$(ls /sys/bus/vmbus/devices/$card/channels | wc -l)" = "$1" ]; }
# Each queue's counter, as "QUEUE VALUE".
each() {
    netvscctl xstats $app |
        awk -v name="$1" '/^queue/ { q = $2 } q != "" && $1 == name { print q, $2 }'
}
# connections N: so many, each with a port of its own.
connections() {
    l1 "curl -s -m 60 -Z --parallel-max 8 -H 'Connection: close' -o /dev/null \
        'http://10.9.0.2/small?[1-$1]'"
}
# Forty connections reach every queue, once all are open: the program serves before that.
spread() {
    local times
    each rx_frames >/tmp/before
    for times in 1 2 3 4 5; do
        connections 40 || return 1
        each rx_frames >/tmp/after
        awk 'NR == FNR { was[$1] = $2; next } $2 > was[$1] + 0 { moved++ }
            END { exit moved != 4 }' /tmp/before /tmp/after && return
    done
    paste /tmp/before /tmp/after
    cat /tmp/app.log # it goes on with fewer when the kernel needs too long for one
    return 1
}
bulk() {
    [ "$(l1 'for i in 1 2 3 4; do curl -s -m 90 -o /tmp/q$i http://10.9.0.2/bulk & done; wait
        cat /tmp/q1 /tmp/q2 /tmp/q3 /tmp/q4 | md5sum')" = \
        "$(cat /tmp/site/bulk /tmp/site/bulk /tmp/site/bulk /tmp/site/bulk | md5sum)" ]
}
# One program after another, without a pause: the sub-channels of the last one go while those of the
# next one come, under the same numbers.
succeed() {
    local times
    for times in 1 2 3 4 5 6 7 8; do
        stop >/dev/null && serve 4 || return 1
        if grep ' of 4 queues' /tmp/app.log; then return 1; fi
    done
}
# Unbound under a program, the card would be nobody's until the next boot.
refused() {
    if netvscctl unbind $card --once >/tmp/said 2>&1; then return 1; fi
    cat /tmp/said
    grep -q 'netvsc-http (process .*): it has the card' /tmp/said &&
        l1 '/bin/ping -c 1 -w 5 10.9.0.2'
}
# The dead man's switch ends the program that has it.
switched() {
    netvscctl bind eth0 --rollback 10 && serve 4 && until_true 60 [ -d /sys/class/net/eth0 ] &&
        ! kill -0 "$app" && return
    cat /tmp/app.log /run/netvsc/$card.log
    return 1
}
# The host takes the card and gives it back, while all queues are busy.
rescind_busy() {
    local status=0
    l1 'wrk -t 1 -c 16 -d 60 http://10.9.0.2:80/bulk >/dev/null 2>&1 & echo $! >/tmp/wrk.pid'
    sleep 2
    control rescind 0 now && until_true 30 [ ! -d /sys/bus/vmbus/devices/$card ] &&
        control offer 0 && until_true 30 [ -d /sys/class/net/eth0 ] && bind &&
        until_true 60 l1 '/bin/ping -c 1 -w 1 10.9.0.2' || status=1
    l1 'kill $(cat /tmp/wrk.pid)'
    kill -0 "$app" || { wait "$app"; echo "ended with status $?"; return 1; }
    return $status
}
stop() {
    kill -INT "$app"
    wait "$app"
    status=$?
    cat /tmp/app.log
    return $status
}

cards
mkdir -p /tmp/site
head -c 2000000 /dev/urandom >/tmp/site/bulk
head -c 500 /dev/urandom >/tmp/site/small
feature "bound for several queues" bind
feature "served with 4 queues" serve 4
feature "4 queues: each has received" spread
feature "4 queues: four streams, byte-exact" bulk
feature "4 queues: eight programs in a row have them" succeed
feature "4 queues: rescind and re-offer while busy" rescind_busy
feature "4 queues: each receives after it" spread
feature "4 queues: no unbind under the program" refused
feature "4 queues: ends clean, books balance" stop
feature "served with 1 queue again" serve 1
feature "1 queue: ends clean, books balance" stop
feature "4 queues: unbind" netvscctl unbind $card --once
feature "4 queues: the dead man's switch ends the program" switched
feature "no warning in dmesg with queues" quiet_dmesg
dmesg | grep -E 'hv_|vmbus|uio' | tail -n 30
done_with
