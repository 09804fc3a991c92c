#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_includes.sh [ROOT]: folders are the architecture. Fails on an #include against its table
# (see ARCHITECTURE.md): who may include whom; x.h public, x_reg.h wire, x_var.h of its folder only.
. "$(dirname "${BASH_SOURCE[0]}")/check_lib.sh"

# allowed FILE KIND OF-FOLDER HEADER: may FILE include HEADER, which is KIND of OF-FOLDER?
# Kinds: public, reg, var, transport; and for what is not ours: lwip, uuid, libc.
allowed() {
    local from=${1%%/*} base=${1##*/} kind=$2 of=$3
    case $from:$kind:$of in
    tests:*) return 0 ;;
    *:libc:*) return 0 ;;
    *:tests) return 1 ;;
    *:var:*) [ "$from" = "$of" ] ;;
    "$from":*:"$from") return 0 ;;
    # lwIP: its port, the programs, and the files of netif/ that are its face.
    port:lwip:* | apps:lwip:*) return 0 ;;
    netif:lwip:*) [[ $base = netvsc_netif*.[ch] ]] ;;
    vmbus:uuid:* | hvhost:uuid:*) return 0 ;;
    # The bus is what the driver stands on; the loop and the programs open it.
    netif:public:vmbus | port:public:vmbus | apps:public:vmbus) return 0 ;;
    port:public:netif | apps:public:netif | apps:public:port) return 0 ;;
    # The emulated host shares bytes and the seam with the driver, not code.
    hvhost:reg:vmbus | hvhost:reg:netif | hvhost:transport:vmbus) return 0 ;;
    # Programs with a host inside: those who start one or count for it, named here.
    apps:public:hvhost) [[ $base =~ ^(app_emulate|app_stats|loopback\w*|netvsc_loopback)\.c$ ]] ;;
    apps:transport:vmbus) [[ $base =~ ^(app_emulate|loopback\w*|netvsc_loopback)\.c$ ]] ;;
    *) return 1 ;;
    esac
}

kind_of() {
    case $1 in
    vmbus_transport.h) echo transport ;;
    *_reg.h) echo reg ;;
    *_var.h) echo var ;;
    *) echo public ;;
    esac
}

# owner HEADER FROM-FOLDER FROM-FILE: the folder of ours that holds it. Empty when none does.
owner() {
    local name=$1 folder
    [ -f "${3%/*}/$name" ] && { echo "$2"; return; }
    for folder in "$2" vmbus netif port hvhost apps tests; do
        [ -f "$folder/$name" ] && { echo "$folder"; return; }
    done
}

checked=0
while read -r file; do
    [[ $file = */*.[ch] ]] || continue
    checked=$((checked + 1))
    from=${file%%/*}
    while IFS=: read -r line text; do
        name=$(sed -E 's/^[^"<]*["<]([^">]*)[">].*/\1/' <<<"$text")
        case $name in
        lwip/* | netif/* | arch/*) kind=lwip of=lwip ;;
        uuid/*) kind=uuid of=libuuid ;;
        *)
            of=$(owner "$name" "$from" "$file")
            if [ -n "$of" ]; then
                kind=$(kind_of "${name##*/}")
            elif [[ $text = *\"* && $name != lwipopts.h ]]; then
                finding "$file:$line" "\"$name\" is no header of ours"
                continue
            else
                kind=libc of=libc
            fi
            ;;
        esac
        allowed "$file" "$kind" "$of" "$name" ||
            finding "$file:$line" "$from/ may not include $name ($kind, of $of)"
    done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' "$file")
done < <(all_files)

# The driver cannot tell which world it is in: nothing in it names the emulated host.
while read -r file; do
    while IFS=: read -r line _; do
        finding "$file:$line" "the driver names the emulated host"
    done < <(sed -E 's|/\*.*\*/||; s|//.*||; s|^[[:space:]]*/?\*.*||' "$file" |
        grep -nE '\bhvh(ost)?(_|\b)')
done < <(all_files | grep -E '^(vmbus|netif)/.*\.[ch]$')

conclude check_includes "$checked files"
