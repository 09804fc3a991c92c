#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check_checks.sh: a check that cannot fail proves nothing. Makes a small tree in which all checks
# pass, then breaks it in one way at a time; the check concerned must say so.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
rows=0

put() { mkdir -p "$(dirname "$1")" && printf '%b' "$2" >"$1"; }

spdx='/* SPDX-License-Identifier: BSD-3-Clause */\n'

good_tree() {
    local folder id page='| # | requirement | proof |\n|---|---|---|\n'
    rm -rf "$work/tree" "$work/build"
    mkdir -p "$work/tree" "$work/build/bin" && cd "$work/tree" || exit 1
    for folder in vmbus netif port apps hvhost tests; do
        put "$folder/README.md" "# $folder: \`*.h\`\n"
    done
    put vmbus/vmbus.h "$spdx"
    put vmbus/vmbus_var.h "$spdx"
    put vmbus/vmbus_transport.h "$spdx"
    put netif/netvsc.h "$spdx#include \"vmbus.h\"\n"
    put netif/nvs_reg.h "$spdx"
    put hvhost/hvhost.h "$spdx#include \"nvs_reg.h\"\n#include \"vmbus_transport.h\"\n"
    put tests/test_a.c "$spdx#include \"vmbus_var.h\"\n"
    put .ci/run '#!/bin/sh\n# SPDX-License-Identifier: BSD-3-Clause\nexec tests/run\n'
    put tests/e2e/demo.sh '# SPDX-License-Identifier: BSD-3-Clause\napps/demo\n'
    for id in S{1..39} C{1..16}; do
        page+="| $id | text | test_a, not yet (issue 3) |\n"
    done
    put docs/requirements.md "$page"
    put README.md '<!-- run: ci -->\n```sh\napps/demo\nbuild/release/bin/netvsc-x --help\n```\n'
    put "$work/build/CTestTestfile.cmake" \
        "add_test(test_a true)\nadd_test(e2e_demo bash $work/tree/tests/e2e/demo.sh)\n"
    cp /bin/true "$work/build/bin/netvsc-x"
    put netif/netvsc_stats.h "$spdx    X(frames, \"all\")\n"
    put tests/features.table 'A | always | - | test_a | frames\n'
    [ -f "$work/features.md" ] || {
        mkdir -p docs && bash "$here/check_features.sh" "$work/tree" "$work/build" --write
        cp docs/features.md "$work/features.md"
    } >/dev/null
    cp "$work/features.md" docs/features.md
}

# run_check NAME: its output and exit status in $out and $rc.
run_check() {
    out=$(bash "$here/check_$1.sh" "$work/tree" "$work/build" 2>&1)
    rc=$?
}

# must_find CHECK TEXT FILE CONTENT: with FILE holding CONTENT, CHECK fails and says TEXT.
must_find() {
    rows=$((rows + 1))
    good_tree
    put "$3" "$4"
    run_check "$1"
    if [ "$rc" -ne 1 ] || [[ $out != *"$2"* ]]; then
        printf 'check_%s does not see: %s (%s)\n%s\n' "$1" "$2" "$3" "$out"
        failed=1
    fi
}

for check in includes style requirements docs links features; do
    good_tree
    run_check "$check"
    [ "$rc" -eq 0 ] || { printf 'check_%s fails a good tree:\n%s\n' "$check" "$out"; failed=1; }
done

must_find includes "vmbus/ may not include netvsc.h" vmbus/x.c '#include "netvsc.h"\n'
must_find includes "vmbus/ may not include lwip/pbuf.h" vmbus/x.c '#include "lwip/pbuf.h"\n'
must_find includes "netif/ may not include lwip/pbuf.h" netif/netvsc_rx.c '#include <lwip/pbuf.h>\n'
must_find includes "netif/ may not include vmbus_var.h" netif/x.c '#include "vmbus_var.h"\n'
must_find includes "hvhost/ may not include vmbus.h" hvhost/x.c '#include "vmbus.h"\n'
must_find includes "hvhost/ may not include netvsc.h" hvhost/x.c '  #  include "netvsc.h"\n'
must_find includes "apps/ may not include nvs_reg.h" apps/x.c '#include "nvs_reg.h"\n'
must_find includes "apps/ may not include hvhost.h" apps/netvsc-x.c '#include "hvhost.h"\n'
must_find includes "port/ may not include hvhost.h" port/x.c '#include "hvhost.h"\n'
must_find includes "is no header of ours" apps/x.c '#include "nowhere.h"\n'
must_find includes "names the emulated host" netif/x.c 'int f(void)\n{\n    return hvhost_x;\n}\n'

