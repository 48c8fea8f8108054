#!/usr/bin/env bash
# Build the trainers of examples/trainers against an installed copy of the library, all below build/trainers:
# the copy is in prefix/, each trainer in a folder of its name.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root source=$root/examples/trainers build=$root/build/trainers
readonly prefix=$build/prefix

"$root/scripts/setup.sh" --trainers
mkdir -p "$build"

log=$build/log
quietly() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    printf 'build-trainers: failed: %s\n' "$*" >&2
    exit 1
}

[[ -f $build/library/build.ninja ]] ||
    quietly meson setup "$build/library" "$root" --prefix "$prefix" --libdir lib \
        -Dtests=disabled -Dexamples=enabled -Dbenchmarks=disabled -Ddocs=disabled
# Not the other examples: kldsel-rank is what the trainers' rankings are compared with.
quietly meson compile -C "$build/library" kldsel:shared_library kldsel:static_library kldsel-rank
quietly meson install -C "$build/library" --no-rebuild

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
mkdir -p "$build/c99"
quietly make -C "$build/c99" -f "$source/c99/Makefile" LDFLAGS="-Wl,-rpath,$prefix/lib"
for name in dlib libtorch; do
    quietly cmake -S "$source/$name" -B "$build/$name" -DCMAKE_BUILD_TYPE=Release
done
# Each is one or a few large files: side by side.
quietly cmake --build "$build/libtorch" --parallel 2
quietly cmake --build "$build/dlib"
