#!/usr/bin/env bash
# Configure and build in build/ what the demo and the tests need; says nothing if all is well.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root build=$root/build

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    printf 'build: failed: %s\n' "$*" >&2
    exit 1
}

"$root/scripts/setup.sh"
# Ninja re-runs meson by itself; this is for the first time, and after a half-made one.
[[ -f $build/build.ninja ]] ||
    quietly meson setup "$build" "$root" -Dtests=enabled -Dexamples=enabled -Dbenchmarks=enabled
quietly ninja -C "$build"
