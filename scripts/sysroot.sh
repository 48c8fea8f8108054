#!/usr/bin/env bash
# Unpack Debian's libraries for another architecture into build/sysroot-ARCHITECTURE, for cross builds. Neither root
# nor a second architecture in dpkg is needed: the system's own packages stay as they are.
# Usage: sysroot.sh ARCHITECTURE, as Debian names it: arm64, i386, s390x.
set -euo pipefail

readonly architecture=${1:?architecture}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root sysroot=$root/build/sysroot-$architecture
# What the library, its tests and its examples are built with; apt adds what these depend on.
readonly packages=(libc6-dev check libjansson-dev libpopt-dev)

# The stamp is written last, so that a half-made one is made again.
readonly stamp=$sysroot/.packages
[[ -f $stamp && $(<"$stamp") == "${packages[*]}" ]] && exit

if ! command -v apt-get >/dev/null; then
    printf 'sysroot: no apt-get here, so no packages to unpack\n' >&2
    exit 1
fi

# An apt of its own: the system's sources and keys, but another architecture and nothing installed.
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
: >"$state/status"
apt=(
    apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root
    -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache"
    -o Acquire::Languages=none
)
# A list that a mirror is just renewing can be done without, mostly: what is missing the next command tells.
"${apt[@]}" update || printf 'sysroot: not all package lists could be read\n' >&2
"${apt[@]}" -y --no-install-recommends --download-only install "${packages[@]}"

rm -rf "$sysroot"
mkdir -p "$sysroot"
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$sysroot"
done
# Absolute links lead to the system's own libraries, which are of another architecture.
find "$sysroot" -type l -lname '/*' -printf '%p\t%l\n' | while IFS=$'\t' read -r link target; do
    ln -sfn "$sysroot$target" "$link"
done
printf '%s' "${packages[*]}" >"$stamp"