must_find style "no SPDX line" vmbus/x.c 'int x;\n'
must_find style "a tab" vmbus/x.c "$spdx\tint x;\n"
must_find style "white space" vmbus/x.c "${spdx}int x; \n"
must_find style "100 columns" vmbus/x.c "$spdx/* $(printf 'x%.0s' {1..95}) */\n"
must_find style "unfinished" port/x.c "$spdx/* TO""DO: finish */\n"
must_find style "over 60 lines" apps/x.c "${spdx}f(void)\n{\n$(printf 'g();\\n%.0s' {1..60})}\n"
must_find style "two lines" apps/x.c "$spdx/* ---- a\n * ---- */\n"
must_find style "line of its own" apps/x.c "$spdx/* text\n */\n"
must_find style "volatile" hvhost/x.c "${spdx}static volatile int x;\n"
must_find style "end the program" netif/x.c "$spdx    assert(x);\n"
must_find style "never waits" vmbus/x.c "$spdx    usleep(1);\n"
must_find style "registry or mirror" docs/x.md "see http://deb.""debian.org/debian\n"
must_find style "over 150 lines" port/x.h "$spdx$(printf 'int x;\\n%.0s' {1..150})"
must_find style "over 450 lines" port/x.c "$spdx$(printf 'int x;\\n%.0s' {1..450})"
must_find style "no kind of file" e2e.log 'made by accident\n'
must_find style "no kind of file" notes.md '# notes\n'
must_find style "no kind of file" apps/x.c.orig "$spdx"
must_find style "longer than 40 lines" vmbus/README.md "$(printf 'x\\n%.0s' {1..41})"

must_find requirements "S1 has 0 rows" docs/requirements.md '| S2 | text | test_a |\n'
must_find requirements "S2 has 2 rows" docs/requirements.md '| S2 | | x |\n| S2 | | x |\n'
must_find requirements "which is no test" docs/requirements.md '| S2 | text | test_b |\n'
must_find requirements "S2 has no proof" docs/requirements.md '| S2 | text |  |\n'

must_find docs "without <!-- run" docs/x.md '```sh\ntrue\n```\n'
must_find docs "without <!-- run" docs/x.md '<!-- run: ci -->\ntext\n```sh\ntrue\n```\n'
must_find docs "fails when executed" docs/x.md '<!-- run: ci -->\n```sh\nfalse\ntrue\n```\n'
must_find docs "does not run: apps/x" docs/x.md '<!-- run: e2e_demo -->\n```sh\napps/x\n```\n'
must_find docs "no test with a script" docs/x.md '<!-- run: e2e_x -->\n```sh\ntrue\n```\n'
must_find docs "has no option --y" docs/x.md '<!-- run: real-vm -->\n```sh\nnetvsc-x --y\n```\n'
must_find docs "no program hvhost" docs/x.md '<!-- run: real-vm -->\n```sh\nhvhost --y\n```\n'
must_find docs "does not name x.c" netif/x.c "$spdx"
must_find docs "fence it as sh" docs/x.md '```bash\ntrue\n```\n'
must_find docs "nothing runs apps/demo" tests/e2e/demo.sh 'true\n'
must_find docs "leads nowhere" docs/x.md 'see [this](that.md)\n'

must_find features "which is no test" tests/features.table 'A | always | - | test_b | frames\n'
must_find features "has no test" tests/features.table 'A | always | - | | frames\n'
must_find features "no counter bytes" tests/features.table 'A | always | - | test_a | bytes\n'
must_find features "no option --x" tests/features.table 'A | --x | - | test_a | frames\n'
must_find features "is not what" tests/features.table 'B | always | - | test_a | frames\n'

must_find links "a hard dependency" CMakeLists.txt 'find_package(Z REQUIRED)\n'
rows=$((rows + 1))
good_tree
cp /bin/ls "$work/build/bin/netvsc-x" # needs libselinux
run_check links
[[ $rc -eq 1 && $out = *"needs lib"* ]] || { echo "check_links does not see a library"; failed=1; }

[ "$failed" -eq 0 ] && echo "check_checks: $rows ways to break the rules, all seen"
exit $failed
