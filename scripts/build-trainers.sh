#!/usr/bin/env bash
# Build the trainers of examples/trainers against an installed copy of the library: each in a folder of its name
# below build/trainers.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root source=$root/examples/trainers build=$root/build/trainers

"$root/scripts/setup.sh" --trainers
mkdir -p "$build"

log=$build/log
quietly() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    printf 'build-trainers: failed: %s\n' "$*" >&2
    exit 1
}

libdir=$("$root/scripts/install-copy.sh")
export PKG_CONFIG_PATH=$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
mkdir -p "$build/c99"
quietly make -C "$build/c99" -f "$source/c99/Makefile" LDFLAGS="-Wl,-rpath,$libdir"
for name in dlib libtorch; do
    quietly cmake -S "$source/$name" -B "$build/$name" -DCMAKE_BUILD_TYPE=Release
done
# Each is one large file.
quietly cmake --build "$build/libtorch"
quietly cmake --build "$build/dlib"
