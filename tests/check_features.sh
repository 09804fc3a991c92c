#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_features.sh ROOT BUILD [--write]: docs/features.md is what tests/features.table makes of it,
# and every option, test and counter in the table exists. --write makes the page anew.
build=${2:?usage: check_features.sh ROOT BUILD [--write]}
write=${3:-}
. "$(dirname "${BASH_SOURCE[0]}")/check_lib.sh"

table=tests/features.table
page=docs/features.md
[ -f "$table" ] || { finding "$table" "missing"; conclude check_features ""; }
tests=$(ctest_tests "$build" | jq -r '.tests[].name')
[ -n "$tests" ] || finding "$build" "CTest knows no tests there"
counters=$(sed -nE 's/^ +X\(([a-z0-9_]+),.*/\1/p' netif/*.h port/*.h hvhost/*.h apps/*.h)
options=$(sed -nE 's/^ +\{"([a-z0-9-]+)", (KEY_[A-Z_0-9]+|.[a-z].), .*/--\1/p' apps/*.c 2>/dev/null
    sed -nE '/^struct netvsc_config \{/,/^\};/ s/^ +[a-z].*/&/p' netif/netvsc_config.h 2>/dev/null |
        sed -E 's|/\*.*||' | grep -oE '[a-z0-9_]+ *[,;]' |
        sed -E 's/ *[,;]//; s/^/config./')

# trim TEXT
trim() { sed -E 's/^ +//; s/ +$//' <<<"$1"; }
# each CELL: its parts, one per line.
each() { tr ',' '\n' <<<"$1" | sed -E 's/^ +//; s/ +$//' | grep .; }
# known LIST ITEM
known() { grep -qFx -- "$2" <<<"$1"; }

# check_row FEATURE OPTION DEFAULT TESTS COUNTERS
check_row() {
    local item
    [ -n "$(trim "$4")" ] || finding "$table" "\"$1\" has no test"
    while read -r item; do
        known "$tests" "$item" || finding "$table" "\"$1\" names \"$item\", which is no test"
    done < <(each "$4")
    while read -r item; do
        known "$counters" "$item" || finding "$table" "\"$1\": no counter $item"
    done < <(each "$5")
    while read -r item; do
        [[ $item = --* || $item = config.* ]] || continue
        known "$options" "$item" || finding "$table" "\"$1\": no option $item"
    done < <(each "$2")
}

# quoted CELL: each part as code; a dash when there is none.
quoted() {
    local text
    text=$(each "$1" | sed 's/.*/`&`/' | paste -sd, - | sed 's/,/, /g')
    echo "${text:--}"
}

made=$(mktemp)
trap 'rm -f "$made"' EXIT
cat >"$made" <<'TOP'
# Features

Made from `tests/features.table` by `tests/check_features.sh . BUILD --write`; do not edit.
Tests are CTest's names. Options beginning with `--` are every program's, `config.` is in
`struct netvsc_config`.

| feature | option | default | tests | counters |
|---|---|---|---|---|
TOP
rows=0
while IFS='|' read -r feature option default names counted; do
    [[ $feature = '#'* || -z $feature ]] && continue
    rows=$((rows + 1))
    feature=$(trim "$feature")
    check_row "$feature" "$option" "$default" "$names" "$counted"
    option=$(trim "$option")
    [[ $option = always || $option = none* ]] || option=$(quoted "$option")
    echo "| $feature | $option | $(trim "$default") | $(quoted "$names") | $(quoted "$counted") |"
done <"$table" >>"$made" 2>&1

# Findings of the rows went into the page: they are no rows.
if grep -qE "^$table: " "$made"; then
    grep -E "^$table: " "$made"
    findings=$(grep -cE "^$table: " "$made")
elif [ "$write" = --write ]; then
    cp "$made" "$page"
elif ! cmp -s "$made" "$page"; then
    finding "$page" "is not what $table says; run: tests/check_features.sh . BUILD --write"
fi
conclude check_features "$rows rows"
