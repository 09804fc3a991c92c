#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Everything that can be wrong at start: one line on stderr that says what, why and what to do, and
# exit status 1 (cannot) or 2 (asked wrongly). One row each.
. "$(dirname "$0")/lib.sh"
e2e_begin "$1" shm
card_up --nic ""
one=$work/one # a bus with one card
start single "$bin/hvhost" --dir "$one"
ready single ready

# row STATUS REGEX COMMAND...: COMMAND ends with STATUS and one line matching REGEX.
rows=0
row() {
    local want=$1 regex=$2 got
    shift 2
    rows=$((rows + 1))
    inside timeout 20 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$want" ] || fail "status $got instead of $want: $* ($(tail -n 3 "$work/err"))"
    [ "$(wc -l <"$work/err")" -eq 1 ] || fail "not one line on stderr: $* ($(cat "$work/err"))"
    grep -qE -- "$regex" "$work/err" || fail "does not say \"$regex\": $* ($(cat "$work/err"))"
    [ ! -s "$work/out" ] || fail "says something on stdout: $*"
    echo "ok: $(cat "$work/err")"
}
# The same after the card is up, whose line on stderr comes first.
late_row() {
    local want=$1 regex=$2 got
    shift 2
    rows=$((rows + 1))
    inside timeout 20 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$want" ] || fail "status $got instead of $want: $* ($(tail -n 3 "$work/err"))"
    [ "$(grep -cE -- "$regex" "$work/err")" -eq 1 ] || fail "does not say \"$regex\" once: $*"
    echo "ok: $(grep -E -- "$regex" "$work/err" | head -n 1)"
}

http=$bin/netvsc-http
echo=$bin/netvsc-echo
ip=(--ip "$addr/24")
guid=f8615163-0000-1000-2000-00155d000001

row 1 'no VMBus at .*nowhere.*hvhost' "$http" --bus "$work/nowhere" "${ip[@]}"
mkdir -p "$work/empty/devices"
row 1 'no network card' "$http" --bus "$work/empty" "${ip[@]}"
row 2 'cannot be asked' "$bin/netvsc-sockets" --bus "$bus" "${ip[@]}" --control x
row 2 'URL: missing' "$bin/netvsc-get" --bus "$bus" "${ip[@]}"
for url in page ftp://a/ http://a:b:c/ 'http://[fd78::1/' http:///page 'http://a/b c' http://a:/ \
    http://a:70000/; do
    row 2 'Give http://HOST' "$bin/netvsc-get" --bus "$bus" "${ip[@]}" "$url"
done
row 2 'not an address' "$bin/netvsc-iperf" --bus "$bus" "${ip[@]}" --client example.test
row 2 'which card.*--nic' "$http" --bus "$bus" "${ip[@]}"
row 2 'not a GUID' "$http" --bus "$bus" --nic f8615163-df3e-46c5-913f "${ip[@]}"
row 1 'no card has this GUID.*netvscctl list' "$http" --bus "$bus" --nic $guid "${ip[@]}"
row 1 'no card has this interface name' "$http" --bus "$bus" --nic eth7 "${ip[@]}"

# A card that the kernel's driver still has; one without the maps of a new kernel; one of root's.
copy_bus() { cp -a "$one" "$work/$1"; }
copy_bus kernel
for device in "$work"/kernel/devices/*; do
    rm -rf "$device/driver" "$device/uio"
    ln -s ../../drivers/hv_netvsc "$device/driver"
    mkdir -p "$device/net/eth1"
done
row 1 'bound to hv_netvsc as eth1.*netvscctl bind' "$http" --bus "$work/kernel" "${ip[@]}"
copy_bus old
rm -rf "$work"/old/devices/*/uio/uio*/maps/map[34]
row 1 'no map named recv.*Linux 4.16' "$http" --bus "$work/old" "${ip[@]}"
chmod 755 "$work"
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
cp "$http" "$work/http"
row 1 'no permission to look.*root' "${nobody[@]}" "$work/http" --bus "$one" "${ip[@]}"
row 1 'TAP.*not permitted' "${nobody[@]}" "$work/http" --emulate tap=nvt9 "${ip[@]}"
copy_bus locked
chmod -R a+rX "$work/locked"
chmod 600 "$work"/locked/dev/uio*
row 1 'may not open' "${nobody[@]}" "$work/http" --bus "$work/locked" "${ip[@]}"
start owner "$http" --bus "$one" "${ip[@]}"
ready owner NVSP
row 1 'another program uses this NIC' "$http" --bus "$one" "${ip[@]}"
stop owner

