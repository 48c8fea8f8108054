#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the library and the fuzz targets with another C library, musl, and run the inputs that are kept for them.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root work=$root/build/musl
readonly targets=(import options profile tensor)

usage() {
    cat <<'TEXT'
Usage: test-musl.sh

Builds the library in build/musl with musl-gcc, links the fuzz targets that need nothing else to it, statically, and
runs tests/fuzz/corpus: scores beside those of the definition, hostile arguments, threads. Check, which the other tests
are written with, is not to be had for musl from Debian.
TEXT
}

# quietly COMMAND...: say what a command printed only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 && return
    cat "$work/log" >&2
    printf 'test-musl: failed: %s\n' "$*" >&2
    exit 1
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }

mkdir -p "$work/include"
[[ -f $work/library/build.ninja ]] ||
    CC=musl-gcc quietly meson setup "$work/library" "$root" -Dblas=builtin -Ddefault_library=static -Dwerror=true \
        -Dtests=disabled -Dexamples=disabled -Dbenchmarks=disabled -Ddocs=disabled
quietly ninja -C "$work/library"

# Of Check, the assertions' macros; the headers beside it are those of the other C library.
cp /usr/include/check.h /usr/include/check_stdint.h "$work/include"
cd "$root/tests"
sources=(fuzz/{assertions,input,replay}.c {compare,definition,expected,forms,layers,support,tolerance}.c)
compiler=(musl-gcc -std=c11 -O1 -ffp-contract=off -D_POSIX_C_SOURCE=200809L "-I$root/include" "-I$work/include")
libraries=("$work/library/libkldsel/libkldsel.a" -lm)
if [[ $(uname -m) == x86_64 ]]; then
    # musl has no functions of 113 bits where its long double has fewer; the compiler brings them under other names.
    for name in exp log sqrt; do libraries+=("-Wl,-u,${name}q,--defsym=${name}f128=${name}q"); done
    libraries+=("$(gcc -print-file-name=libquadmath.a)" -lm)
fi
for name in "${sources[@]}"; do
    object=$work/$(basename "$name" .c).o
    quietly "${compiler[@]}" -c "$name" -o "$object"
    objects+=("$object")
done
for target in "${targets[@]}"; do
    quietly "${compiler[@]}" -static "fuzz/fuzz_$target.c" "${objects[@]}" "${libraries[@]}" -o "$work/fuzz_$target"
    inputs=$("$work/fuzz_$target" fuzz/corpus/"$target"/*)
    printf '%-8s %s\n' "$target" "$inputs"
done
