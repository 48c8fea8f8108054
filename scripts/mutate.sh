#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Break the library in small ways, one at a time, and tell which faults no test notices.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root work=$root/build/mutation

usage() {
    cat <<'TEXT'
Usage: mutate.sh [FILE...] [--sample N [--seed N]] [--jobs N] [--quick] [--retry] [--list] [--instruments]

Makes small faults in libkldsel/ (needs clang, whose syntax tree says where), each alone: other relations, operators,
constants, statuses and results, conditions turned round, statements left out. Of each, the library's baseline level
is compiled; where that changes nothing, the fault is none. Then the tests that reach the line run until one is red or
hangs. Prints the faults that survive and are not explained in tests/mutation/survivors.toml, and the score; they end
the run with status 1. What became of each is in build/mutation/results.csv; the next run goes on from there.

  FILE...     files of libkldsel/ (default: all; hours)
  --sample N  so many of their faults, chosen by --seed (0)
  --jobs N    at a time (default: the number of processors)
  --quick     leave out what is explained, run the tests with few of their sizes; the next run without it does the rest
  --retry     try the unexplained survivors again, after a change of the tests
  --list      print the faults, try none
  --instruments
              of those explained, try the ones that an instrument is to tell, with it: the sanitizers of addresses, of
              undefined behaviour and of threads, valgrind, every CPU level, OpenBLAS
TEXT
}

# configure FOLDER ARGUMENT...: a build folder of the library and its tests.
configure() {
    local folder=$work/$1
    shift
    [[ -f $folder/build.ninja ]] ||
        CC=gcc meson setup "$folder" "$root" -Ddefault_library=shared -Dtests=enabled \
            -Dexamples=disabled -Dbenchmarks=disabled -Ddocs=disabled "$@" >"$work/log"
    ninja -C "$folder" check-programs >"$work/log" || { cat "$work/log" >&2 && exit 1; }
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }

mkdir -p "$work"
configure build -Dblas=builtin -Doptimization=1 -Ddebug=false
configure coverage -Dblas=builtin -Dbuildtype=debug -Db_coverage=true
configure openblas -Dblas=openblas -Doptimization=1 -Ddebug=false
instruments=()
for argument; do
    [[ $argument == --instruments ]] || continue
    configure sanitizers -Dblas=builtin -Doptimization=1 -Db_lundef=false -Db_sanitize=address,undefined \
        -Dc_args=-fno-sanitize-recover=all -Dwerror=false
    configure threads -Dblas=builtin -Doptimization=1 -Db_lundef=false -Db_sanitize=thread -Dwerror=false
    instruments=(--sanitizers "$work/sanitizers" --threads "$work/threads")
done
exec python3 "$root/tests/mutation/mutate.py" --build "$work/build" --coverage "$work/coverage" \
    --with-openblas "$work/openblas" \
    --results "$work/results.csv" "${instruments[@]}" "$@"