row 1 'TAP.*another program uses it' "$http" --emulate "tap=$tap" "${ip[@]}"
row 2 'tap needs a name' "$http" --emulate tap=a/b "${ip[@]}"
row 2 'unknown part' "$http" --emulate tap=nvt9,speed=3 "${ip[@]}"
row 2 'mac is not' "$http" --emulate tap=nvt9,mac=01:00:00:00:00:01 "${ip[@]}"
row 2 'brings its own bus' "$http" --emulate tap=nvt9 --bus "$one" "${ip[@]}"
row 2 'no address.*--dhcp' "$http" --bus "$one"
row 2 'static address' "$http" --bus "$one" --dhcp "${ip[@]}"
row 2 '10\.0\.0\.2/24' "$http" --bus "$one" --ip 10.78.0.1
row 2 'not a valid value' "$http" --bus "$one" --ip 10.78.0.999/24
row 2 'not a valid value' "$http" --bus "$one" --ip 10.78.0.1/33
row 2 'network of --ip' "$http" --bus "$one" "${ip[@]}" --gateway 192.0.2.1
row 2 'from 1 to 65535' "$echo" --bus "$one" "${ip[@]}" --port 0
row 2 'from 1 to 65535' "$echo" --bus "$one" "${ip[@]}" --port 70000
row 2 'from 68 to' "$echo" --bus "$one" "${ip[@]}" --mtu 12
row 2 'error, warn, info' "$echo" --bus "$one" "${ip[@]}" --log loud
row 2 'unknown option' "$echo" --bus "$one" --nonsense
row 2 'not an option' "$echo" --bus "$one" "${ip[@]}" surplus
row 1 'No such file.*--pcap' "$echo" --bus "$one" "${ip[@]}" --pcap "$work/nowhere/file"
late_row 1 'No such file.*--root' "$http" --bus "$one" "${ip[@]}" --root "$work/nowhere"
late_row 1 'Not a directory.*--root' "$http" --bus "$one" "${ip[@]}" --root /etc/hostname
late_row 1 'access-log' "$http" --bus "$one" "${ip[@]}" --access-log="$work/nowhere/log"
first=$(cd "$bus/devices" && ls | head -n 1)
late_row 1 'address already in use' "$echo" --bus "$bus" --nic "$first" --ip "$peer/24"

row 2 'no folder given' "$bin/hvhost"
row 1 'another hvhost serves it' "$bin/hvhost" --dir "$one"
row 1 'not a bus' "$bin/hvhost" --dir /etc
row 1 'does not exist' "$bin/hvhost" --dir "$work/nowhere/bus"
row 1 'another program uses it' "$bin/hvhost" --dir "$work/two" --tap "$tap"
row 1 'not permitted' "${nobody[@]}" "$bin/hvhost" --dir /dev/shm/nvt-nobody-$$ --tap nvt9
row 2 'mac is written' "$bin/hvhost" --dir "$work/two" --nic mac=x
row 2 'unknown key' "$bin/hvhost" --dir "$work/two" --nic colour=red
row 2 'guid or one of its sizes' "$bin/hvhost" --dir "$work/two" --nic guid=1
row 2 'a guid of its own' "$bin/hvhost" --dir "$work/two" --nic "guid=$guid" --nic "guid=$guid"
row 1 'no VMBus' "$bin/netvscctl" list --bus "$work/nowhere"
row 2 'dance: unknown command' "$bin/netvscctl" dance

echo "$rows errors, each with its remedy"
stop single
e2e_end
