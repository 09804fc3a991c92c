# SPDX-License-Identifier: BSD-3-Clause
# Linux' own driver on our host.
. /guest/lib.sh

has_mac() { [ "$(cat /sys/class/net/eth0/address)" = 00:15:5d:09:00:02 ]; }
up() {
    echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
    ip addr add 10.9.0.2/24 dev eth0
    ip addr add fd09::2/64 dev eth0
    ip link set eth0 up
    until_true 5 grep -q 1 /sys/class/net/eth0/carrier
}
ping_l1() { ping -c 5 -i 0.2 -w 5 10.9.0.1; }
ping_big() {
    ping -c 3 -i 0.2 -w 5 -s 1472 10.9.0.1 &&
        ping -c 2 -w 5 -s 8000 10.9.0.1
}
ping6_l1() { ping -6 -c 3 -i 0.2 -w 5 fd09::1; }
bulk_in() {
    timeout 60 wget -q -O /tmp/bulk http://10.9.0.1:8080/bulk &&
        [ "$(md5sum </tmp/bulk)" = "$(l1 'md5sum </www/bulk')" ]
}
bulk_out() {
    httpd -p 8080 -h /tmp
    l1 'rm -f /tmp/back
        timeout 60 wget -q -O /tmp/back http://10.9.0.2:8080/bulk && cmp /tmp/back /www/bulk'
}
driver_name() { ethtool -i eth0 | grep -q 'driver: hv_netvsc'; }
offloads() { ethtool -k eth0 | grep -q checksumming; }
counters() { ethtool -S eth0 | grep tx_queue_0_packets; }
flap() {
    l1 'echo "link 0 down" >/tmp/control' && until_true 8 grep -q 0 /sys/class/net/eth0/carrier &&
        l1 'echo "link 0 up" >/tmp/control' && until_true 8 grep -q 1 /sys/class/net/eth0/carrier &&
        ping_l1
}
reload() {
    rmmod hv_netvsc && load hv_netvsc && until_true 5 [ -d /sys/class/net/eth0 ] &&
        up && ping_l1
}
gone() { [ ! -d /sys/class/net/eth0 ]; }
rescind() {
    l1 'echo "rescind 0" >/tmp/control' && until_true 8 gone &&
        l1 'echo "offer 0" >/tmp/control' && until_true 8 [ -d /sys/class/net/eth0 ] &&
        up && ping_l1
}
unload() { rmmod hv_netvsc && gone; }

feature "VMBus connects" load hv_vmbus
load failover net_failover
feature "driver loads" load hv_netvsc
until_true 5 [ -d /sys/class/net/eth0 ]
feature "MAC address" has_mac
feature "interface up, carrier" up
feature "ping" ping_l1
feature "ping, full frames and fragments" ping_big
feature "ping over IPv6" ping6_l1
feature "ethtool -i" driver_name
feature "ethtool -k" offloads
feature "ethtool -S" counters
feature "bulk TCP in, byte-exact" bulk_in
feature "bulk TCP out, byte-exact" bulk_out
feature "link flap" flap
feature "module unload and reload" reload
feature "rescind and re-offer" rescind
feature "module unload" unload
feature "no warning in dmesg" quiet_dmesg
dmesg | grep -E 'hv_|vmbus' | tail -n 40
done_with
