#!/usr/bin/env bash
# Install the Debian packages that the project needs; says nothing if none is missing.
set -euo pipefail

# To build the library, its tests and its examples, and to run them.
packages=(
    gcc g++ libc6-dev binutils meson ninja-build pkg-config python3
    libopenblas-dev gfortran check doctest-dev libdlpack-dev libjansson-dev libpopt-dev
    python3-pytest python3-hypothesis python3-numpy
)
# What .ci/run needs on top.
readonly ci=(
    clang clang-format clang-tidy clang-tools cppcheck abigail-tools valgrind libc6-dbg gcovr doxygen shellcheck
    ca-certificates python3-venv cmake libclang-rt-dev musl-tools bandit qemu-user
)
# What scripts/test-converters.sh needs to read the formats.
readonly converters=(libonnx-dev libprotobuf-dev libhdf5-dev python3-venv)
# What its stages for other processors need on top of that; see also sysroot.sh.
readonly cross=(gcc-aarch64-linux-gnu gcc-i686-linux-gnu gcc-s390x-linux-gnu qemu-user)
# What scripts/build-trainers.sh needs: two frameworks, images, and what the trainers are built with. Large.
readonly trainers=(libtorch-dev libdlib-dev dataset-fashion-mnist cmake make zlib1g-dev)
# What scripts/bench.sh measures beside the library, and draws with.
readonly bench=(
    python3-numpy python3-scipy python3-sklearn python3-threadpoolctl python3-matplotlib python3-venv
)
# What scripts/fetch-inception.sh fetches and converts with.
models=(ca-certificates python3-venv)
command -v npm >/dev/null || models+=(npm)
readonly models
# What scripts/study.sh needs on top of that.
readonly study=("${models[@]}" dataset-fashion-mnist)

usage() {
    cat <<'TEXT'
Usage: setup.sh [--ci] [--cross] [--bench] [--converters] [--models] [--trainers] [--study]

Installs what is missing of the Debian packages for building and testing libkldsel.

  --ci       those of .ci/run too: clang, valgrind, gcovr, doxygen, ...
  --cross    those of its stages for other processors too: cross compilers, an emulator
  --bench    those of scripts/bench.sh too: NumPy, scikit-learn, Matplotlib
  --converters
             those of scripts/test-converters.sh too: protobuf, HDF5
  --models   those of scripts/fetch-inception.sh too: npm
  --trainers those of scripts/build-trainers.sh too: libtorch, dlib, Fashion-MNIST
  --study    those of scripts/study.sh too: npm, Fashion-MNIST
  --help     show this text
TEXT
}

die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

while (($#)); do
    case $1 in
        --ci) packages+=("${ci[@]}" "${bench[@]}" "${converters[@]}" "${models[@]}") ;;
        --cross) packages+=("${cross[@]}") ;;
        --bench) packages+=("${bench[@]}") ;;
        --converters) packages+=("${converters[@]}") ;;
        --models) packages+=("${models[@]}") ;;
        --trainers) packages+=("${trainers[@]}") ;;
        --study) packages+=("${study[@]}") ;;
        --help | -h) usage && exit ;;
        *) die "unknown argument $1 (see --help)" ;;
    esac
    shift
done

if ! command -v dpkg-query >/dev/null; then
    printf 'setup: no Debian here; your own packages must stand in for: %s\n' "${packages[*]}" >&2
    exit
fi

# One query for all; names that dpkg has never heard of make it fail, but not stop.
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
    sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr -s ' ,' '\n')
missing=()
for name in "${packages[@]}"; do
    grep -qxF "$name" <<<"$installed" || missing+=("$name")
done
((${#missing[@]})) || exit 0

sudo=()
if ((EUID != 0)); then
    command -v sudo >/dev/null || die "neither root nor sudo; install by hand: ${missing[*]}"
    sudo=(sudo)
fi
apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    "$@" >"$log" 2>&1 </dev/null && return
    cat "$log" >&2
    die "failed: $*"
}

printf 'installing %s\n' "${missing[*]}"
quietly "${apt[@]}" update
quietly "${apt[@]}" -y --no-install-recommends install "${missing[@]}"
