# SPDX-License-Identifier: BSD-3-Clause
"""Which tests reach which lines, from a build folder with coverage."""

import json
import os
import shutil
import subprocess


def _lines_of(folder):
    """By file, the lines that were built, and those of them that ran."""
    counts = sorted(folder.rglob("*.gcda"))
    told = subprocess.run(
        ["gcov", "--json-format", "--stdout", *map(str, counts)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout
    built, ran = {}, {}
    for line in told.splitlines():
        for file in json.loads(line)["files"]:
            name = file["file"].lstrip("./")
            for one in file["lines"]:
                built.setdefault(name, set()).add(one["line_number"])
                if one["count"] > 0:
                    ran.setdefault(name, set()).add(one["line_number"])
    return built, ran


def reached(coverage, work, tests):
    """By file and line, the tests that reach it; lines that no code was made of are left out."""
    reaching = {}
    for test in tests:
        folder = work / "coverage" / test
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run(
            [coverage / "tests" / test],
            env={**os.environ, "KLDSEL_TEST_QUICK": "1", "CK_FORK": "no", "GCOV_PREFIX": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"mutate: {test} fails with coverage\n{done.stdout.decode()}")
        for notes in coverage.rglob("libkldsel/**/*.gcno"):
            beside = folder / notes.resolve().relative_to("/")
            if beside.with_suffix(".gcda").is_file():
                beside.symlink_to(notes)
        for counts in list(folder.rglob("*.gcda")):
            if not counts.with_suffix(".gcno").exists():
                counts.unlink()
        built, ran = _lines_of(folder)
        for name, lines in built.items():
            for line in lines:
                reaching.setdefault((name, line), set()).update(
                    {test} if line in ran.get(name, ()) else set()
                )
    return reaching
