#!/usr/bin/env bash
# Measure libkldsel beside what a user would take instead, and check that all give the same numbers.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root build=$root/build/bench bench=$root/tests/bench
readonly requirements=$bench/requirements.txt
# Debian's own, whatever comes first on PATH: NumPy and scikit-learn belong to this one.
readonly python=/usr/bin/python3

usage() {
    cat <<'TEXT'
Usage: bench.sh [--quick] [--strict] [--publish] [--output FILE]
       bench.sh --render

Builds libkldsel as a release in build/bench/ and measures it; needs a quiet machine, and about 15 minutes.
Installs what it needs from Debian and, under build/, from PyPI. Ends with 1 if any numbers are wrong.

  --quick        a few minutes: fewer networks, on all threads alone, and no contender that is not in Debian
  --strict       end with 1 if an aim is missed, too
  --publish      write docs/performance.json, docs/performance.md and its plots from this run
  --output FILE  where the results go (default: build/bench/results.json)
  --render       write docs/performance.md and its plots again from docs/performance.json
  --help         show this text
TEXT
}

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

quick=false publish=false render=false output=$build/results.json
driver=()
while (($#)); do
    case $1 in
        --quick) quick=true ;;
        --strict) driver+=(--strict) ;;
        --publish) publish=true ;;
        --render) render=true ;;
        --output) output=${2:?--output needs a file} && shift ;;
        --help | -h) usage && exit ;;
        *) die "unknown argument $1 (see --help)" ;;
    esac
    shift
done
! $quick || ! $publish || die "a quick run is not for publishing"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    die "failed: $*"
}

# Writes the page and its plots from the results in docs/.
write_page() {
    "$python" "$bench/report.py" --results "$root/docs/performance.json" --page "$root/docs/performance.md"
    "$python" "$bench/plots.py" --results "$root/docs/performance.json" --folder "$root/docs/images"
}

"$root/scripts/setup.sh" --bench
if $render; then
    write_page
    exit
fi

[[ -f $build/build.ninja ]] ||
    quietly meson setup "$build" "$root" --buildtype=release -Dexamples=disabled -Dbenchmarks=enabled \
        -Ddocs=disabled
quietly ninja -C "$build" tests/bench/bench_worker

if ! $quick; then
    # Of its own: what WeightWatcher brings along is for nobody else.
    venv=$("$root/scripts/venv.sh" --name bench "$requirements")
    driver+=(--pypi-python "$venv/bin/python")
fi

status=0
"$python" "$bench/bench.py" --worker "$build/tests/bench/bench_worker" --debian-python "$python" \
    --output "$output" "${driver[@]}" || status=$?
if $publish && ((status == 0)); then
    cp "$output" "$root/docs/performance.json"
    write_page
fi
exit "$status"
