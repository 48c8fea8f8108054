#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measure libkldsel beside what a user would take instead; scripts/bench.sh builds, installs and calls this.

Exits with 1 if any numbers are wrong; with --strict also if an aim is missed.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import blas as blas_cores
import machine
import measure_contenders
import measure_library
import tables
import targets
from processes import Library
from settings import Settings, full, quick, threads_text


class Progress:
    """One line on a terminal that tells what is going on; nothing elsewhere."""

    def __init__(self) -> None:
        """Start the clock."""
        self.start = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Replace the line."""
        if self.terminal:
            print(
                f"\r\033[K{time.monotonic() - self.start:4.0f} s  {text}", end="", file=sys.stderr, flush=True
            )

    def clear(self) -> None:
        """Remove the line."""
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def show(progress: Progress, text: str) -> None:
    """Print finished results."""
    progress.clear()
    print(text, flush=True)


def contenders(
    library: Library, settings: Settings, blas: dict | None, networks: dict, progress: Progress
) -> tuple:
    """Measure contenders on all networks; return records and versions."""
    kinds = measure_contenders.KINDS
    entries = measure_contenders.start(settings, blas, kinds)
    versions = measure_contenders.versions(entries)
    records = []
    try:
        for name, dtype in [*((name, "f32") for name in settings.convolutions), *settings.dense]:
            usable = [
                entry for entry in entries if not (entry.kind.quadratic and name in settings.linear_only)
            ]
            found = measure_contenders.measure_network(
                library, usable, name, dtype, networks[name], settings, progress.say
            )
            records += found
            show(progress, tables.contenders(found))
    finally:
        measure_contenders.stop(entries)
    return records, versions


def measure(settings: Settings, mode: str, progress: Progress) -> dict:
    """Measure everything."""
    computer = machine.describe()  # first: its load is to be that of others
    progress.say("core types of the BLAS")
    blas = blas_cores.choose(settings.worker)
    library = Library(settings.worker)
    info = library.command("info")
    results = {
        "format": 1,
        "mode": mode,
        "date": time.strftime("%Y-%m-%d"),
        "machine": computer,
        "settings": {
            "threads": list(settings.threads),
            "rounds": settings.rounds,
            "most_seconds": settings.most_seconds,
            "library_rounds": settings.library_rounds,
            "copies_mib": settings.copies_mib,
            "cache_mib": machine.cache_mib(),
        },
        "library": {"version": info["version"], "build": info["build"], "cpu_level": info["cpu_level"]},
        "blas": blas,
    }
    networks = info["networks"]
    show(progress, tables.head(results))
    busy = machine.busy(results["machine"])
    for warning in (busy and f"WARNING: {busy}", blas_cores.warning(blas)):
        if warning:
            show(progress, warning)
    results["floor"], results["cached"] = measure_library.measure_floor(library, settings, progress.say)
    show(progress, tables.floor(results["floor"], "from memory"))
    show(progress, tables.floor(results["cached"], "from the cache"))
    results["big"] = measure_library.measure_big(library, settings, progress.say) if settings.big else []
    if results["big"]:
        show(progress, tables.floor(results["big"], "from memory"))
    results["growth"] = measure_library.measure_growth(library, settings, progress.say)
    show(progress, tables.growth(results["growth"]))
    results["levels"] = measure_library.measure_levels(library, settings, progress.say)
    results["memory"] = measure_library.measure_memory(settings, progress.say)
    show(progress, tables.memory(results["memory"]))
    results["pairwise"] = measure_library.measure_pairwise(settings, blas, progress.say)
    show(progress, tables.pairwise(results["pairwise"]))
    results["contenders"], results["versions"] = contenders(library, settings, blas, networks, progress)
    results["scans"] = []
    if settings.scans:
        results["scans"], versions = measure_contenders.measure_scans(
            library, settings, networks, progress.say
        )
        results["versions"].update(versions)
        show(progress, tables.scans(results["scans"]))
    library.close()
    results["seconds"] = round(time.monotonic() - progress.start)
    results["targets"] = targets.evaluate(results)
    return results


def disagreements(results: dict) -> list[str]:
    """Return a line for each contender whose numbers are not libkldsel's."""
    return [
        f"{record['contender']}, {record['precision']}, on {record['network']}, "
        f"{threads_text(record['threads'])}: off by {record['agreement']['largest_difference']:.2g}, "
        f"{record['agreement']['share_of_bound']:.2g} x its bound"
        for record in results["contenders"]
        if record["agreement"] and not record["agreement"]["agrees"]
    ]


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", type=Path, required=True, help="the built bench_worker")
    parser.add_argument(
        "--debian-python", default="/usr/bin/python3", help="Python of Debian's NumPy and scikit-learn"
    )
    parser.add_argument(
        "--pypi-python", help="Python of PyPI's PyTorch and WeightWatcher; without it, a quick run"
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--strict", action="store_true", help="fail on a missed aim, too")
    arguments = parser.parse_args()
    threads = tuple(count for count in (1, 2) if count <= len(os.sched_getaffinity(0)))
    # libkldsel and, at most, each contender with two core types of the BLAS.
    copies_mib = machine.copies_mib(1 + 2 * len(measure_contenders.KINDS))
    if arguments.pypi_python:
        settings = full(arguments.worker, arguments.debian_python, arguments.pypi_python, threads, copies_mib)
    else:
        settings = quick(arguments.worker, arguments.debian_python, threads, copies_mib)
    progress = Progress()
    results = measure(settings, "full" if arguments.pypi_python else "quick", progress)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    show(progress, tables.targets(results["targets"]))
    wrong = disagreements(results)
    for line in wrong:
        print(f"WRONG: {line}")
    missed = [one for one in results["targets"] if not one["met"]]
    print(f"{results['seconds']} s; results in {arguments.output}")
    return 1 if wrong or (arguments.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
