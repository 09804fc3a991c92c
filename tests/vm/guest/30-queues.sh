# SPDX-License-Identifier: BSD-3-Clause
# More than one channel, for guests with more than one processor (SUITE:DOORBELL:cpus=N).
. /guest/lib.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
[ "$cpus" -gt 1 ] || exit 0

channels() { ethtool -l eth0 | awk '/^Combined/ { n = $2 } END { exit n != '"$cpus"' }'; }
opened() { [ "$(ls /sys/class/net/eth0/queues | grep -c ^rx-)" = "$cpus" ]; }
up() {
    ip addr add 10.9.0.2/24 dev eth0
    ip link set eth0 up
    until_true 5 ping -c 1 -w 1 10.9.0.1
}
# Each queue has received of many flows: wget takes another port each time.
spread() {
    local i
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        timeout 60 wget -q -O /dev/null http://10.9.0.1:8080/small || return 1
    done
    ethtool -S eth0 | grep 'rx_queue_._packets'
    for i in $(seq 0 $((cpus - 1))); do
        ethtool -S eth0 | grep -q "rx_queue_${i}_packets: [1-9]" || return 1
    done
}
table() { ethtool -x eth0 | grep -q 'with '"$cpus"' RX'; }
one_less() { ethtool -L eth0 combined 1 && until_true 5 ping -c 1 -w 1 10.9.0.1; }
all_again() { ethtool -L eth0 combined "$cpus" && until_true 5 channels && until_true 5 spread; }

load hv_vmbus failover net_failover hv_netvsc
until_true 5 [ -d /sys/class/net/eth0 ]
l1 'head -c 2000 /www/bulk >/www/small'
feature "$cpus channels" until_true 5 channels
feature "a queue each" opened
feature "RSS table" table
up
feature "RSS spreads flows over all queues" spread
feature "channels down to 1" one_less
feature "channels up again" all_again
feature "module unload with channels" rmmod hv_netvsc
feature "no warning in dmesg with channels" quiet_dmesg
done_with
