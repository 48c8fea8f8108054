#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compare what the library promises to programs built against it with the description in tests/abi/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root build=$root/build/abi here=$root/tests/abi
readonly parts=(libkldsel kldsel.h)

usage() {
    cat <<'TEXT'
Usage: abi.sh [--accept]

Describes the library's exported symbols and their prototypes (tests/abi/libkldsel.abi), and the header's types, with
each enumerator's number (tests/abi/kldsel.h.abi), from their debugging information on x86-64, and tells how they
differ from the descriptions that are committed.

  --accept  write the descriptions anew, after a change that was meant
TEXT
}

case ${1:-} in
    '' | --accept) ;;
    --help | -h) usage && exit ;;
    *) printf 'abi: unknown argument %s (see --help)\n' "$1" >&2 && exit 2 ;;
esac

# describe FILE ARGUMENT...: of a shared object, without what a machine or a folder adds.
describe() {
    abidw --headers-dir "$root/include/kldsel" --drop-private-types --no-show-locs --no-corpus-path \
        --no-comp-dir-path --no-elf-needed --type-id-style hash "${@:2}" "$1"
}

rm -rf "$build"
mkdir -p "$build"
CC=gcc meson setup "$build/library" "$root" -Dblas=builtin -Dtests=disabled -Dexamples=disabled \
    -Ddefault_library=shared >"$build/log"
ninja -C "$build/library" >>"$build/log"
describe "$build/library/libkldsel/libkldsel.so.1" --exported-interfaces-only --out-file "$build/libkldsel.abi"

# Functions take enumerators as int32_t, so that the library does not mention their types.
cat >"$build/types.c" <<'C'
#include <kldsel/kldsel.h>
int types_of_the_header(void);
int types_of_the_header(void) { return 0; }
C
(cd "$build" && gcc -g -fno-eliminate-unused-debug-types -shared -fPIC -I"$root/include" types.c -o types.so)
describe "$build/types.so" --load-all-types --out-file "$build/kldsel.h.abi"

if [[ ${1:-} == --accept ]]; then
    for part in "${parts[@]}"; do cp "$build/$part.abi" "$here/"; done
    exit
fi
status=0
for part in "${parts[@]}"; do
    options=()
    [[ $part != kldsel.h ]] || options=(--non-reachable-types)
    if abidiff "${options[@]}" "$here/$part.abi" "$build/$part.abi"; then
        printf '%s: as described, %d lines\n' "$part" "$(wc -l <"$here/$part.abi")"
    else
        status=1
    fi
done
((status == 0)) || printf 'abi: if that was meant: scripts/abi.sh --accept\n' >&2
exit "$status"
