#!/usr/bin/env bash
# Configure and build in build/ what the demo and the tests need, or only some TARGET...s of it.
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
[[ $(ninja -C "$build" -n "$@") != *'no work to do'* ]] || exit 0
printf 'building in %s\n' "$build" >&2
quietly ninja -C "$build" "$@"
