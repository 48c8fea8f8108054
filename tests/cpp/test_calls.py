#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compare what calls.cpp was compiled to: a function through the C++ face makes the calls that C makes.

Reads the relocations of calls to other objects, in order. Left out is what runs only when something fails: the
sections of unlikely code, and the functions that are in them.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
CALL = re.compile(r"R_\w+_(?:PLT32|PC32|CALL26|JUMP26|GOTPCREL\w*)\s+([A-Za-z_]\w*)")
FAILING = re.compile(
    r"_Unwind_Resume|__cxa_|_ZN6kldsel8throwing6detail5raise|.*(tell_mismatch|out_of_memory|7rethrow)"
)


def calls_of(object_file: Path) -> dict[str, list[str]]:
    """The calls in each function's likely part."""
    sections = subprocess.run(["objdump", "-h", object_file], check=True, text=True, stdout=subprocess.PIPE).stdout
    names = set(re.findall(r"^\s*\d+ (\.text\S*)", sections, re.MULTILINE))
    likely = [name for name in names if ".unlikely" not in name and ".cold" not in name]
    listing = subprocess.run(
        ["objdump", "-dr", *(f"--section={name}" for name in likely), object_file],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    calls: dict[str, list[str]] = {}
    current: list[str] = []
    for line in listing.splitlines():
        if function := FUNCTION.match(line):
            current = calls.setdefault(function[1], [])
        elif (call := CALL.search(line)) and not FAILING.match(call[1]):
            current.append(call[1])
    return calls


def main() -> int:
    """Compare the pairs, and what all of them call with the list of exported symbols."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("symbols", type=Path, help="tests/install/symbols.txt")
    parser.add_argument("objects", type=Path, nargs="+", help="calls.cpp, compiled with optimisation")
    arguments = parser.parse_args()
    symbols = set(arguments.symbols.read_text().split())
    failures = pairs = 0
    for object_file in arguments.objects:
        calls = calls_of(object_file)
        reached: set[str] = set()
        for name, through_cpp in calls.items():
            if name.startswith(("cpp_", "more_")):
                reached.update(through_cpp)
            if not name.startswith("cpp_"):
                continue
            through_c = calls["c_" + name.removeprefix("cpp_")]
            pairs += 1
            if through_cpp != through_c or not through_c:
                print(f"{object_file.name}: {name} calls {through_cpp}, C calls {through_c}")
                failures += 1
        for symbol in sorted(symbols - reached):
            print(f"{object_file.name}: {symbol} is not called through the C++ face")
            failures += 1
    print(f"{pairs} pairs, {failures} failures")
    return 1 if failures or not pairs else 0


if __name__ == "__main__":
    sys.exit(main())
