#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds a host by the build files of docs/embedding.md: against an installed copy that has been moved, shared and
# static, through pkg-config and CMake; and from source, by CMake and as a subproject of meson.
# Usage: test_builds.sh SOURCE BUILD PREFIX WORK; WORK is a folder that is made anew.
set -euo pipefail

readonly source=$1 build=$2 prefix=$3 work=$4
readonly guide=$source/docs/embedding.md

rm -rf "$work"
mkdir -p "$work"

failures=0 checks=0
# check WHAT COMMAND...: run COMMAND, tell how it went.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@" >"$work/log" 2>&1; then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s: %s\n' "$what" "$*"
        cat "$work/log"
        failures=$((failures + 1))
    fi
}

# block LANGUAGE NUMBER: that block of the guide, counted from 1.
block() {
    awk -v start="\`\`\`$1" -v number="$2" '
        inside && $0 == "```" { exit found ? 0 : 1 }
        inside { print; next }
        $0 == start && ++count == number { inside = found = 1 }
        END { exit !found }' "$guide"
}

needs() { readelf -d "$1" | grep -qF "[$2]"; }
lacks() { [[ -f $1 ]] && ! needs "$@"; }
fails() { ! "$@"; }
runs() { [[ $("$@") == "$version 1" ]]; }

version=$(sed -n 's/^#define KLDSEL_VERSION_[A-Z]* \([0-9]*\).*/\1/p' "$source/include/kldsel/kldsel.h" | paste -s -d . -)
readonly version soname=libkldsel.so.${version%%.*}

## Installed for $prefix, found elsewhere, and then moved once more
check 'meson install' env DESTDIR="$work/staged" meson install -C "$build" --no-rebuild --quiet
mkdir "$work/one"
mv "$work/staged$prefix" "$work/one/place"
mv "$work/one" "$work/two"
readonly place=$work/two/place
libdir=$(dirname "$(find "$place" -name libkldsel.a)")
readonly libdir
[[ -d $libdir ]] || { printf 'no libkldsel.a was installed\n' && exit 1; }

# host FOLDER LANGUAGE NUMBER: a project of the guide's build file and the host.
host() {
    mkdir -p "$work/$1"
    cp "$source/tests/embedding/host.c" "$work/$1"
    block "$2" "$3" >"$work/$1/$([[ $2 == cmake ]] && echo CMakeLists.txt || echo meson.build)"
}

# cmake_host FOLDER ARGUMENT...: configure and build it in FOLDER/build.
cmake_host() {
    local folder=$work/$1
    shift
    rm -rf "$folder/build"
    check "cmake ${folder##*/} $*" cmake -S "$folder" -B "$folder/build" "$@"
    check "  builds" cmake --build "$folder/build"
    check "  runs" runs "$folder/build/host"
}

# ask WANTED...: what find_package() says to each, all in one project.
ask() {
    local wanted
    mkdir -p "$work/ask"
    {
        printf 'cmake_minimum_required(VERSION 3.20)\nproject(host C)\n'
        for wanted in "$@"; do
            printf 'find_package(kldsel %s CONFIG QUIET)\n' "$wanted"
            printf 'if(kldsel_FOUND)\n  message("found: %s")\nelse()\n  message("not found: %s")\nendif()\n' \
                "$wanted" "$wanted"
        done
    } >"$work/ask/CMakeLists.txt"
    rm -rf "$work/ask/build"
    cmake -S "$work/ask" -B "$work/ask/build" -DCMAKE_PREFIX_PATH="$place" 2>&1 | tee "$work/told"
}
said() { grep -qxF -- "$1" "$work/told"; }

host installed cmake 1
cmake_host installed -DCMAKE_PREFIX_PATH="$place"
check "  needs $soname" needs "$work/installed/build/host" "$soname"
cmake_host installed -DCMAKE_PREFIX_PATH="$place" -Dkldsel_USE_STATIC_LIBS=ON
check "  needs no $soname" lacks "$work/installed/build/host" "$soname"

