#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the Python package's wheel, install it as users do, and run all of its tests and checks on it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root package=$root/bindings/python work=$root/build/python
readonly requirements=$package/tests/requirements.txt
# Debian's own, whatever comes first on PATH: python3-venv belongs to this one.
readonly python=${PYTHON:-/usr/bin/python3}

usage() {
    cat <<'TEXT'
Usage: test-python.sh [PYTEST-ARGUMENT...]

Builds the wheel under build/python, installs it into virtual environments, and runs ruff, mypy and the tests of
bindings/python with the packages of PyPI that its tests/requirements.txt names; ruff on all other Python, too. $PYTHON
is the Python to take, /usr/bin/python3 by default.
TEXT
}

die() {
    printf 'test-python: %s\n' "$*" >&2
    exit 1
}

# quietly COMMAND...: say what a command printed only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 && return
    cat "$work/log" >&2
    die "failed: $*"
}

pip() { quietly "$1/bin/pip" --disable-pip-version-check "${@:2}"; }

# What README.md tells a user to do, in an environment that has nothing.
install_from_checkout() {
    local fresh=$work/checkout
    quietly "$python" -m venv --clear "$fresh"
    pip "$fresh" install "$package"
    [[ $("$fresh/bin/pip" --disable-pip-version-check list --format freeze | grep -cv '^\(pip\|setuptools\|wheel\)==') == 1 ]] ||
        die 'the package brought others along'
    (cd / && "$fresh/bin/python" -c 'import sys
from kldsel import _library
found = _library.find()
print("pip install bindings/python:", found.origin, found.version)
sys.exit(found.origin != "bundled")')
}

# A wheel from the source distribution, as an index would have it, under the oldest platform it runs on.
build_wheel() {
    local wheels=$work/wheels
    rm -rf "$wheels"
    quietly "$venv/bin/python" -m build --outdir "$wheels" "$package"
    PATH=$venv/bin:$PATH quietly "$venv/bin/auditwheel" repair --wheel-dir "$wheels/repaired" "$wheels"/*.whl
    wheel=$(echo "$wheels"/repaired/*.whl)
    [[ -f $wheel ]] || die "no wheel in $wheels/repaired"
    printf '%s\n' "${wheel##*/}"
}

[[ ${1:-} != --help && ${1:-} != -h ]] || { usage && exit; }

# What the caller has set must not stand in for what is installed.
unset KLDSEL_LIBRARY LD_LIBRARY_PATH PYTHONPATH
"$root/scripts/build.sh"
mkdir -p "$work"
venv=$("$root/scripts/venv.sh" "$requirements")
install_from_checkout
build_wheel
pip "$venv" install --force-reinstall --no-deps "$wheel"

cd "$package"
"$venv/bin/ruff" check --quiet --cache-dir "$work/ruff" "$root"
"$venv/bin/ruff" format --quiet --check --cache-dir "$work/ruff" .
quietly "$venv/bin/mypy" --cache-dir "$work/mypy"
export KLDSEL_TEST_WHEEL=$wheel KLDSEL_TEST_ALL=1 PYTHONPYCACHEPREFIX=$root/build/pycache
export KLDSEL_RANK=$root/build/examples/kldsel-rank/kldsel-rank
export HYPOTHESIS_STORAGE_DIRECTORY=$work/hypothesis
cd "$work"
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider --durations 5 -c "$package/pyproject.toml" \
    --rootdir "$package" "$package/tests" "$@"
