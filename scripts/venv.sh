#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Make a Python environment of packages of PyPI under build/, or add to it, and print where it is.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Debian's own, whatever comes first on PATH: python3-venv belongs to this one.
readonly root python=${PYTHON:-/usr/bin/python3}

usage() {
    cat <<'TEXT'
Usage: venv.sh [--name NAME] REQUIREMENTS...

Several scripts share one environment, and install what they need into it that is not there yet; with a
name it is another one. $PYTHON is the Python to take, /usr/bin/python3 by default.
TEXT
}

name=shared
case ${1:-} in
    --help | -h) usage && exit ;;
    --name) name=${2:?--name needs a name} && shift 2 ;;
esac
(($#)) || { usage >&2 && exit 2; }

venv=$root/build/venv-$name-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
log=$venv.log
mkdir -p "$root/build"
quietly() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    printf 'venv: failed: %s\n' "$*" >&2
    exit 1
}

# One at a time: scripts that share it may run side by side.
exec {lock}>"$venv.lock"
flock "$lock"
[[ -x $venv/bin/pip ]] || quietly "$python" -m venv --clear "$venv"
for requirements in "$@"; do
    # Written last, so that what was interrupted is done again; of its text, so that a change is installed.
    stamp=$venv/.installed-$(sha256sum <"$requirements" | cut -c 1-16)
    [[ -e $stamp ]] && continue
    printf 'installing under build/ what %s names\n' "$requirements" >&2
    # Not compiled: most of what comes is never imported.
    quietly "$venv/bin/pip" --disable-pip-version-check install --no-compile --requirement "$requirements"
    touch "$stamp"
done
printf '%s\n' "$venv"
