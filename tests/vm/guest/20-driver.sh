# SPDX-License-Identifier: BSD-3-Clause
# Our driver on Linux' uio_hv_generic, moved there and back by netvscctl; its clients are the kernel
# one level up. eth1, the second card, stays with the kernel.
. /guest/lib.sh
client="our driver $kernel"
card=00155d00-0000-4000-8000-000000000001
other=00155d00-0000-4000-8000-000000000002
bus=/sys/bus/vmbus
app=

driver_of() { basename "$(readlink -f "$bus/devices/$1/driver")"; }
is_bound_to() { [ "$(driver_of $card)" = "$1" ]; }
in_kernel() { is_bound_to hv_netvsc && [ -d /sys/class/net/eth0 ]; }
in_user_space() { is_bound_to uio_hv_generic && [ -c /dev/uio0 ]; }
# says TEXT COMMAND...: it fails, and says so.
says() {
    local text=$1
    shift
    ! "$@" >/tmp/said 2>&1 && cat /tmp/said && grep -q "$text" /tmp/said
}

# ---- moving a card --------------------------------------------------------------------------

configure() {
    ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 mtu 1400 && ip link set eth0 up &&
        ip route add 10.77.0.0/16 via 10.9.0.1 metric 7
}
two_cards() {
    cards && configure && ip addr add 10.1.0.2/24 dev eth1 && ip link set eth1 up &&
        ping -c 1 -w 5 10.9.0.1 && ping -c 1 -w 5 10.1.0.1
}
lists() { [ "$(netvscctl list | grep -c ' hv_netvsc .* kernel')" = 2 ]; }
# All is well but that the kernel has the card; later, all is well.
doctor_before() {
    says "netvscctl bind $card" netvscctl doctor eth0 && [ "$(grep -c '^bad' /tmp/said)" = 1 ]
}
guards() {
    ip route add default via 10.9.0.1 &&
        says "default route" netvscctl bind eth0 && ip route del default &&
        SSH_CONNECTION="10.9.0.1 4000 10.9.0.2 22" says "SSH session" netvscctl bind eth0 &&
        says "dpdk-devbind" netvscctl bind 0000:00:02.0 &&
        echo $other >$bus/drivers/hv_netvsc/unbind &&
        says "last network card" netvscctl bind eth0 &&
        echo $other >$bus/drivers/hv_netvsc/bind && until_true 5 [ -d /sys/class/net/eth1 ] &&
        ip addr add 10.1.0.2/24 dev eth1 && ip link set eth1 up && in_kernel
}
dry_run() {
    netvscctl bind eth0 --dry-run | grep 'uio_hv_generic to .*/driver_override' && in_kernel
}
as_it_was() {
    in_kernel && ip addr show dev eth0 | grep -q 10.9.0.2/24 &&
        ip route | grep '10.77.0.0/16 via 10.9.0.1' | grep -q 'metric 7' &&
        grep -q 1400 /sys/class/net/eth0/mtu && until_true 5 ping -c 1 -w 1 10.9.0.1
}
# The switch is renamed, and goes last. So look at its first name first.
no_switch() { [ ! -e /run/netvsc/$card.rollback -a ! -e /run/netvsc/$card.rolling ]; }
undone() { until_true 40 no_switch && cat /run/netvsc/$card.log && as_it_was; }
rollback() { netvscctl bind eth0 --rollback 5 && in_user_space && undone; }
# lost_session SECONDS: the shell that binds hangs up and dies, as over the card it has taken.
lost_session() {
    local session
    setsid sh -c "netvscctl bind eth0 --rollback $1 && echo bound; sleep 1000" >/tmp/session 2>&1 &
    session=$!
    until_true 10 grep -q bound /tmp/session
    kill -HUP "-$session"
    kill -9 "-$session"
    wait "$session"
    cat /tmp/session
    grep -q bound /tmp/session && in_user_space && ! no_switch
}
lost_and_undone() { lost_session 7 && undone; }
lost_and_confirmed() {
    lost_session 7 && netvscctl confirm $card && no_switch && sleep 8 && in_user_space &&
        netvscctl unbind $card && until_true 5 as_it_was
}
# driverctl 0.111 itself, beside us: each undoes what the other did, and both see the same.
kept() { cat /etc/driverctl.d/vmbus-$card; }
nothing_kept() {
    [ ! -e /etc/driverctl.d/vmbus-$card ] && [ -z "$(driverctl -b vmbus list-overrides)" ]
}
driverctl_binds() {
    [ "$(driverctl -b vmbus list-devices | grep -c ' hv_netvsc$')" = 2 ] &&
        driverctl -b vmbus set-override $card uio_hv_generic && in_user_space &&
        kept | grep -x uio_hv_generic && netvscctl list | grep "$card.* ready" &&
        netvscctl unbind $card && until_true 5 in_kernel && nothing_kept && configure
}
driverctl_unbinds() {
    netvscctl bind eth0 && in_user_space &&
        [ "$(driverctl -b vmbus list-overrides)" = "$card uio_hv_generic" ] &&
        driverctl -b vmbus unset-override $card && until_true 5 in_kernel && nothing_kept &&
        configure
}
# The next boot: hv_netvsc has the card, and driverctl's udev rule calls this.
driverctl_boots() {
    netvscctl bind eth0 && kept && echo >$bus/devices/$card/driver_override &&
        echo $card >$bus/drivers/uio_hv_generic/unbind && echo $card >$bus/drivers/hv_netvsc/bind &&
        until_true 5 in_kernel && driverctl -b vmbus load-override $card && in_user_space &&
        netvscctl unbind $card && until_true 5 as_it_was && nothing_kept
}
bind_confirm() {
    netvscctl bind eth0 --rollback 60 && netvscctl confirm $card && in_user_space &&
        grep -q uio_hv_generic /etc/driverctl.d/vmbus-$card && netvscctl list | grep "$card.* ready"
}
doctor_after() {
    netvscctl doctor $card >/tmp/said && cat /tmp/said && ! grep '^bad' /tmp/said &&
        grep '^ok *maps' /tmp/said && grep '^ok *access' /tmp/said
}
saved() { netvscctl options $card | grep -e '--ip 10.9.0.2/24 .*--mtu 1400'; }
unbind() {
    netvscctl unbind $card && until_true 5 as_it_was && [ ! -e /etc/driverctl.d/vmbus-$card ]
}
# A kernel without driver_override: the same bus, this attribute left out. "driver" must be a link
# to the driver itself, so somebody keeps it true.
bind_new_id() {
    local here=/tmp/bus/devices/$card name follow status
    mkdir -p $here /tmp/bus/dev && ln -s $bus/drivers /tmp/bus/drivers &&
        ln -s /dev/uio0 /tmp/bus/dev/uio0
    for name in class_id device_id id state vendor net uio channels monitor_id \
        client_monitor_latency; do
        ln -s $bus/devices/$card/$name $here/$name
    done
    ln -s $bus/drivers/hv_netvsc $here/driver
    while :; do
        if [ "$(readlink -f $bus/devices/$card/driver)" != "$(readlink $here/driver)" ]; then
            rm -f $here/driver
            [ ! -e $bus/devices/$card/driver ] ||
                ln -s "$(readlink -f $bus/devices/$card/driver)" $here/driver
        fi
        usleep 100000
    done &
    follow=$!
    netvscctl bind $card --bus /tmp/bus --once && in_user_space &&
        [ "$(driver_of $other)" = hv_netvsc ]
    status=$?
    kill $follow
    return $status
}

