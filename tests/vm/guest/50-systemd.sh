# SPDX-License-Identifier: BSD-3-Clause
# Our unit under systemd, which is the first process here: confined as it says, started again when
# its server dies, and the card goes back to the kernel when it stops.
stty -F /dev/ttyS1 raw -echo # again: the last to hold it open has gone
. /guest/lib.sh
client="our driver $kernel"
card=00155d00-0000-4000-8000-000000000001
unit=netvsc-http@$card.service
state=/sys/bus/vmbus/devices/$card

pid() { systemctl show -P MainPID $unit; }
serves() { l1 'curl -s -m 5 http://10.9.0.2/ | grep -qi "<html"'; }
start() {
    ip addr flush dev eth0 && ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up &&
        mkdir -p /etc/default /srv/www && echo 'ROOT=/srv/www' >/etc/default/netvsc-http ||
        return 1
    systemctl start $unit && until_true 1 serves && return
    systemctl --no-pager status $unit
    dmesg | grep systemd | tail -n 12
    cat /server.log
    return 1
}
# No capability but two, no new ones, and nothing of the file system writable but what it names.
confined() {
    local status=/proc/$(pid)/status
    grep -E 'CapBnd|NoNewPrivs|Seccomp:' $status
    grep -q 'CapBnd:.0000000000204000' $status && grep -q 'NoNewPrivs:.1' $status &&
        grep -q 'Seccomp:.2' $status && grep ' / / ro' /proc/$(pid)/mountinfo
}
restarts() {
    local before
    before=$(pid)
    [ "$before" -gt 0 ] && kill -9 "$before" && until_true 1 serves && [ "$(pid)" != "$before" ]
}
stop() {
    systemctl stop $unit && until_true 5 [ -d /sys/class/net/eth0 ] &&
        [ "$(basename "$(readlink $state/driver)")" = hv_netvsc ] &&
        ip addr show dev eth0 | grep 10.9.0.2/24 && until_true 5 ping -c 1 -w 1 10.9.0.1
}

cards
feature "systemd unit: started, serves" start
feature "systemd unit: confined" confined
feature "systemd unit: kill -9, and it serves again" restarts
feature "systemd unit: stopped, the kernel has its card" stop
feature "systemd unit: no warning in dmesg" quiet_dmesg
done_with
