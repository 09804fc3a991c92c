#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_install.sh ROOT BUILD: what cmake --install leaves is complete: a program outside of this
# tree builds against it alone, installed programs run, and systemd understands the unit.
set -u -o pipefail
build=$(cd "${2:?usage: check_install.sh ROOT BUILD}" && pwd) || exit 2
into=$(mktemp -d)
trap 'rm -rf "$into"' EXIT
fail() { echo "check_install: $*"; exit 1; }

cmake --install "$build" --prefix "$into/usr" >"$into/log" 2>&1 ||
    fail "cmake --install: $(tail -n 3 "$into/log")"
cat >"$into/own.c" <<'END'
#include "lwip/init.h"
#include "netvsc_netif.h"
#include "port_loop.h"
#include "vmbus.h"
#include <stdio.h>

int main(void)
{
    const struct netvsc_config config = {.mtu_bytes = 1500};
    static struct netvsc_netif nif;

    lwip_init();
    if (netvsc_netif_add(&nif, &config) != 0)
        return 1;
    puts(netvsc_state_name(netvsc_state(nif.nic)));
    netvsc_netif_remove(&nif);
    return 0;
}
END
pc=$(find "$into/usr" -name netvsc.pc)
[ -n "$pc" ] || fail "no netvsc.pc"
command -v pkg-config >/dev/null || { echo "skipped: no pkg-config"; exit 77; }
flags() { PKG_CONFIG_PATH=${pc%/*} pkg-config "$@" netvsc; }
# shellcheck disable=SC2046
"${CC:-cc}" -std=gnu11 $(flags --cflags) "$into/own.c" -o "$into/own" $(flags --libs) \
    >"$into/log" 2>&1 || fail "a program of one's own does not build: $(tail -n 5 "$into/log")"
[ "$("$into/own")" = down ] || fail "it does not run"
for program in netvsc-http netvsc-nat netvsc-l2fwd netvsc-lb netvscctl hvhost; do
    "$into/usr/bin/$program" --help >/dev/null || fail "$program does not run"
done

unit=$(find "$into/usr" -name 'netvsc-http@.service')
[ -n "$unit" ] || fail "no unit"
if command -v systemd-analyze >/dev/null; then
    # The programs it names are where they were just installed.
    sed -E "s#=(\+?)/[^ ]*/netvscctl#=\1$into/usr/bin/netvscctl#" "$unit" \
        >"$into/netvsc-http@x.service"
    said=$(systemd-analyze verify --man=no "$into/netvsc-http@x.service" 2>&1 |
        grep 'netvsc-http@') && fail "systemd does not take the unit: $said"
fi
echo "check_install: complete"
