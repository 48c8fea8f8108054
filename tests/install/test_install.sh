#!/usr/bin/env bash
# Installs a build into a temporary folder and uses it as hosts do: through pkg-config, from C99, C11 and
# C++, shared and static; compares what it exports with the header and with symbols.txt.
# Usage: test_install.sh SOURCE BUILD PREFIX MESON CC...
set -euo pipefail

readonly source=$1 build=$2 prefix=$3 meson=$4 cc=("${@:5}")
readonly here=$source/tests/install header=$source/include/kldsel/kldsel.h
readonly warnings=(-Wall -Wextra -Werror -pedantic-errors)

stage=$(mktemp -d)
readonly stage
trap 'rm -rf "$stage"' EXIT

failures=0
# check WHAT COMMAND...: run COMMAND, tell how it went.
check() {
    local what=$1
    shift
    if "$@" >"$stage/log" 2>&1; then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s: %s\n' "$what" "$*"
        cat "$stage/log"
        failures=$((failures + 1))
    fi
}

same() { diff "$1" "$2"; }
needs() { readelf -d "$1" | grep -qF "[$2]"; }
lacks() { [[ -f $1 ]] && ! needs "$@"; }

check 'meson install' env DESTDIR="$stage" "$meson" install -C "$build" --no-rebuild --quiet
readonly root=$stage$prefix

pc=$(find "$root" -name kldsel.pc)
[[ -n $pc ]] || { printf 'no kldsel.pc was installed\n' && exit 1; }
# What was installed for $prefix lies under $stage$prefix.
sed -i "s|^prefix=.*|prefix=$root|" "$pc"
PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir kldsel)
readonly shared=$libdir/libkldsel.so.1

## Layout, version, soname
check 'kldsel.h is installed' test -f "$root/include/kldsel/kldsel.h"
check 'libkldsel.so leads to libkldsel.so.1' test "$(readlink -f "$libdir/libkldsel.so")" = "$(readlink -f "$shared")"
check 'libkldsel.a is installed' test -f "$libdir/libkldsel.a"

version=$(sed -n 's/^#define KLDSEL_VERSION_[A-Z]* \([0-9]*\).*/\1/p' "$header" | paste -s -d . -)
check "version is $version" test "$(pkg-config --modversion kldsel)" = "$version"
soname=$(readelf -d "$shared" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
check "soname is libkldsel.so.${version%%.*}" test "$soname" = "libkldsel.so.${version%%.*}"

## Exported symbols
# A type "A" is the name of a version, not a symbol.
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort >"$stage/exported"
# The functions that the header declares: preprocessed, so that neither comments nor macros count.
"${cc[@]}" -E -P "$header" | tr '\n' ' ' |
    grep -oE '\bkldsel_[a-z0-9_]+ *\(' | tr -d ' (' | LC_ALL=C sort -u >"$stage/declared"
check 'symbols.txt is sorted' env LC_ALL=C sort -c "$here/symbols.txt"
check 'the header declares what symbols.txt lists' same "$here/symbols.txt" "$stage/declared"
check 'libkldsel.so exports what symbols.txt lists' same "$here/symbols.txt" "$stage/exported"
# Internal names of the archive may be linked next to a host's: all must carry the prefix.
nm -g --defined-only "$libdir/libkldsel.a" 2>/dev/null | awk 'NF == 3 && $3 !~ /^kldsel_/ { print $3 }' >"$stage/foreign"
check 'libkldsel.a defines kldsel_ names only' same /dev/null "$stage/foreign"

## Hardening
headers() { readelf -lW "$shared"; }
dynamic() { readelf -dW "$shared"; }
hardened() {
    headers | grep -q 'GNU_RELRO' || { echo 'relocations stay writable' && return 1; }
    dynamic | grep -qE 'BIND_NOW|FLAGS_1.*NOW' || { echo 'functions are bound lazily' && return 1; }
    headers | grep -q 'GNU_STACK.* RW ' || { echo 'the stack is executable' && return 1; }
    nm -D --undefined-only "$shared" | grep -q '__stack_chk_fail' || { echo 'stacks are unprotected' && return 1; }
    ! headers | grep 'LOAD' | grep -q 'RWE' || { echo 'memory is writable and executable' && return 1; }
    ! dynamic | grep -qE 'TEXTREL|RPATH|RUNPATH' || { echo 'a text relocation or a search path' && return 1; }
}
check 'libkldsel.so is hardened' hardened
# Where the build asks for it, as every build does that optimises.
fortified() { nm -D --undefined-only "$shared" | grep -q '__vsnprintf_chk'; }
if grep -q 'D_FORTIFY_SOURCE=2' "$build/compile_commands.json"; then
    check 'libkldsel.so checks what it prints into' fortified
fi

## Consumers
sed 's/.*/REFERENCE(&)/' "$here/symbols.txt" >"$stage/references.h"
cp "$here/consumer.c" "$stage/consumer.c"
cp "$here/consumer.c" "$stage/consumer.cpp"

# flags ARGUMENT...: what pkg-config says, into the array of that name.
flags() { read -ra flags <<<"$(pkg-config "$@" kldsel)"; }

# consumer NAME COMMAND...: compile with COMMAND and the flags, then run. A shared one must need
# libkldsel.so.1 and an archived one must not.
consumer() {
    local name=$1 program=$stage/consumer
    shift
    check "$name: compiles" "$@" "${warnings[@]}" -I"$stage" "${flags[@]}" -o "$program"
    check "$name: runs" env LD_LIBRARY_PATH="$libdir" "$program"
    if [[ $name == *shared ]]; then
        check "$name: needs $soname" needs "$program" "$soname"
    else
        check "$name: needs no $soname" lacks "$program" "$soname"
    fi
    rm -f "$program"
}

flags --cflags --libs
consumer 'C99, shared' "${cc[@]}" -std=c99 "$stage/consumer.c"
consumer 'C11, shared' "${cc[@]}" -std=c11 "$stage/consumer.c"
consumer 'C++, shared' c++ -std=c++11 "$stage/consumer.cpp"

flags --static --cflags --libs
# Out of sight of the shared library, -lkldsel is the archive; what it needs stays shared.
mkdir "$stage/archive"
cp "$libdir/libkldsel.a" "$stage/archive"
consumer 'C99, archive' "${cc[@]}" -std=c99 "$stage/consumer.c" -L"$stage/archive"
consumer 'C11, archive' "${cc[@]}" -std=c11 "$stage/consumer.c" -L"$stage/archive"
consumer 'C++, archive' c++ -std=c++11 "$stage/consumer.cpp" -L"$stage/archive"
consumer 'C11, all static' "${cc[@]}" -static -std=c11 "$stage/consumer.c"

## What the README says
# Its first C block is rank.c; its line with pkg-config compiles that.
awk '/^```/ { if (inside) exit; inside = ($0 == "```c"); next } inside' "$source/README.md" >"$stage/rank.c"
command=$(grep -m1 'pkg-config --cflags --libs kldsel' "$source/README.md")
check 'README example compiles' env -C "$stage" sh -c "${command#\$ }"
check 'README example runs' env -C "$stage" LD_LIBRARY_PATH="$libdir" ./rank

((failures == 0)) || { printf '%d checks failed\n' "$failures" && exit 1; }
