#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_docs.sh ROOT BUILD: a command in the documentation works. Each block fenced as ```sh in a
# .md file says in a comment right above it how that is known:
#   <!-- run: ci -->       executed here, with BUILD for build/release; except the two commands that
#                          would run this check again: tests/run must be what .ci/run runs, and
#                          apps/demo must be what the test e2e_demo runs
#   <!-- run: TEST -->     each line of it stands word for word in the script of that CTest test
#   <!-- run: real-vm -->  cannot run here: checked for syntax, for programs and options that exist
# A block without such a comment fails, and so do shell blocks fenced otherwise. The README.md of a
# folder names every file in it.
build=$(cd "${2:?usage: check_docs.sh ROOT BUILD}" && pwd) || exit 2
. "$(dirname "${BASH_SOURCE[0]}")/check_lib.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
squeeze() { sed -E 's/[[:space:]]+/ /g; s/^ //; s/ $//'; }

# commands: a block's lines without comments, joined where they continue.
commands() {
    sed -E ':a; /\\$/ { N; s/[[:space:]]*\\\n/ /; ba }' | sed -E '/^[[:space:]]*(#.*)?$/d'
}

# run_ci WHERE BLOCK
run_ci() {
    local script= line
    while read -r line; do
        case $line in
        tests/run) grep -q 'tests/run' .ci/run || finding "$1" ".ci/run does not run tests/run" ;;
        apps/demo) grep -q 'apps/demo' tests/e2e/demo.sh || finding "$1" "nothing runs apps/demo" ;;
        "cmake --preset release") script+="cmake '$build'"$'\n' ;;
        *) script+="${line//build\/release/$build}"$'\n' ;;
        esac
    done < <(commands <<<"$2")
    [ -n "$script" ] || return
    timeout 120 bash -e -c "$script" >"$log" 2>&1 </dev/null ||
        finding "$1" "fails when executed: $(tail -n 3 "$log" | tr '\n' ' ')"
}

# run_test WHERE BLOCK TEST
run_test() {
    local script line
    script=$(ctest_tests "$build" |
        jq -r --arg t "$3" '.tests[] | select(.name == $t) | .command[] | select(endswith(".sh"))')
    [ -n "$script" ] || { finding "$1" "$3 is no test with a script"; return; }
    while read -r line; do
        squeeze <"${script%%$'\n'*}" | grep -qF -- "$line" || finding "$1" "$3 does not run: $line"
    done < <(commands <<<"$2" | squeeze)
}

# run_real_vm WHERE BLOCK
run_real_vm() {
    local line program option
    bash -n <<<"$2" 2>"$log" || finding "$1" "syntax: $(tail -n 1 "$log")"
    while read -r line; do
        program=$(grep -oE '\b(netvsc-[a-z]+|netvscctl|hvhost)\b' <<<"$line" | head -n 1)
        [ -n "$program" ] || continue
        if [ ! -x "$build/bin/$program" ]; then
            finding "$1" "no program $program"
            continue
        fi
        for option in $(grep -oE -- ' --[a-z][a-z0-9-]*' <<<"$line"); do
            "$build/bin/$program" --help | grep -qwF -- "$option" ||
                finding "$1" "$program has no option $option"
        done
    done < <(commands <<<"$2")
}

# check_block WHERE MARK BLOCK
check_block() {
    blocks=$((blocks + 1))
    case $2 in
    "") finding "$1" "a shell block without <!-- run: ... --> above it" ;;
    ci) run_ci "$1" "$3" ;;
    real-vm) run_real_vm "$1" "$3" ;;
    *) run_test "$1" "$3" "$2" ;;
    esac
}

# check_page FILE: walk its lines; the mark is that of the last line that was not empty.
check_page() {
    local number=0 line mark= block= fence= at=
    while IFS= read -r line; do
        number=$((number + 1))
        if [ -n "$fence" ]; then
            if [[ $line =~ ^[[:space:]]*\`\`\` ]]; then
                [ "$fence" = text ] || check_block "$at" "$mark" "$block"
                fence= mark=
            else
                block+=$line$'\n'
            fi
        elif [[ $line =~ ^[[:space:]]*\`\`\`[[:space:]]*([a-z]*) ]]; then
            at=$1:$number block= fence=text
            [ "${BASH_REMATCH[1]}" != sh ] || fence=sh
            [[ ! ${BASH_REMATCH[1]} =~ ^(bash|shell|console)$ ]] || finding "$at" "fence it as sh"
        elif [[ $line =~ ^\<!--\ run:\ ([a-z0-9_-]+)\ --\>$ ]]; then
            mark=${BASH_REMATCH[1]}
        elif [[ $line = *[![:space:]]* ]]; then
            mark=
        fi
    done <"$1"
    [ -z "$fence" ] || finding "$1:$number" "a block that does not end"
}

# anchors FILE: what links call its headings
anchors() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9 _\n-' | tr ' ' '-'
}

# Links between pages of ours lead somewhere, to a heading if they name one.
check_links() {
    local target page
    while read -r target; do
        [[ $target =~ ^(https?:|mailto:) ]] && continue
        page=$1
        [[ $target = '#'* ]] || page=$(dirname "$1")/${target%%#*}
        if [ ! -e "$page" ]; then
            finding "$1" "link to $target leads nowhere"
        elif [[ $target = *'#'* ]] && ! anchors "$page" | grep -qxF -- "${target#*#}"; then
            finding "$1" "$target: no such heading there"
        fi
    done < <(grep -oE '\]\([^)]+\)' "$1" | sed -E 's/^\]\(//; s/\)$//')
}

# named README FILE: FILE, with or without its ending, is a word in backticks there, or fits one.
named() {
    local word
    while read -r word; do
        # shellcheck disable=SC2053 # a pattern
        [[ $2 == $word || ${2%.*} == $word ]] && return
    done < <(grep -oE '`[^`]+`' "$1" | tr -d '`' | tr ' ' '\n')
    return 1
}

# A folder's README names what is in it. What x_reg.h and x_var.h are, ARCHITECTURE.md says;
# test_x.c is the test of x.c.
while read -r file; do
    case $file in
    */*/*) continue ;;
    *_reg.h | *_var.h | tests/test_*) continue ;;
    vmbus/*.[ch] | netif/*.[ch] | port/*.[ch] | hvhost/*.[ch] | apps/*.[ch] | tests/*.[ch])
        page=${file%/*}/README.md
        [ ! -f "$page" ] || named "$page" "${file##*/}" ||
            { [[ $file = *.h && -f ${file%.h}.c ]] && named "$page" "$(basename "$file" .h).c"; } ||
            finding "$page" "does not name ${file##*/}"
        ;;
    esac
done < <(all_files)

blocks=0
while read -r page; do
    check_page "$page"
    check_links "$page"
done < <(all_files | grep '\.md$')

conclude check_docs "$blocks blocks"
