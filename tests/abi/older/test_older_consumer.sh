#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds a host against an older header and a library that has that header's functions only, then runs it with the
# library that was built here: a program that was linked long ago keeps running.
# Usage: test_older_consumer.sh SOURCE LIBRARY CC...
set -euo pipefail

readonly source=$1 library=$2 cc=("${@:3}")
readonly here=$source/tests/abi/older

stage=$(mktemp -d)
readonly stage
trap 'rm -rf "$stage"' EXIT

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The functions that the header declares: preprocessed, so that neither comments nor macros count.
mapfile -t functions < <("${cc[@]}" -E -P "$here/kldsel/kldsel.h" | tr '\n' ' ' |
    grep -oE '\bkldsel_[a-z0-9_]+ *\(' | tr -d ' (' | LC_ALL=C sort -u)
((${#functions[@]} > 0)) || fail "$here/kldsel/kldsel.h declares nothing"

# A library of that time, as far as linking goes: whatever is called ends the program.
{
    printf '#include <stdlib.h>\n'
    printf 'void %s(void) { _Exit(7); }\n' "${functions[@]}"
} >"$stage/stub.c"
printf 'KLDSEL_1.0 {\n global: kldsel_*;\n local: *;\n};\n' >"$stage/stub.map"
"${cc[@]}" -shared -fPIC -Wl,-soname,libkldsel.so.1 -Wl,--version-script="$stage/stub.map" "$stage/stub.c" \
    -o "$stage/libkldsel.so.1"

"${cc[@]}" -std=c99 -Wall -Wextra -Werror -pedantic-errors -I"$here" "$here/consumer.c" "$stage/libkldsel.so.1" -lm \
    -o "$stage/consumer"
mapfile -t used < <(nm -D --undefined-only "$stage/consumer" | grep -oE 'kldsel_[a-z0-9_]+@KLDSEL_1\.0' | cut -d @ -f 1)
[[ "${used[*]}" == "${functions[*]}" ]] || fail "the host calls ${#used[@]} of ${#functions[@]} functions"

# It does run with the library that it finds.
status=0
LD_LIBRARY_PATH=$stage "$stage/consumer" || status=$?
((status == 7)) || fail "with the library that it was linked with the host ends with status $status"
LD_BIND_NOW=1 LD_LIBRARY_PATH=$library "$stage/consumer"
printf 'a host of %d functions runs with the library of today\n' "${#functions[@]}"
