#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compile every ```c block of the documents as C11 and every ```cpp block as C++17, warnings being errors, and
run those with a main.

A block with a main, or with headers of its own, is a whole file; the others are functions that see the public
header and the standard headers below. If the next block is ```text, it says what the program prints, word for word.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PRELUDE = """#include <kldsel/kldsel.h>
#include <stdio.h>
#include <stdlib.h>
"""
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
STANDARDS = {"c": "-std=c11", "cpp": "-std=c++17"}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[bool, str]:
    """Run a command; tell whether it succeeded and what it printed."""
    done = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
    )
    return done.returncode == 0, done.stdout


def check(
    code: str, language: str, expected: str | None, compiler: list[str], include: Path, library: Path
) -> str | None:
    """Compile one block, and run it if it is a program; return what went wrong."""
    program = re.search(r"\bmain\(", code) is not None
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder, f"snippet.{language}"), Path(folder, "snippet")
        source.write_text(code if program or "#include" in code else PRELUDE + code)
        command = [*compiler, STANDARDS[language], *WARNINGS, f"-I{include}", str(source), "-o", str(binary)]
        if program:
            command += [str(library), "-lm"]
        else:
            command += ["-c", "-Wno-unused-function"]
        fine, output = run(command)
        if not fine:
            return "does not compile:\n" + output
        if not program:
            return None
        fine, output = run([str(binary)], {**os.environ, "LD_LIBRARY_PATH": str(library.parent)})
        if not fine:
            return "fails:\n" + output
        if expected is not None and output != expected:
            return f"prints:\n{output}instead of:\n{expected}"
    return None


def main() -> int:
    """Check all blocks of all documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=Path, required=True, help="folder of kldsel/kldsel.h")
    parser.add_argument("--library", type=lambda path: Path(path).resolve(), required=True, help="the shared library")
    parser.add_argument("--without", default=[], nargs="*", help="headers that are not here: blocks with them are left")
    parser.add_argument("--cpp", default="c++", help="C++ compiler; empty if there is none")
    parser.add_argument("--documents", type=Path, nargs="+", required=True)
    parser.add_argument("--compiler", nargs=argparse.REMAINDER, required=True, help="command, comes last")
    arguments = parser.parse_args()

    checked = failed = 0
    for document in arguments.documents:
        text = document.read_text()
        blocks = list(BLOCK.finditer(text))
        for block, following in zip(blocks, [*blocks[1:], None]):
            language, code = block[1], block[2]
            if language not in STANDARDS or any(header in code for header in arguments.without):
                continue
            compiler = arguments.compiler
            if language == "cpp":
                if not arguments.cpp:
                    continue
                compiler = [*arguments.cpp.split(), *(flag for flag in compiler if flag.startswith("-"))]
            expected = None
            if following is not None and following[1] == "text":
                expected = following[2]
            where = f"{document.name}:{text.count(chr(10), 0, block.start()) + 1}"
            wrong = check(code, language, expected, compiler, arguments.include, arguments.library)
            print(f"{'FAILED ' if wrong else 'ok     '} {where}{': ' + wrong if wrong else ''}")
            checked += 1
            failed += wrong is not None
    print(f"{checked} snippets, {failed} failed")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
