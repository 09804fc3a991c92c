#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_style.sh [ROOT]: what can be checked about readability without an opinion.
. "$(dirname "${BASH_SOURCE[0]}")/check_lib.sh"

is_code() {
    case $1 in
    *.c | *.h | *.cmake | *.sh | *.py | CMakeLists.txt | */CMakeLists.txt) return 0 ;;
    *.*) return 1 ;;
    esac
    head -c 2 "$1" | grep -q '#!'
}

# report FILE WHAT < LINE-NUMBERS
report() {
    local line
    while IFS=: read -r line _; do
        finding "$1:$line" "$2"
    done
}

# C with comments blanked out, line numbers kept, so that prose may name what code must not.
code_only() {
    awk '{
        out = ""; s = $0
        while (s != "") {
            if (inside) {
                p = index(s, "*/"); if (!p) break
                s = substr(s, p + 2); inside = 0
            } else {
                p = index(s, "/*"); if (!p) { out = out s; break }
                out = out substr(s, 1, p - 1); s = substr(s, p + 2); inside = 1
            }
        }
        sub(/\/\/.*/, "", out)
        print out }' "$1"
}

# Functions longer than 60 lines between their braces.
long_functions() {
    awk '/^\{/ { open = NR } /^\}/ { if (open && NR - open > 60) print open; open = 0 }' "$1"
}

# One-line comments whose end is alone in the next line.
ragged_comments() {
    awk '/^ *\*\/$/ && open { print NR - 1 } { open = /^ *\/\* [^ ]/ && !/\*\// }' "$1"
}

# Words put together here so that this file does not fail its own check.
unfinished="TO""DO|FIX""ME|XX""X|HA""CK"
archives='(deb|ftp|security|snapshot|archive|ports)[.](debian|ubuntu)[.]'
archives="$archives|(pypi|pythonhosted|npmjs)[.]|crates[.]io|proxy[.]golang|rubygems[.]org"
archives="$archives|//[a-z0-9.-]*mirror"
waits='\b((u|nano|clock_nano)?sleep|poll|select|epoll_wait)[[:space:]]*\('

# What tools leave behind is committed by accident, most easily to the root, where few files belong.
is_stray() {
    case $1 in
    *.log | *.orig | *.rej | *.bak | *.tmp | *.o | *.a | *.so | *.pcap | *~) return 0 ;;
    */*) return 1 ;;
    ARCHITECTURE.md | README.md | CMakeLists.txt | CMakePresets.json | LICENSE) return 1 ;;
    .clang-format | .editorconfig | .gitattributes | .gitignore) return 1 ;;
    esac
    return 0
}

checked=0
while read -r file; do
    ! is_stray "$file" || finding "$file" "no kind of file that belongs here"
    [ -s "$file" ] || continue
    grep -qI . "$file" || continue # binary
    checked=$((checked + 1))
    report "$file" "names a package registry or mirror" < <(grep -nEi "$archives" "$file")
    is_code "$file" || continue

    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' ||
        finding "$file:1" "no SPDX line"
    report "$file" "a tab" < <(grep -nP '\t' "$file")
    report "$file" "white space at the end" < <(grep -nE '[[:space:]]$' "$file")
    report "$file" "longer than 100 columns" < <(LC_ALL=C.UTF-8 grep -nE '^.{101,}' "$file")
    report "$file" "marked as unfinished" < <(grep -nE "\\b($unfinished)\\b" "$file")

    case $file in
    *.c | *.h)
        report "$file" "a function over 60 lines" < <(long_functions "$file")
        report "$file" "a heading in two lines" < <(grep -nE '^ \* -+ \*/$' "$file")
        report "$file" "a comment's end in a line of its own" < <(ragged_comments "$file")
        ;;
    esac
    case $file in
    vmbus/*.[ch] | netif/*.[ch] | hvhost/*.[ch])
        report "$file" "volatile orders nothing between processors; use C11 atomics" \
            < <(code_only "$file" | grep -nwE 'volatile|asm|__asm__' | grep -v sig_atomic_t)
        report "$file" "a foreign value must not end the program" \
            < <(code_only "$file" | grep -nE '\b(abort|assert)[[:space:]]*\(')
        ;;
    esac
    case $file in
    vmbus/*.[ch] | netif/*.[ch])
        report "$file" "the driver never waits" < <(code_only "$file" | grep -nE "$waits")
        ;;
    esac
    case $file in
    vmbus/*.h | netif/*.h | port/*.h | hvhost/*.h | apps/*.h)
        [[ $file = *_reg.h || $file = *_var.h || $(wc -l <"$file") -le 150 ]] ||
            finding "$file" "a public header over 150 lines"
        ;;
    tests/*) ;;
    *.c)
        [ "$(wc -l <"$file")" -le 450 ] || finding "$file" "over 450 lines: split it by topic"
        ;;
    esac
done < <(all_files)

for folder in vmbus netif port apps hvhost tests; do
    [ -d "$folder" ] || continue
    if [ ! -f "$folder/README.md" ]; then
        finding "$folder" "no README.md"
    elif [ "$(wc -l <"$folder/README.md")" -gt 40 ]; then
        finding "$folder/README.md" "longer than 40 lines"
    fi
done

conclude check_style "$checked files"
