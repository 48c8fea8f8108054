#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the example programs against an installed copy of the library, with sanitizers and without, and run the
# converters on files that the frameworks write, whole and damaged.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root work=$root/build/converters requirements=$root/tests/converters/requirements.txt
readonly prefix=$work/prefix

usage() {
    cat <<'TEXT'
Usage: test-converters.sh [PYTEST-ARGUMENT...]

Installs the library under build/converters/prefix, builds the examples against it under build/converters,
and runs tests/converters with the packages of PyPI that its requirements.txt names. $PYTHON is the Python to
take, /usr/bin/python3 by default.
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

install_library() {
    [[ -f $work/library/build.ninja ]] ||
        quietly meson setup "$work/library" "$root" --prefix "$prefix" --libdir lib --buildtype release \
            -Dtests=disabled -Dexamples=disabled -Dbenchmarks=disabled -Ddocs=disabled
    quietly meson install -C "$work/library"
}

# build NAME ARGUMENT...: the examples alone, with the library that pkg-config finds.
build() {
    local folder=$work/$1
    shift
    [[ -f $folder/build.ninja ]] ||
        quietly meson setup "$folder" "$root" -Dlibrary=installed -Dconverters=enabled "$@" \
            --pkg-config-path "$prefix/lib/pkgconfig:$ggml"
    quietly ninja -C "$folder"
}

# check NAME ARGUMENT...: the tests, with the programs of that build.
check() {
    KLDSEL_CONVERTERS=$work/$1/examples "$venv/bin/python" -m pytest -q -p no:cacheprovider -W ignore \
        --basetemp "$work/files-$1" "${@:2}"
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }

unset LD_LIBRARY_PATH PYTHONPATH
"$root/scripts/setup.sh" --converters
mkdir -p "$work"
ggml=$("$root/scripts/build-ggml.sh")
venv=$("$root/scripts/venv.sh" "$requirements")
install_library
build plain -Dwerror=true
# Sanitizers make gcc warn of what is not so.
build sanitized -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fno-sanitize-recover=all -Dcpp_args=-fno-sanitize-recover=all

export LD_LIBRARY_PATH=$prefix/lib KLDSEL_LIBRARY=$prefix/lib/libkldsel.so
export PYTHONPATH=$root/bindings/python/src PYTHONDONTWRITEBYTECODE=1
check plain "$root"/tests/converters/test_{agree,layouts,write}.py "$@"
UBSAN_OPTIONS=print_stacktrace=1 check sanitized "$root/tests/converters/test_malformed.py" "$@"
