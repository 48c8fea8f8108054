# SPDX-License-Identifier: BSD-3-Clause
"""Breaks the library in small ways, one at a time, and tells which faults no test notices. See scripts/mutate.sh."""

import argparse
import csv
import hashlib
import os
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import cover
import instruments
from harness import LEVELS_TOO, Harness
from mutants import mutants_of

ROOT = Path(__file__).resolve().parents[2]
EXPLAINED = Path(__file__).with_name("survivors.toml")
FIELDS = ("file", "line", "operator", "before", "after", "result")
# What other builds lack, or do at several levels alone; these tests have it.
WITH_OPENBLAS = {"blas_core.c", "blas_openblas.c"}
TESTS_WITH_OPENBLAS = ["test_blas", "test_cosine", "test_cosine_blocks", "test_version"]
# By the tests with all their sizes, or explained; and by few of them.
SURVIVED = ("survived", "survived quick")
# Other programs, made of the same lines.
DROPPED = ("equivalent", "invalid")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="mutate")
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--with-openblas", type=Path)
    parser.add_argument("--coverage", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--instruments", action="store_true")
    parser.add_argument("--sanitizers", type=Path)
    parser.add_argument("--threads", type=Path)
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def mutants_in(harness, names):
    """The mutants of some of the library's files, or of all."""
    every = {Path(name).name: seen for name, seen in harness.dependents.items()}
    if not names <= set(every):
        raise SystemExit(f"mutate: no such file: {', '.join(sorted(names - set(every)))}")
    wanted = names or set(every)
    # One C file that sees it is enough for a header; those of the kernels see a great deal.
    sources = {name if name.endswith(".c") else min(every[name], key=harness.weight) for name in wanted}
    found = {}
    for name in sorted(sources):
        for mutant in mutants_of(ROOT, ROOT / "libkldsel" / name, harness.preprocessor(name)):
            if Path(mutant.file).name in wanted:
                found.setdefault((mutant.file, mutant.start, mutant.end, mutant.text), mutant)
    return sorted(found.values(), key=lambda one: (one.file, one.start, one.end, one.text))


def choose(mutants, arguments):
    if arguments.sample == 0:
        return mutants

    def place(one):
        return hashlib.sha256(f"{arguments.seed}:{one.file}:{one.start}:{one.text}".encode()).digest()

    return sorted(mutants, key=place)[: arguments.sample]


def identity(one):
    """What a mutant is known by in the results."""
    return one.file, str(one.line), one.before, one.after


class Results:
    """What became of each mutant; on disk at once, so that a run can be broken off."""

    def __init__(self, path):
        self.path, self.known = path, {}
        if path.is_file():
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    self.known[row["file"], row["line"], row["before"], row["after"]] = row["result"]
        else:
            self._append(FIELDS)

    def _append(self, row):
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow(row)

    def add(self, one, result):
        self.known[identity(one)] = result
        self._append((one.file, one.line, one.operator, one.before, one.after, result))


def tests_of(build):
    return sorted(
        path.name
        for path in (build / "tests").glob("test_*")
        # Which core OpenBLAS should take is known where there are levels; the library with faults has but one.
        if path.is_file() and "." not in path.name and path.name not in ("test_header", "test_header_cpp", "test_blas")
    )


def run_all(harness, todo, tests, reaching, results, arguments):
    """Tries the mutants, several at a time; ends with the results on disk. Those explained see few sizes alone."""
    reasons = explained()
    workers = SimpleQueue()
    for worker in range(arguments.jobs):
        workers.put(worker)

    def attempt(one):
        # What no test reaches here may be reached where the baseline is the only level.
        fitting = reaching.get(f"{one.file}:{one.line}") or set(tests)
        worker = workers.get()
        try:
            every_size = not arguments.quick and one.key not in reasons
            result = harness.try_tests(worker, one, fitting, every_size)
            return one, "survived quick" if result == "survived" and arguments.quick else result
        finally:
            workers.put(worker)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for done, (one, result) in enumerate(pool.map(attempt, todo), 1):
            results.add(one, result)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(todo)}", end="", file=sys.stderr)


def explained(field="why"):
    """By file, before and after, why nothing can notice; or what instrument does."""
    groups = tomllib.loads(EXPLAINED.read_text())["group"] if EXPLAINED.is_file() else []
    return {tuple(one): group[field] for group in groups if field in group for one in group["mutants"]}


