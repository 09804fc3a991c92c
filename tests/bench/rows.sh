# SPDX-License-Identifier: BSD-3-Clause
# Rows of the benchmark suite: sourced by its parts, which set $bin and $json.
#
# A row is measured in pairs, ours then the peer's, again and again; its ratio is the median of the
# pairs' ratios. $pairs_file has a line {"ours":..,"peer":..,"ratio":..} per pair; what else is in
# it, numbers all, comes into the row as a median, too.
pairs_file=$(mktemp)
trap 'rm -f "$pairs_file"' EXIT

# What others take of this machine right now, in percent of all processors.
busy() {
    local a b all=0 i
    read -ra a < <(head -n 1 /proc/stat)
    sleep 0.5
    read -ra b < <(head -n 1 /proc/stat)
    for i in {1..8}; do all=$((all + b[i] - a[i])); done
    echo $((100 - 100 * (b[4] + b[5] - a[4] - a[5]) / (all > 0 ? all : 1)))
}

# How far apart the processors are, and how busy: only rows with equal tags are to be compared.
tag() { echo "$("$bin/bench_topo" | cut -d' ' -f2), $(busy) % busy"; }

# unpaced COMMAND...: in the namespace COMMAND runs things in, TCP sends as fast as window and
# losses permit. The machine's own choice may be BBR, which sets a timer for every 64 KB. On a
# virtual machine that can take longer than to send them: bulk rows would say what a timer costs.
unpaced() { "$@" tee /proc/sys/net/ipv4/tcp_congestion_control <<<reno >/dev/null; }

# pair OURS PEER: one more.
pair() {
    jq -cn "{ours: $1, peer: $2, ratio: ($1 / $2)}" >>"$pairs_file"
}

# pair_of KEY OURS PEER: one more, of what two programs said, a JSON object each. Latencies that are
# in them go along: p50_us and so on, the peer's as peer_p50_us; and segments sent again.
pair_of() {
    jq -cn --argjson o "$2" --argjson p "$3" "
        def late: with_entries(select(.key == \"again\" or
            ((.key | test(\"^p[0-9]+_us\$\")) and .value > 0)));
        {ours: (\$o | $1), peer: (\$p | $1)} | .ratio = .ours / .peer | . + (\$o | late) +
            (\$p | late | with_entries(.key |= \"peer_\" + .))" >>"$pairs_file"
}

rows_head() { bash "${BASH_SOURCE[0]%/*}/table" --head; }

# row_end NAME PEER UNIT GOAL TAG: the row of the pairs in the file. GOAL: ">= 5", "<= 2", which is
# about the ratio; "ours <= 20", which is about our own figure; or "" for none.
row_end() {
    jq -cs --arg name "$1" --arg peer "$2" --arg unit "$3" --arg goal "$4" --arg tag "$5" '
        def median: sort | .[length / 2 | floor];
        ($goal | ltrimstr("ours ") | split(" ")) as $g |
        {name: $name, peer_name: $peer, unit: $unit, ours: (map(.ours) | median),
         peer: (map(.peer) | median), ratio: (map(.ratio) | median),
         target: (if $goal == "" then null else ($g[1] | tonumber) end), sense: ($g[0] // null),
         of_ours: ($goal | startswith("ours ")), min: (map(.ratio) | min),
         max: (map(.ratio) | max), pairs: length, tag: $tag} +
        (. as $all | .[0] | del(.ours, .peer, .ratio) | with_entries(.key as $k |
            .value = ($all | map(.[$k]) | median)))' \
        "$pairs_file" | tee -a "$json" | bash "${BASH_SOURCE[0]%/*}/table" --lines
    : >"$pairs_file"
}

# row_late NAME PEER QUANTILE GOAL TAG: before row_end, of the same pairs: a latency.
row_late() {
    local pairs
    pairs=$(cat "$pairs_file")
    jq -c --arg k "$3" '{ours: .[$k], peer: .["peer_" + $k]} | .ratio = .ours / .peer' \
        <<<"$pairs" >"$pairs_file"
    row_end "$1" "$2" us "$4" "$5"
    echo "$pairs" >"$pairs_file"
}