# A project of C++ alone, which has no C to link an archive of C with.
mkdir "$work/cpp"
sed -e 's/project(host C)/project(host CXX)/' -e 's/host\.c/host.cpp/' "$work/installed/CMakeLists.txt" \
    >"$work/cpp/CMakeLists.txt"
cp "$work/installed/host.c" "$work/cpp/host.cpp"
cmake_host cpp -DCMAKE_PREFIX_PATH="$place" -Dkldsel_USE_STATIC_LIBS=ON

# One kind alone, as -Ddefault_library= installs it.
mkdir "$work/away"
mv "$libdir"/libkldsel.so* "$work/away"
cmake_host installed -DCMAKE_PREFIX_PATH="$place"
check "  needs no $soname" lacks "$work/installed/build/host" "$soname"
mv "$work/away"/* "$libdir"
mv "$libdir/libkldsel.a" "$work/away"
cmake_host installed -DCMAKE_PREFIX_PATH="$place"
check "  needs $soname" needs "$work/installed/build/host" "$soname"
no_static() {
    ! cmake -S "$work/installed" -B "$work/none" -DCMAKE_PREFIX_PATH="$place" -Dkldsel_USE_STATIC_LIBS=ON \
        >"$work/told" 2>&1 && grep -q 'kldsel::static: no library in' "$work/told"
}
check '  no static one: told by its name' no_static
check 'asked for components' ask 'COMPONENTS shared' 'COMPONENTS static'
check '  shared is found' said 'found: COMPONENTS shared'
check '  static is not' said 'not found: COMPONENTS static'
mv "$work/away"/* "$libdir"

# Versions: the same major number and not newer. Components: those that there are.
readonly major=${version%%.*}
good=("$major" "$version" "$version EXACT" "$major...$((major + 1))" 'COMPONENTS shared static'
    'OPTIONAL_COMPONENTS archive')
bad=("$((major + 1))" "$major.999" '0.9' "0.1...<$major" "$major.998...$major.999" 'COMPONENTS archive')
check 'asked for versions and components' ask "${good[@]}" "${bad[@]}"
for wanted in "${good[@]}"; do check "  $wanted is found" said "found: $wanted"; done
for wanted in "${bad[@]}"; do check "  $wanted is not" said "not found: $wanted"; done

# pkg-config of the moved copy, and C++.
pkgconfig() { PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --define-variable=prefix="$place" "$@" kldsel; }
read -ra flags <<<"$(pkgconfig --cflags --libs)"
printf '#include <kldsel/kldsel.hpp>\n#include <cstdio>\nint main() { std::printf("%%s 1\\n", kldsel::version_string()); }\n' \
    >"$work/host.cpp"
for standard in 17 20; do
    check "pkg-config, C++$standard" c++ -std=c++$standard -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
        "$work/host.cpp" "${flags[@]}" -o "$work/host"
    check '  runs' env LD_LIBRARY_PATH="$libdir" "$work/host"
done

## From source
host from-source cmake 2
cmake_host from-source -DKLDSEL_SOURCE="$source"
check "  needs no $soname" lacks "$work/from-source/build/host" "$soname"

host subproject meson 1
mkdir "$work/subproject/subprojects"
ln -s "$source" "$work/subproject/subprojects/kldsel"
# As distributions configure, who want to miss no feature of the host's.
check 'meson subproject' meson setup "$work/subproject/build" "$work/subproject" --wrap-mode=forcefallback \
    -Dauto_features=enabled
check '  builds' ninja -C "$work/subproject/build"
check '  runs' runs "$work/subproject/build/host"
check '  builds the library alone' fails test -e "$work/subproject/build/subprojects/kldsel/tests"
check "  needs no $soname" lacks "$work/subproject/build/host" "$soname"

# The same file with an installed copy.
rm "$work/subproject/subprojects/kldsel"
check 'meson, installed' env PKG_CONFIG_PATH="$libdir/pkgconfig" \
    meson setup "$work/subproject/other" "$work/subproject" --wrap-mode=nofallback

printf '%d checks, %d failed\n' "$checks" "$failures"
((failures == 0))
