#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the part of ggml that reads and writes GGUF, for examples/kldsel-gguf: no package of Debian has it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root work=$root/build/ggml
# A source distribution of PyPI that brings ggml along, 3 MB of it.
readonly package=ggml_python version=0.0.45

usage() {
    cat <<'TEXT'
Usage: build-ggml.sh

Gets ggml's sources with pip, and builds build/ggml/libggml-base.a and build/ggml/ggml-base.pc, which
meson finds with --pkg-config-path build/ggml. Says where; does nothing if they are there.
TEXT
}

die() {
    printf 'build-ggml: %s\n' "$*" >&2
    exit 1
}

# quietly COMMAND...: say what a command printed only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 && return
    cat "$work/log" >&2
    die "failed: $*"
}

# Asked for a source distribution, pip wants its metadata, for which the package's own build system would build
# CMake first, for minutes. This stands in for it.
write_backend() {
    local folder=$work/backend/scikit_build_core
    mkdir -p "$folder"
    cat >"$folder/build.py" <<TEXT
import os

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "$package-$version.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: $package\\nVersion: $version\\n")
    return name
TEXT
}

get_sources() {
    write_backend
    local venv
    venv=$("$root/scripts/venv.sh" --name ggml /dev/null) # pip alone
    PYTHONPATH=$work/backend quietly "$venv/bin/pip" --disable-pip-version-check download --no-deps \
        --no-build-isolation --no-binary :all: --dest "$work" "$package==$version"
    tar -xzf "$work/$package-$version.tar.gz" -C "$work" --strip-components 3 "$package-$version/vendor/ggml"
}

compile() {
    # Not optimised: what is read by it are keys and shapes.
    local source flags=(-O0 -fPIC -D_GNU_SOURCE -DGGML_VERSION='"0"' -DGGML_COMMIT='"0"' -Iinclude -Isrc)
    local -a jobs=()
    cd "$work"
    for source in ggml ggml-alloc ggml-quants; do
        "${CC:-cc}" -std=c11 "${flags[@]}" -c "src/$source.c" -o "$source.o" &
        jobs+=($!)
    done
    for source in gguf ggml-backend ggml-backend-meta ggml-threading; do
        "${CXX:-c++}" -std=c++17 "${flags[@]}" -c "src/$source.cpp" -o "$source.o" &
        jobs+=($!)
    done
    for source in "${jobs[@]}"; do wait "$source"; done
    ar rcs libggml-base.a ./*.o
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }
(($# == 0)) || die "unknown argument $1 (see --help)"

# Once, by whoever of several scripts comes first.
mkdir -p "$work"
exec {lock}>"$work/lock"
flock "$lock"
# Written last, so that what is half made is made again.
if [[ ! -f $work/ggml-base.pc ]]; then
    get_sources
    (compile)
    cat >"$work/ggml-base.pc" <<TEXT
Name: ggml-base
Description: what reads and writes GGUF
Version: $version
Cflags: -I$work/include
Libs: -L$work -lggml-base -lstdc++ -lm -lpthread
TEXT
fi
printf '%s\n' "$work"
