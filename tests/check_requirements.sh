#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_requirements.sh ROOT BUILD: docs/requirements.md lists S1..S39 and C1..C16 once each, as
# rows "| S1 | text | proof |". A proof is a list of tests that CTest knows, or "not yet (issue N)",
# or both.
build=${2:?usage: check_requirements.sh ROOT BUILD}
. "$(dirname "${BASH_SOURCE[0]}")/check_lib.sh"

page=docs/requirements.md
[ -f "$page" ] || { finding "$page" "missing"; conclude check_requirements ""; }
tests=$(ctest_tests "$build" | jq -r '.tests[].name')
[ -n "$tests" ] || finding "$build" "CTest knows no tests there"

# proof ID CELL
proof() {
    local item
    [[ $2 = *[![:space:]]* ]] || finding "$page" "$1 has no proof"
    while read -r item; do
        [ -n "$item" ] || continue
        [[ $item =~ ^not\ yet\ \(issue\ [0-9]+\)$ ]] && continue
        grep -qFx -- "$item" <<<"$tests" || finding "$page" "$1 names \"$item\", which is no test"
    done < <(tr ',' '\n' <<<"${2//\`/}")
}

for id in S{1..39} C{1..16}; do
    rows=$(grep -cE "^\| *$id *\|" "$page")
    [ "$rows" -eq 1 ] || finding "$page" "$id has $rows rows instead of one"
    cell=$(sed -nE "s/^\| *$id *\|.*\|([^|]*)\| *$/\1/p" "$page" | head -n 1)
    [ "$rows" -eq 0 ] || proof "$id" "$cell"
done

conclude check_requirements "55 rows"
