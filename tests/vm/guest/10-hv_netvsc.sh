# SPDX-License-Identifier: BSD-3-Clause
# Linux' own driver on our host.
. /guest/lib.sh

has_mac() { [ "$(cat /sys/class/net/eth0/address)" = "$1" ]; }
up() {
    echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
    ip addr add 10.9.0.2/24 dev eth0
    ip addr add fd09::2/64 dev eth0
    ip link set eth0 up
    until_true 5 grep -q 1 /sys/class/net/eth0/carrier
}
ping_l1() { ping -c 5 -i 0.2 -w 5 10.9.0.1; }
ping_big() {
    ping -c 3 -i 0.2 -w 5 -M do -s 1472 10.9.0.1 && ping -c 2 -w 5 -s 8000 10.9.0.1
}
ping6_l1() { ping -6 -c 3 -i 0.2 -w 5 fd09::1; }
# As fast as it goes, and from the other side.
flood() {
    ping -f -q -c 300 -s 1400 -w 60 10.9.0.1 >/tmp/flood
    l1 '/bin/ping -f -q -c 300 -w 60 10.9.0.2' >/tmp/flood.in
    all_answered 300 /tmp/flood && all_answered 300 /tmp/flood.in
}

# ---- what ethtool says ----------------------------------------------------------------------

driver_name() { ethtool -i eth0 | grep -q 'driver: hv_netvsc'; }
offloads() {
    ethtool -k eth0 >/tmp/k && for f in rx-checksumming tx-checksumming scatter-gather \
        tcp-segmentation-offload tx-vlan-offload rx-vlan-offload; do
        grep "^$f: on" /tmp/k || { grep "^$f" /tmp/k; return 1; }
    done
}
channels() { ethtool -l eth0 | grep -q '^Combined:[[:space:]]*[1-9]'; }
rss_table() { ethtool -x eth0 | grep -q 'RX flow hash indirection table'; }
counters() {
    ethtool -S eth0 >/tmp/s && grep 'tx_queue_0_packets: [1-9]' /tmp/s &&
        grep 'rx_queue_0_packets: [1-9]' /tmp/s
}
speed() { ethtool eth0 | grep -q 'Speed: 10000Mb/s'; }

# ---- bulk -----------------------------------------------------------------------------------

bulk_in() {
    timeout 90 wget -q -O /tmp/bulk http://10.9.0.1:8080/bulk &&
        [ "$(md5sum </tmp/bulk)" = "$(l1 'md5sum </tmp/www/bulk')" ]
}
bulk_out() {
    l1 'rm -f /tmp/back
        curl -s -m 90 -o /tmp/back http://10.9.0.2:8080/bulk && cmp /tmp/back /tmp/www/bulk'
}
bulk_both() {
    timeout 90 wget -q -O /tmp/again http://10.9.0.1:8080/bulk &
    bulk_out && wait $! && cmp /tmp/again /tmp/bulk
}
# Without its own cutting, segments come to the driver in trains, which it packs together.
trains() {
    local packets frames
    packets=$(books tx_packets) frames=$(books tx_frames)
    ethtool -K eth0 tso off && bulk_out && ethtool -K eth0 tso on || return 1
    packets=$(($(books tx_packets) - packets)) frames=$(($(books tx_frames) - frames))
    echo "$frames frames in $packets packets"
    [ "$frames" -gt $((packets + 100)) ]
}
# Segments the host puts together on their way in (RSC); Linux has it off by default.
rsc() {
    ethtool -K eth0 lro on && ethtool -k eth0 | grep 'large-receive-offload: on' && bulk_in &&
        ethtool -K eth0 lro off
}

# ---- configuration --------------------------------------------------------------------------

