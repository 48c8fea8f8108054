#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the example programs against an installed copy of the library, with sanitizers and without, and run the
# converters on files that the frameworks write, whole and damaged.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root work=$root/build/converters

usage() {
    cat <<'TEXT'
Usage: test-converters.sh [PYTEST-ARGUMENT...]

Builds the examples under build/converters, against the copy that scripts/install-copy.sh installs, and runs
tests/converters with the packages of PyPI that its requirements.txt names.
TEXT
}

die() {
    printf 'test-converters: %s\n' "$*" >&2
    exit 1
}

# quietly COMMAND...: say what a command printed only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 && return
    cat "$work/log" >&2
    die "failed: $*"
}

# build NAME ARGUMENT...: the examples alone, with the library that pkg-config finds.
build() {
    local folder=$work/$1
    shift
    [[ -f $folder/build.ninja ]] ||
        quietly meson setup "$folder" "$root" -Dlibrary=installed -Dconverters=enabled "$@" \
            --pkg-config-path "$libdir/pkgconfig:$ggml"
    quietly ninja -C "$folder"
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }

unset LD_LIBRARY_PATH PYTHONPATH
"$root/scripts/setup.sh" --converters
mkdir -p "$work"
ggml=$("$root/scripts/build-ggml.sh")
venv=$("$root/scripts/venv.sh" "$root/tests/converters/requirements.txt")
libdir=$("$root/scripts/install-copy.sh")
build plain -Dwerror=true
# Sanitizers make gcc warn of what is not so.
build sanitized -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fno-sanitize-recover=all -Dcpp_args=-fno-sanitize-recover=all

export LD_LIBRARY_PATH=$libdir KLDSEL_LIBRARY=$libdir/libkldsel.so
export KLDSEL_CONVERTERS=$work/plain/examples KLDSEL_CONVERTERS_SANITIZED=$work/sanitized/examples
export PYTHONPATH=$root/bindings/python/src PYTHONPYCACHEPREFIX=$root/build/pycache UBSAN_OPTIONS=print_stacktrace=1
"$venv/bin/python" -m pytest -q -p no:cacheprovider -W ignore --durations 8 --basetemp "$work/files" \
    "$root/tests/converters" "$@"