# ---- serving --------------------------------------------------------------------------------

# start PROGRAM ARGUMENTS...: until it answers a ping. (Busybox' own waits ten seconds for one.)
start() {
    in_user_space || { netvscctl list; cat /run/netvsc/*; return 1; }
    # shellcheck disable=SC2046
    "$@" $(netvscctl options $card) >/tmp/app.log 2>&1 &
    app=$!
    l1 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        /bin/ping -c 1 -w 1 10.9.0.2 && exit; done; exit 1' || { cat /tmp/app.log; return 1; }
}
# alive: or say how it ended.
alive() {
    kill -0 "$app" && return
    wait "$app"
    echo "ended with status $?"
    return 1
}
# stop: as Ctrl-C; its books must balance.
stop() {
    kill -INT "$app"
    wait "$app"
    status=$?
    cat /tmp/app.log
    return $status
}

pings() {
    l1 '/bin/ping -c 5 -i 0.2 -w 5 10.9.0.2 &&
        /bin/ping -c 3 -i 0.2 -w 5 -M do -s 1372 10.9.0.2'
}
flood() {
    l1 '/bin/ping -f -q -c 300 -w 60 10.9.0.2' >/tmp/flood
    all_answered 300 /tmp/flood
}
echo_line() { [ "$(l1 'echo hello | nc -w 5 10.9.0.2 7')" = hello ]; }
echo_bulk() {
    l1 'nc 10.9.0.2 7 </tmp/www/bulk >/tmp/back; cmp /tmp/back /tmp/www/bulk'
}
# The file of /tmp/site, judged up there: a page takes long to come down a serial line.
http_bulk() {
    [ "$(l1 'curl -s -m 90 http://10.9.0.2/bulk | md5sum')" = "$(md5sum </tmp/site/bulk)" ]
}
http_page() { l1 "curl -s -m 60 http://10.9.0.2/ | grep -qi '<html'"; }
http_many() { l1 'wrk -t 1 -c 8 -d 4 http://10.9.0.2:80/bulk >/tmp/wrk; cat /tmp/wrk
    grep -q "Requests/sec" /tmp/wrk && ! grep -E "Socket errors|Non-2xx" /tmp/wrk'; }
kill9() {
    kill -9 "$app"
    wait "$app"
    start netvsc-http --root /tmp/site && http_page
}
# In five idle seconds it wakes twelve times a second, for its timers, and uses 2 % of the time, as
# measured on a busy machine; polling would use all of it and never sleep. The next frame wakes it.
sleeps() {
    local before after events wakes
    sleep 1
    wakes=$(voluntary)
    before=$(awk '{ print $14 + $15 }' /proc/$app/stat)
    events=$(cat /sys/class/uio/uio0/event)
    sleep 5
    after=$(awk '{ print $14 + $15 }' /proc/$app/stat)
    wakes=$(($(voluntary) - wakes))
    echo "$((after - before)) ticks, $wakes wakes, $(cat /sys/class/uio/uio0/event) events"
    [ $((after - before)) -lt 60 ] && [ $wakes -lt 120 ] && pings &&
        [ "$(cat /sys/class/uio/uio0/event)" -gt "$events" ]
}
voluntary() { awk '/^voluntary/ { print $2 }' /proc/$app/status; }
# Only a user who may open /dev/uio0: no page numbers, all data in send sections.
unprivileged() {
    mkdir -p /etc && echo 'nobody:x:65534:65534::/tmp:/bin/sh' >/etc/passwd
    chmod 666 /dev/uio0
    # shellcheck disable=SC2046
    su nobody -c "exec netvsc-http --control none --port 8080 $(netvscctl options $card)" \
        >/tmp/app.log 2>&1 &
    app=$!
    stays tx_gpa_packets l1 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        /bin/ping -c 1 -w 1 10.9.0.2 && break; done
        curl -s -m 60 http://10.9.0.2:8080/ | grep -qi "<html"'
}
# The host takes the card from under a server and gives it back: to the kernel, which knows nothing
# of before. Bound again, it is served again, by the same process.
rescind() {
    control rescind 0 now && until_true 30 [ ! -d $bus/devices/$card ] && control offer 0 &&
        until_true 30 in_kernel && configure && netvscctl bind eth0 --once &&
        is_bound_to uio_hv_generic && kill -0 "$app" && until_true 60 http_page
}
rescind_busy() {
    local status
    l1 'wrk -t 1 -c 8 -d 60 http://10.9.0.2:80/bulk >/dev/null 2>&1 & echo $! >/tmp/wrk.pid'
    sleep 2
    rescind
    status=$?
    l1 'kill $(cat /tmp/wrk.pid)'
    alive || return 1
    return $status
}

feature "VMBus connects" modprobe hv_vmbus
feature "two cards with hv_netvsc" two_cards
feature "netvscctl list" lists
feature "netvscctl doctor, before" doctor_before
feature "netvscctl bind refuses what cuts off" guards
feature "netvscctl bind --dry-run" dry_run
feature "netvscctl bind --rollback comes back" rollback
feature "session lost after bind: undone" lost_and_undone
feature "session lost after bind, but confirmed: it stays" lost_and_confirmed
feature "driverctl binds, netvscctl unbinds" driverctl_binds
feature "netvscctl binds, driverctl unbinds" driverctl_unbinds
feature "driverctl applies our file at boot" driverctl_boots
feature "netvscctl bind, confirm (driver_override)" bind_confirm
feature "netvscctl doctor, after" doctor_after
feature "saved address, MTU for the program" saved
feature "card served, answers ping" start netvsc-echo
feature "ping, small and full frames" pings
feature "ping flood" flood
feature "echo, one line" echo_line
feature "echo, 2 MB both ways, byte-exact" echo_bulk
feature "sleeps when idle, woken by interrupt" sleeps
feature "ends clean, books balance" stop
mkdir -p /tmp/site
head -c 2000000 /dev/urandom >/tmp/site/bulk
feature "served without privileges, sections only" unprivileged
feature "ends clean without privileges" stop
# Linux 6.12 does not ring for sub-channels: more than one are not asked for, and it survives.
case $guest in
*:signal*)
    feature "4 queues asked of a kernel that has one" start netvsc-http --queues 4
    feature "ends clean with the one it got" stop
    ;;
esac
echo 8 >/proc/sys/vm/nr_hugepages
feature "served with huge pages" start netvsc-http --root /tmp/site
feature "http, 2 MB, byte-exact" http_bulk
feature "data by guest page, real page numbers" grows tx_gpa_packets 10 http_bulk
feature "http, live page" http_page
feature "http, wrk with 8 connections" http_many
feature "kill -9 and restart" kill9
feature "rescind and re-offer while serving" rescind
feature "rescind and re-offer while busy" rescind_busy
feature "http, 2 MB, byte-exact, after it" http_bulk
feature "http ends clean, books balance" stop
feature "netvscctl unbind, address and routes back" unbind
feature "netvscctl bind without driver_override" bind_new_id
feature "served after new_id" start netvsc-echo
feature "ends clean again" stop
feature "netvscctl unbind again" unbind
feature "no warning in dmesg" quiet_dmesg
rmmod hv_netvsc
rmmod uio_hv_generic
dmesg | grep -E 'hv_|vmbus|uio' | tail -n 20
done_with