vlan() {
    modprobe 8021q && ip link add link eth0 name eth0.5 type vlan id 5 &&
        ip addr add 10.5.0.2/24 dev eth0.5 && ip link set eth0.5 up &&
        ping -c 5 -i 0.2 -w 5 10.5.0.1 && l1 'curl -s -m 90 -o /tmp/vback \
            http://10.5.0.2:8080/bulk && cmp /tmp/vback /tmp/www/bulk'
}
# Frames of 9014 bytes, not fragments.
jumbo() {
    l1 'ip link set tap0 mtu 9000' && ip link set eth0 mtu 9000 && up
    ping -c 3 -i 0.2 -w 5 -M do -s 8972 10.9.0.1 &&
        l1 '/bin/ping -c 3 -i 0.2 -w 5 -M do -s 8972 10.9.0.2' && bulk_out
}
normal() {
    ip link set eth0 mtu 1500 && l1 'ip link set tap0 mtu 1500' && up
    ping_l1
}
new_mac() {
    ip link set eth0 down && ip link set eth0 address 00:15:5d:09:00:77 && up &&
        has_mac 00:15:5d:09:00:77 && ping_l1 && ip link set eth0 down &&
        ip link set eth0 address 00:15:5d:09:00:02 && up && ping_l1
}
promiscuous() {
    ip link set eth0 promisc on && ping_l1 && ip link set eth0 promisc off &&
        ifconfig eth0 allmulti && ping_l1 && ifconfig eth0 -allmulti
}

# ---- what a host does -----------------------------------------------------------------------

flap() {
    control link 0 down && until_true 8 grep -q 0 /sys/class/net/eth0/carrier &&
        control link 0 up && until_true 8 grep -q 1 /sys/class/net/eth0/carrier && ping_l1
}
reload() {
    rmmod hv_netvsc && cards && up && ping_l1
}
gone() { [ ! -d /sys/class/net/eth0 ]; }
comes_back() {
    until_true 30 gone && control link 0 up && control offer 0 &&
        until_true 30 [ -d /sys/class/net/eth0 ] && up && ping_l1
}
rescind() { control rescind 0 && comes_back; }
# Linux waits for every packet it sent, and does not hear of all that are completed while it goes.
# So the host brings it to rest first (hvhost/hvh_leave.c), or we do.
twice() { sleep 2 && rescind && sleep 2 && rescind; }
unplugged() { sleep 2 && cable_out && control rescind 0 now && comes_back; }
# in_traffic COMMAND
in_traffic() {
    local status
    traffic http://10.9.0.2:8080/bulk
    "$1"
    status=$?
    quiet
    return $status
}
unload() { rmmod hv_netvsc && gone; }

feature "VMBus connects" modprobe hv_vmbus
feature "driver loads" cards
feature "MAC address" has_mac 00:15:5d:09:00:02
feature "interface up, carrier" up
feature "ping" ping_l1
feature "ping, full frames and fragments" ping_big
feature "ping over IPv6" ping6_l1
feature "ping flood, both ways" flood
feature "ethtool -i" driver_name
feature "ethtool -k: sums, TSO, VLAN" offloads
feature "ethtool -l" channels
feature "ethtool -x" rss_table
feature "ethtool -S" counters
feature "link speed" speed
feature "bulk TCP in, byte-exact; sums judged by host" grows rx_csum_ok 1 bulk_in
httpd -p 8080 -h /tmp
feature "bulk TCP out, byte-exact; segments by host" grows tx_lso_segments 1000 bulk_out
feature "bulk TCP both ways at once" bulk_both
feature "sums by host" grows tx_csum 1 bulk_in
feature "data in send sections" grows tx_section_packets 5 ping_l1
feature "frames packed into one section" trains
feature "segments put together by host (RSC)" grows rx_rsc_frames 10 rsc
feature "VLAN, tag beside the frame" grows tx_vlan 30 vlan
feature "MTU 9000, data by guest page" grows tx_gpa_packets 4 jumbo
feature "MTU 1500 again" normal
feature "MAC address changed and back" new_mac
feature "promiscuous, all multicast" promiscuous
feature "link flap" flap
feature "module unload and reload" reload
feature "rescind and re-offer" rescind
feature "rescind, re-offer in traffic, cable in, 2 times" in_traffic twice
feature "cable out, rescind, re-offer in traffic" in_traffic unplugged
feature "bulk TCP in, byte-exact, after it" bulk_in
feature "bulk TCP out, byte-exact, after it" bulk_out
feature "module unload" unload
feature "no warning in dmesg" quiet_dmesg
dmesg | grep -E 'hv_|vmbus' | tail -n 40
killall httpd
done_with
