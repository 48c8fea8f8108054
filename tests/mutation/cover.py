# SPDX-License-Identifier: BSD-3-Clause
"""Which tests reach which lines, from a build folder with coverage."""

import json
import os
import shutil
import subprocess


def _run(program, folder):
    """Runs a test; the counts go below the folder, and the compiler's notes are put beside them."""
    done = subprocess.run(
        [program],
        env={**os.environ, "KLDSEL_TEST_QUICK": "1", "CK_FORK": "no", "GCOV_PREFIX": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"mutate: {program.name} fails with coverage\n{done.stdout.decode()}")
    counts = []
    for path in sorted(folder.rglob("*.gcda")):
        notes = ("/" / path.relative_to(folder)).with_suffix(".gcno")
        if notes.parent.match("libkldsel/*.p"):
            path.with_suffix(".gcno").symlink_to(notes)
            counts.append(path)
    return counts


def _lines(counts, folder):
    """Of every line that code was made of, whether it ran, or would have run at the baseline level."""
    told = subprocess.run(
        ["gcov", "--json-format", "--stdout", *map(str, counts)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout
    units = [_lines_of(json.loads(unit)) for unit in told.splitlines()]
    functions = [{function for function, ran in unit.values() if ran} for unit in units]
    reached = {}
    for unit in units:
        for at, (function, _) in unit.items():
            # A line that only one CPU level has would have run if its function ran at another.
            reached[at] = reached.get(at, False) or any(
                other[at][1] if at in other else function in ran for other, ran in zip(units, functions, strict=True)
            )
    return reached


def _lines_of(unit):
    """Of every line of an object file, the function that it is in and whether it ran."""
    return {
        f"{file['file'].lstrip('./')}:{line['line_number']}": (line.get("function_name"), line["count"] > 0)
        for file in unit["files"]
        for line in file["lines"]
    }


def reached(build, work, tests):
    """By "file:line", the tests that reach it; lines that no code was made of are left out. What is known of a test
    is kept until that or the library is built again."""
    kept = work / "coverage.json"
    library = (build / "libkldsel" / "libkldsel.so").stat().st_mtime
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    for test in tests:
        program, folder = build / "tests" / test, work / "coverage" / test
        built = max(program.stat().st_mtime, library)
        if known.get(test, {}).get("built") != built:
            shutil.rmtree(folder, ignore_errors=True)
            known[test] = {"built": built, "lines": _lines(_run(program, folder), folder)}
            kept.write_text(json.dumps(known))
    reaching = {}
    for test in tests:
        for at, ran in known[test]["lines"].items():
            reaching.setdefault(at, set()).update({test} if ran else set())
    return reaching
