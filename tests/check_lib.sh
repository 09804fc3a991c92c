# SPDX-License-Identifier: BSD-3-Clause
# What the check_*.sh share: the tree to look at, its files, and counting what is wrong in it.
# Sourced with the tree's root as $1 (default: this checkout).

set -u -o pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}" || exit 2
findings=0

# finding WHERE WHAT
finding() {
    printf '%s: %s\n' "$1" "$2"
    findings=$((findings + 1))
}

# all_files: every file of the project, tracked or about to be; build products and scratch left out.
all_files() {
    if [ -e .git ]; then
        git -c safe.directory="$PWD" ls-files -co --exclude-standard
    else
        find . -type f -not -path './build/*' -not -path './.cache/*' | sed 's|^\./||'
    fi | sort | while read -r f; do
        [ -f "$f" ] && printf '%s\n' "$f"
    done
}

# ctest_tests BUILD: what CTest knows there, as JSON. Asked from a folder of its own, because asking
# in BUILD would overwrite the log of the run this check may be part of.
ctest_tests() {
    local aside
    aside=$(mktemp -d)
    echo "subdirs(\"$(realpath "$1")\")" >"$aside/CTestTestfile.cmake"
    ctest --test-dir "$aside" --show-only=json-v1
    rm -rf "$aside"
}

# conclude NAME WHAT-WAS-LOOKED-AT: say how it went, in one line, and exit.
conclude() {
    if [ "$findings" -eq 0 ]; then
        echo "$1: $2, nothing found"
        exit 0
    fi
    echo "$1: $findings found"
    exit 1
}