def tell_stale(mutants, reasons):
    """Prints which explanations are of no fault that can be made any more; their number."""
    files, keys = {one.file for one in mutants}, {one.key for one in mutants}
    stale = [key for key in reasons if key[0] in files and key not in keys]
    for file, before, after in stale:
        print(f"{file}: explained, and no longer there\n- {before}\n+ {after}")
    return len(stale)


def report(chosen, results):
    """Prints what survives unexplained, and the score; the number of those."""
    reasons = explained()
    tried = [(one, results.known[identity(one)]) for one in chosen if identity(one) in results.known]
    real = [(one, result) for one, result in tried if result not in DROPPED]
    survivors = [one for one, result in real if result in SURVIVED]
    open_ones = [one for one in survivors if one.key not in reasons]
    for one in open_ones:
        print(f"{one.file}:{one.line}: {one.operator}\n- {one.before}\n+ {one.after}")
    killed = len(real) - len(survivors)
    print(
        f"{len(tried)} mutants: {len(tried) - len(real)} are the same program or none; of {len(real)} "
        f"{killed} are killed ({100 * killed / max(len(real), 1):.1f} %), "
        f"{len(survivors) - len(open_ones)} survive explained, {len(open_ones)} unexplained"
    )
    return len(open_ones), killed


def parts(arguments):
    """The builds that are to be broken: each with the names of its files, if any are named, and of its tests."""
    work, names = arguments.results.parent.resolve(), {Path(name).name for name in arguments.files}
    if names - WITH_OPENBLAS or not names:
        build = arguments.build.resolve()
        yield Harness(ROOT, build, work), names - WITH_OPENBLAS, tests_of(build)
    if names & WITH_OPENBLAS or (arguments.with_openblas and not names):
        build = arguments.with_openblas.resolve()
        yield Harness(ROOT, build, work, LEVELS_TOO), names & WITH_OPENBLAS or WITH_OPENBLAS, TESTS_WITH_OPENBLAS


def try_instruments(chosen, arguments):
    """The faults that instruments are to tell; 1 if they do not."""
    build, work = arguments.build.resolve(), arguments.results.parent.resolve()
    builds = {
        "sanitizers": arguments.sanitizers,
        "threads": arguments.threads,
        "valgrind": build,
        "levels": build,
        "openblas": arguments.with_openblas.resolve(),
    }
    reaching = cover.reached(arguments.coverage.resolve(), work, tests_of(build)) if arguments.coverage else {}

    def tests_with(name):
        return {*TESTS_WITH_OPENBLAS, "test_pairs"} if name == "openblas" else set(tests_of(builds[name]))

    return 1 if instruments.check(ROOT, chosen, explained("told_by"), builds, work, tests_with, reaching) else 0


def main():
    arguments = parse_arguments()
    work = arguments.results.parent.resolve()
    found = [(harness, mutants_in(harness, names), tests) for harness, names, tests in parts(arguments)]
    every = [one for _, mutants, _ in found for one in mutants]
    chosen = choose(every, arguments)
    if arguments.list:
        for one in chosen:
            print(f"{one.file}:{one.line}: {one.operator}\n- {one.before}\n+ {one.after}")
        return 0
    if arguments.instruments:
        return try_instruments(chosen, arguments)
    results = Results(arguments.results)
    reasons = explained()

    def wanted(one):
        result = results.known.get(identity(one))
        if one.key in reasons:
            return result is None and not arguments.quick
        if result is None:
            return True
        if arguments.quick:
            return arguments.retry and result == "survived quick"
        return result == "survived quick" or (arguments.retry and result == "survived")

    for harness, mutants, tests in found:
        of_these = set(mutants)
        todo = [one for one in chosen if one in of_these and wanted(one)]
        if not todo:
            continue
        harness.measure(tests)
        covered = arguments.coverage and tests is not TESTS_WITH_OPENBLAS
        reaching = cover.reached(arguments.coverage.resolve(), work, tests) if covered else {}
        run_all(harness, todo, tests, reaching, results, arguments)
    stale = tell_stale(every, reasons)
    unexplained, killed = report(chosen, results)
    return 1 if stale or unexplained or not killed else 0


if __name__ == "__main__":
    sys.exit(main())
