#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Install the library of build/ below build/installed, for hosts to be built against.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root build=$root/build installed=$root/build/installed

usage() {
    cat <<'TEXT'
Usage: install-copy.sh

Builds what scripts/build.sh builds, installs the library below build/installed, and says in what folder the library
files are; pkgconfig/ and cmake/ are there, too.
TEXT
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }
(($# == 0)) || { printf 'install-copy: unknown argument %s (see --help)\n' "$1" >&2 && exit 1; }

"$root/scripts/build.sh"
# Two that ask at once wait for one another; what is there already is left alone, as somebody may use it.
exec {lock}>"$installed.lock"
flock "$lock"
if ! meson install -C "$build" --no-rebuild --only-changed --destdir "$installed" >"$installed.log" 2>&1; then
    cat "$installed.log" >&2
    exit 1
fi
pc=$(find "$installed" -name kldsel.pc)
# What was installed for the prefix lies below it.
prefix=$(sed -n 's/^prefix=//p' "$pc")
[[ $prefix == "$installed"* ]] || sed -i "s|^prefix=.*|prefix=$installed$prefix|" "$pc"
dirname "$(dirname "$pc")"
