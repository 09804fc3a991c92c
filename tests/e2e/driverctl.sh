#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The real driverctl 0.111 and netvscctl on the same cards: each undoes and keeps what the other
# did. In a mount namespace a made-up /sys and /etc lie over those of this machine. driverctl is a
# shell script, so its kernel answers inside its own echo: at once, as a real one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ctl_kernel.sh"

# Once more inside a mount namespace of our own, with the made-up machine in place.
if [ -z "${CTL_MACHINE:-}" ]; then
    e2e_begin "$1"
    unshare -m true 2>"$work/unshare" || skip "no mount namespaces: $(cat "$work/unshare")"
    driverctl=$(command -v driverctl)
    if [ -z "$driverctl" ]; then
        driverctl=$root/.cache/driverctl/usr/sbin/driverctl
        [ -x "$driverctl" ] || {
            mkdir -p "$root/.cache/driverctl" &&
                (cd "$work" && apt-get -q download driverctl) >"$work/apt" 2>&1 &&
                dpkg-deb -x "$work"/driverctl_*.deb "$root/.cache/driverctl"
        } || skip "driverctl is not installed and cannot be downloaded: $(tail -n 1 "$work/apt")"
    fi
    CTL_MACHINE=$work/machine CTL_DRIVERCTL=$driverctl ns=$ns unshare -m "$BASH" "$0" "$1"
    status=$?
    [ "$status" -eq 77 ] && skip "$(cat "$work/mount" 2>/dev/null)"
    exit "$status"
fi

topic=driverctl bin=$1 work=${CTL_MACHINE%/*} machine=$CTL_MACHINE
trap 'kill $(jobs -p) 2>/dev/null' EXIT
trap 'exit 1' INT TERM HUP
tap=eth7 # a name in files only; the card has no interface to lose
make_machine
mkdir "$machine/etc/driverctl.d"
{
    mount --make-rprivate / && mount --bind "$machine/etc" /etc && mount --bind "$machine/sys" /sys
} 2>"$work/mount" || exit 77
export machine tap
cat >"$work/echo" <<'END'
. "$CTL_KERNEL"
interface_up() { :; }
interface_down() { :; }
echo() {
    builtin echo "$@"
    [ -n "${reacting:-}" ] || reacting=1 kernel_react >/dev/null 2>&1 </dev/null
}
END

real() {
    BASH_ENV=$work/echo CTL_KERNEL=$(dirname "${BASH_SOURCE[0]}")/ctl_kernel.sh \
        bash "$CTL_DRIVERCTL" -b vmbus "$@"
}
# ours COMMAND...: with the kernel beside it, which may take its time.
ours() {
    local status
    kernel_loop >"$work/kernel.log" 2>&1 &
    "$bin/netvscctl" "$@"
    status=$?
    kill $! && wait $! 2>/dev/null
    return $status
}
driver_is() { equal "$(driver_of "$card_a")" "$1"; }
override_is() { equal "$(cat "$(device "$card_a")/driver_override")" "$1"; }
kept_is() { equal "$(cat "/etc/driverctl.d/vmbus-$card_a" 2>&1)" "$1"; }
not_kept() { [ ! -e "/etc/driverctl.d/vmbus-$card_a" ]; }
cards() { real list-devices | cut -d' ' -f1,2 | sort; }
our_cards() { ours list --json | jq -r '.[] | "\(.guid) \(.driver)"' | sort; }
state=(--state "$work/state")

check "both see the same cards" equal "$(cards)" "$(our_cards)"
check "which are two" equal "$(cards | wc -l)" 2

check "driverctl binds" real set-override "$card_a" uio_hv_generic
check "to uio_hv_generic" driver_is uio_hv_generic
check "netvscctl sees it ready" equal \
    "$(ours list --json | jq -r ".[] | select(.guid == \"$card_a\") | .state")" ready
cp "/etc/driverctl.d/vmbus-$card_a" "$work/kept"
check "netvscctl binds what is bound" ours bind "$card_a" "${state[@]}"
check "its file stays as driverctl wrote it" cmp "$work/kept" "/etc/driverctl.d/vmbus-$card_a"
check "netvscctl unbinds" ours unbind "$card_a" "${state[@]}"
check "to hv_netvsc" driver_is hv_netvsc
check "no override is left" override_is "(null)"
check "nor driverctl's file" not_kept
check "driverctl has no override to list" equal "$(real list-overrides)" ""

# The interface of these cards is in files only: none to save.
rm -rf "$(device "$card_a")/net"
check "netvscctl binds" ours bind "$card_a" "${state[@]}"
check "to uio_hv_generic again" driver_is uio_hv_generic
check "with the file driverctl would write" cmp "$work/kept" "/etc/driverctl.d/vmbus-$card_a"
check "driverctl lists it" equal "$(real list-overrides)" "$card_a uio_hv_generic"
check "both see the same drivers" equal "$(cards)" "$(our_cards)"

# The next boot: hv_netvsc took the card, then driverctl's udev rule calls this.
detach "$card_a"
: >"$(device "$card_a")/driver_override"
attach "$card_a" hv_netvsc
check "driverctl applies netvscctl's file at boot" real load-override "$card_a"
check "to uio_hv_generic, too" driver_is uio_hv_generic
check "driverctl undoes netvscctl's bind" real unset-override "$card_a"
check "which gives the kernel its card" driver_is hv_netvsc
check "with nothing kept" not_kept

rm -rf "$(device "$card_a")/net"
check "netvscctl --once" ours bind "$card_a" --once "${state[@]}"
check "leaves nothing for driverctl to load" eval "! real load-override $card_a"
check "the other card was never touched" equal "$(driver_of "$card_b")" hv_netvsc
echo "passed: $topic"
