#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Throw made-up input at the library and its example tools, by clang's libFuzzer under its sanitizers.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root build=$root/build/fuzz
seconds=60 seed=0
targets=()

usage() {
    cat <<'TEXT'
Usage: fuzz.sh [TARGET...] [--seconds N] [--seed N]

Builds the fuzz targets of tests/fuzz/ (needs clang), runs each, by default all, over its corpus in tests/fuzz/corpus/
and then for N seconds (60; 0 for the corpus alone) over what it makes of that, and prints executions, edges (cov) and
features (ft). An input that breaks a promise ends with status 1; it lies in build/fuzz/findings/. What an earlier run
has found, in build/fuzz/corpus/, is where the next one goes on; as long as that is the same, a --seed other than 0
makes the same inputs.
TEXT
}

while (($#)); do
    case $1 in
        --seconds | --seed)
            [[ ${2:-} =~ ^[0-9]+$ ]] || { printf 'fuzz: %s needs a number\n' "$1" >&2 && exit 2; }
            printf -v "${1#--}" '%s' "$2"
            shift
            ;;
        --help | -h) usage && exit ;;
        -*) printf 'fuzz: unknown argument %s (see --help)\n' "$1" >&2 && exit 2 ;;
        *) targets+=("$1") ;;
    esac
    shift
done

mkdir -p "$build/findings"
if [[ ! -f $build/build.ninja ]]; then
    ggml=$("$root/scripts/build-ggml.sh") || printf 'fuzz: without ggml there is no target gguf\n' >&2
    # Libraries with sanitizers cannot promise that every symbol is defined.
    CC=clang CXX=clang++ meson setup "$build" "$root" -Dfuzzing=enabled -Dconverters=auto --pkg-config-path "${ggml:-}" \
        -Dbenchmarks=disabled -Ddocs=disabled -Ddefault_library=static -Doptimization=1 \
        -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fno-sanitize-recover=all -Dcpp_args=-fno-sanitize-recover=all >"$build/log"
fi
ninja -C "$build" fuzzers >"$build/log" || { cat "$build/log" >&2 && exit 1; }
if ((${#targets[@]} == 0)); then
    for program in "$build"/tests/fuzz/fuzz_*; do
        [[ ! -f $program ]] || targets+=("${program##*/fuzz_}")
    done
fi

for target in "${targets[@]}"; do
    program=$build/tests/fuzz/fuzz_$target
    [[ -x $program ]] || { printf 'fuzz: no target %s\n' "$target" >&2 && exit 2; }
    found=$build/corpus/$target committed=$root/tests/fuzz/corpus/$target log=$build/$target.log
    mkdir -p "$found"
    options=(-max_len=1024 -len_control=0 -seed="$seed" -artifact_prefix="$build/findings/$target-")
    # libhdf5 keeps memory, for which libFuzzer would look for leaks after each input; the sanitizer does at the end.
    [[ $target != hdf5 ]] || options+=(-detect_leaks=0)
    dictionary=$root/tests/fuzz/$target.dict
    [[ ! -f $dictionary ]] || options+=(-dict="$dictionary")
    "$program" "${options[@]}" -runs=0 "$committed" >"$log" 2>&1 || { cat "$log" >&2 && exit 1; }
    if ((seconds > 0)); then
        "$program" "${options[@]}" -max_total_time="$seconds" "$found" "$committed" >"$log" 2>&1 ||
            { grep -v '^#.* \(NEW\|REDUCE\|pulse\) ' "$log" >&2 && exit 1; }
    fi
    # The last line that tells how far it has come.
    printf '%-12s %s\n' "$target" "$(grep -o '^#[0-9]*.*corp: [0-9]*' "$log" | tail -n 1 | tr -s ' \t' ' ')"
done
