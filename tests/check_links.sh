#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_links.sh ROOT BUILD: the programs stand alone. What they need at run time is libc and
# libuuid; what the build insists on is lwIP and libuuid, so it can be configured where nothing else
# is.
build=$(cd "${2:?usage: check_links.sh ROOT BUILD}" && pwd) || exit 2
. "$(dirname "${BASH_SOURCE[0]}")/check_lib.sh"

programs=0
for program in "$build"/bin/*; do
    case ${program##*/} in
    netvsc-* | netvscctl | hvhost) ;;
    *) continue ;;
    esac
    programs=$((programs + 1))
    while read -r library; do
        case $library in
        libc.so.* | libm.so.* | libuuid.so.* | ld-linux*) ;;
        lib[atu]*san.so.* | libgcc_s.so.*) ;; # a sanitizer build
        *) finding "${program##*/}" "needs $library" ;;
        esac
    done < <(LC_ALL=C objdump -p "$program" | awk '$1 == "NEEDED" { print $2 }')
done
[ "$programs" -gt 0 ] || finding "$build/bin" "no programs"

while read -r where; do
    finding "${where%%:*}" "a hard dependency beside libuuid and lwIP: ${where#*:}"
done < <(all_files | grep -E '(CMakeLists\.txt|\.cmake)$' |
    xargs grep -HE 'find_(package|path|library)\(.*REQUIRED|pkg_check_modules\(' |
    grep -vE "UUID_|Threads")

# As on a machine that only apps/demo has prepared: 0 is "looked for, and not there".
if [ -f CMakeLists.txt ]; then
    bare=$(mktemp -d)
    trap 'rm -rf "$bare"' EXIT
    cmake -S . -B "$bare" -G Ninja -DBUILD_TESTING=ON -DCMOCKA_LIBRARY=0 -DCHECK_LIBRARY=0 \
        >"$bare/log" 2>&1 ||
        finding CMakeLists.txt "needs cmocka or check: $(grep -A 2 -m 1 'CMake Error' "$bare/log")"
fi

conclude check_links "$programs programs"
