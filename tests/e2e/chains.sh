#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A kernel's bulk data into lwIP, put together by the host (RSC), by the driver (GRO), by nobody:
# the bytes are the same, the counters say who did it, and no one waits for a timer of 250 ms.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
card_up
head -c 20000000 /dev/urandom >"$work/many"

head -c 3000000 "$work/many" >"$work/some"

# echoed ADDRESS [FILE]
echoed() {
    local file=$work/${2:-many}
    inside timeout 60 ncat "$1" 7 <"$file" >"$work/back" && same_bytes "$file" "$work/back"
}
# Twenty times three writes of one byte, each a segment of its own.
dribble() {
    local n
    for n in {1..20}; do
        printf abc | inside timeout 10 ncat --send-only "$addr" 7 || return 1
    done
}
count() { counter echo "$1" "$2"; }
more() { [ "$1" -gt "$2" ] || { echo "$1 is not more than $2"; return 1; }; }

for how in auto auto,no-gro auto,no-rsc auto,no-rsc,no-gro verify verify,no-rsc; do
    app4 echo netvsc-echo --offload "$how" --ipv6=fd78::1
    check "$how: 20 MB and back over IPv4" echoed "$addr"
    check "$how: 20 MB and back over IPv6" echoed fd78::1
    check "$how: connections of three bytes" dribble
    app_down echo
    frames=$(count card rx_rsc_frames)
    fragments=$(count card rx_rsc_fragments)
    chains=$(count interface rx_gro_chains)
    segments=$(count interface rx_gro_segments)
    case $how in
    auto | auto,no-gro | verify)
        check "$how: fragments per frame ($fragments in $frames)" more "$fragments" $((2 * frames))
        check "$how: there were frames" more "$frames" 0
        check "$how: the driver had nothing left to do" equal "$chains" 0
        ;;
    *no-gro)
        check "$how: nobody put anything together" equal "$frames $chains" "0 0"
        ;;
    *)
        check "$how: segments per chain ($segments in $chains)" more "$segments" $((2 * chains))
        check "$how: there were chains" more "$chains" 0
        check "$how: the host left it to the driver" equal "$frames" 0
        ;;
    esac
    check "$how: no sum was found wrong" equal "$(count interface rx_csum_disagree)" 0
done

# A switch that swaps and doubles frames: only what is in order joins. It has to be ours to set.
if [ "$face" = inside ]; then
    card=(--emulate "tap=$tap,impair=reorder=1%+duplicate=1%+seed=5")
    for how in auto auto,no-rsc; do
        app4 echo netvsc-echo --offload "$how"
        check "$how: 3 MB out of order and twice" echoed "$addr" some
        app_down echo
        for what in reordered duplicated; do
            check "$how: some were $what" more "$(counter echo "emulated switch" impair_$what)" 3
        done
        joined=$(($(count card rx_rsc_frames) + $(count interface rx_gro_chains)))
        check "$how: and some joined ($joined)" more "$joined" 10
    done
fi
e2e_end
