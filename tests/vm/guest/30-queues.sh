# SPDX-License-Identifier: BSD-3-Clause
# Linux' own driver with 1 to 4 channels, which takes a guest with as many processors
# (SUITE:DOORBELL:cpus=N).
. /guest/lib.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
[ "$cpus" -le 4 ] || cpus=4 # the card has no more

up() {
    ip addr add 10.9.0.2/24 dev eth0
    ip link set eth0 up
    until_true 5 ping -c 1 -w 1 10.9.0.1
}
most() { ethtool -l eth0 | awk '/^Combined/ { print $2; exit }' | grep "$cpus"; }
now() { ethtool -l eth0 | awk '/^Combined/ { n = $2 } END { exit n != '"$1"' }'; }
counters() { ethtool -S eth0 | sed -n "s/.*${1}_queue_\\([0-9]\\)_packets: /\\1 /p"; }
# all_moved N BEFORE AFTER: each of the first N queues has.
all_moved() {
    paste -d ' ' "$2" "$3" | awk -v n="$1" '
        $1 < n && $4 <= $2 { print "queue " $1 " stood still"; bad = 1 } END { exit bad }'
}
# connections N: so many, each with a port of its own.
connections() {
    l1 "curl -s -m 60 -Z --parallel-max 8 -H 'Connection: close' -o /dev/null \
        'http://10.9.0.2:8080/small?[1-$1]'"
}
# channels N: so many, which share 40 connections among them, in and out.
channels() {
    now "$1" || { ethtool -L eth0 combined "$1" && until_true 5 now "$1" && up; } || return 1
    [ "$(ls /sys/class/net/eth0/queues | grep -c ^rx-)" -ge "$1" ] &&
        ethtool -x eth0 | grep -q "with $1 RX" || return 1
    counters rx >/tmp/rx0 && counters tx >/tmp/tx0
    connections 40 || return 1
    counters rx >/tmp/rx1 && counters tx >/tmp/tx1
    paste /tmp/rx0 /tmp/rx1 /tmp/tx0 /tmp/tx1
    all_moved "$1" /tmp/rx0 /tmp/rx1 && all_moved "$1" /tmp/tx0 /tmp/tx1
}
# The user's own table: everything to the last channel.
own_table() {
    local last=$((cpus - 1))
    ethtool -X eth0 weight $(for i in $(seq "$last"); do echo 0; done) 1 &&
        counters rx >/tmp/rx0 &&
        connections 8 &&
        counters rx >/tmp/rx1 && paste /tmp/rx0 /tmp/rx1 &&
        [ $(($(sed -n "s/^$last //p" /tmp/rx1) - $(sed -n "s/^$last //p" /tmp/rx0))) -gt 24 ]
}
bulk() {
    l1 'rm -f /tmp/q*
        for i in 1 2 3 4; do curl -s -m 90 -o /tmp/q$i http://10.9.0.2:8080/bulk & done; wait
        for i in 1 2 3 4; do cmp /tmp/q$i /tmp/www/bulk || exit 1; done'
}
comes_back() {
    until_true 30 [ ! -d /sys/class/net/eth0 ] && control link 0 up && control offer 0 &&
        until_true 10 [ -d /sys/class/net/eth0 ] && up && channels "$cpus"
}
rescind() { control rescind 0 && comes_back; }
unplugged() { cable_out && control rescind 0 now && comes_back; }
# in_traffic COMMAND
in_traffic() {
    local status
    traffic http://10.9.0.2:8080/bulk
    sleep 2
    "$1"
    status=$?
    quiet
    return $status
}
# From one channel upwards Linux sets an all-zero key, the one a device without channels had; every
# hash is zero then, and entry 0 of the table gets all. A key mends it. See docs/protocol-notes.md.
zero_key() {
    ethtool -L eth0 combined 1 && up && ethtool -L eth0 combined "$cpus" &&
        until_true 5 now "$cpus" && up || return 1
    ethtool -x eth0 >/tmp/x
    cat /tmp/x
    grep -A 1 'RSS hash key' /tmp/x | grep -q '^00:00:00:00.*00:00$' || return 1
    counters rx >/tmp/rx0
    connections 20 || return 1
    counters rx >/tmp/rx1
    paste -d ' ' /tmp/rx0 /tmp/rx1 | tee /tmp/both
    awk '$1 > 0 && $4 != $2 { bad = 1 } END { exit bad }' /tmp/both
}
own_key() {
    ethtool -X eth0 hkey "$(head -c 40 /dev/urandom | od -An -v -t x1 | tr -d '\n' |
        sed 's/^ //; s/ *$//; s/  */:/g')" && channels "$cpus"
}

cards
head -c 500 /dev/urandom >/tmp/small
httpd -p 8080 -h /tmp
feature "as many channels as processors" most
up
timeout 90 wget -q -O /tmp/bulk http://10.9.0.1:8080/bulk
for n in 4 3 2 1; do
    [ "$n" -gt "$cpus" ] || feature "RSS over $n channels, each moves both ways" channels "$n"
done
feature "rescind and re-offer with channels" rescind
feature "rescind, re-offer in traffic, cable in, channels" in_traffic rescind
feature "cable out, rescind, re-offer: channels, traffic" in_traffic unplugged
feature "1 channel, then more: an all-zero key" zero_key
feature "a key of the user spreads again" own_key
feature "RSS by a table of the user" own_table
feature "four streams over all channels, byte-exact" bulk
feature "module unload with channels" rmmod hv_netvsc
feature "no warning in dmesg with channels" quiet_dmesg
dmesg | grep -E 'hv_|vmbus' | tail -n 30
killall httpd
done_with
