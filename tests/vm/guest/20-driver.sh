# SPDX-License-Identifier: BSD-3-Clause
# Our driver on Linux' uio_hv_generic; its clients are the kernel one level up.
. /guest/lib.sh
client="our driver $kernel"
card=00155d00-0000-4000-8000-000000000001
class=f8615163-df3e-46c5-913f-f2d2f965ed0e
bus=/sys/bus/vmbus
app=

driver_of() { basename "$(readlink -f "$bus/devices/$card/driver")"; }
is_bound_to() { [ "$(driver_of)" = "$1" ]; }

# From hv_netvsc to uio_hv_generic, this card only.
bind_override() {
    load failover net_failover hv_netvsc && until_true 5 is_bound_to hv_netvsc &&
        echo uio_hv_generic >"$bus/devices/$card/driver_override" &&
        echo "$card" >"$bus/drivers/hv_netvsc/unbind" &&
        echo "$card" >"$bus/drivers/uio_hv_generic/bind" && is_bound_to uio_hv_generic &&
        until_true 5 [ -c /dev/uio0 ]
}
unbind() {
    echo "$card" >"$bus/drivers/uio_hv_generic/unbind" && echo >"$bus/devices/$card/driver_override"
}
give_back() {
    unbind && echo "$card" >"$bus/drivers/hv_netvsc/bind" &&
        until_true 5 [ -d /sys/class/net/eth0 ] && ip addr add 10.9.0.2/24 dev eth0 &&
        ip link set eth0 up && until_true 5 ping -c 1 -w 1 10.9.0.1 && ip link set eth0 down
}
bind_new_id() {
    rmmod hv_netvsc && echo "$class" >"$bus/drivers/uio_hv_generic/new_id" &&
        until_true 5 is_bound_to uio_hv_generic && until_true 5 [ -c /dev/uio0 ]
}

# start PROGRAM ARGUMENTS...: until it answers a ping.
start() {
    "$@" --ip 10.9.0.2/24 >/tmp/app.log 2>&1 &
    app=$!
    l1 'for i in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -w 1 10.9.0.2 && exit; done; exit 1' ||
        { cat /tmp/app.log; return 1; }
}
# stop: as Ctrl-C; its books must balance.
stop() {
    kill -INT "$app"
    wait "$app"
    status=$?
    cat /tmp/app.log
    return $status
}

pings() { l1 'ping -c 5 -i 0.2 -w 5 10.9.0.2 && ping -c 3 -i 0.2 -w 5 -s 1472 10.9.0.2'; }
echo_line() { [ "$(l1 'echo hello | nc -w 5 10.9.0.2 7')" = hello ]; }
echo_bulk() {
    l1 'nc 10.9.0.2 7 </www/bulk >/tmp/back; cmp /tmp/back /www/bulk'
}
# Judged up there: a page takes long to come down a serial line.
http_page() { l1 "timeout 60 wget -q -O - http://10.9.0.2/ | grep -qi '<html'"; }
http_many() {
    l1 'for i in 1 2 3 4 5 6 7 8; do timeout 60 wget -q -O /tmp/w$i http://10.9.0.2/bulk & done
        wait
        for i in 1 2 3 4 5 6 7 8; do cmp /tmp/w$i /tmp/bulk || exit 1; done'
}
kill9() {
    kill -9 "$app"
    wait "$app"
    start netvsc-http --root /tmp/site && http_page
}

feature "VMBus connects" load hv_vmbus
feature "uio_hv_generic loads" load uio uio_hv_generic
feature "bind by driver_override" bind_override
netvscctl list
feature "card served, answers ping" start netvsc-echo
feature "ping, small and full frames" pings
feature "echo, one line" echo_line
feature "echo, 4 MB both ways, byte-exact" echo_bulk
feature "ends clean, books balance" stop
echo 8 >/proc/sys/vm/nr_hugepages
mkdir -p /tmp/site
head -c 2000000 /dev/urandom >/tmp/site/bulk
feature "restart with huge pages (GPA-direct)" start netvsc-http --root /tmp/site
l1 'timeout 60 wget -q -O /tmp/bulk http://10.9.0.2/bulk'
bulk_sum() { [ "$(l1 'md5sum </tmp/bulk')" = "$(md5sum </tmp/site/bulk)" ]; }
feature "http, 2 MB, byte-exact" bulk_sum
feature "http, live page" http_page
feature "http, 8 downloads at once" http_many
feature "kill -9 and restart" kill9
feature "http ends clean, books balance" stop
feature "unbind gives hv_netvsc its card back" give_back
feature "bind by new_id" bind_new_id
feature "served after new_id" start netvsc-echo
feature "ends clean again" stop
feature "no warning in dmesg" quiet_dmesg
unbind
rmmod uio_hv_generic
dmesg | grep -E 'hv_|vmbus|uio' | tail -n 20
done_with
