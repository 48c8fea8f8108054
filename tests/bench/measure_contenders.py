# SPDX-License-Identifier: BSD-3-Clause
"""libkldsel and the contenders on the same networks, in turn."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import agreement
from processes import Contender, Library
from samples import spread
from settings import SIX, Settings, threads_text


@dataclass(frozen=True)
class Kind:
    """A way to the six methods."""

    label: str
    module: str
    debian: bool  # what Debian ships; else from PyPI
    quadratic: bool  # makes the M x M matrices
    precisions: tuple[str, ...] = ("f64",)


KINDS = (
    Kind("NumPy, matrices", "numpy_matrix", debian=True, quadratic=True),
    Kind("scikit-learn + SciPy", "sklearn_matrix", debian=True, quadratic=True, precisions=("f64", "f32")),
    Kind("NumPy, linear algebra", "numpy_linear", debian=True, quadratic=False),
    Kind("PyTorch, matrices", "torch_matrix", debian=False, quadratic=True),
    Kind("PyTorch, linear algebra", "torch_linear", debian=False, quadratic=False, precisions=("f64", "f32")),
)
# The other scans, of dense layers; f32 as their authors have it.
SCANS = (
    Kind("WeightWatcher", "weight_watcher", debian=False, quadratic=True, precisions=("f32",)),
    Kind("Spectrum's method", "spectrum", debian=False, quadratic=True, precisions=("f32",)),
)


@dataclass
class Entry:
    """A contender with its setting, and what was measured of it on one layer set."""

    kind: Kind
    blas: str  # "shipped", "best" or "own"
    process: Contender
    info: dict
    precision: str
    samples: list[float] = field(default_factory=list)
    spent: float = 0.0
    resident: int = 0
    agreement: dict | None = None


def start(settings: Settings, blas: dict | None, kinds: tuple[Kind, ...]) -> list[Entry]:
    """Start the contenders: Debian's with OpenBLAS as it ships and, where much is multiplied, at its best."""
    entries = []
    for kind in kinds:
        if not kind.debian and settings.pypi_python is None:
            continue
        python = settings.debian_python if kind.debian else settings.pypi_python
        cores = [("shipped" if kind.debian else "own", None)]
        if kind.debian and kind.quadratic and blas and blas["best"]["setting"] is not None:
            cores.append(("best", blas["best"]["setting"]))
        for name, core in cores:
            process = Contender(kind.module, python, core)
            info = process.request("info")
            entries += [Entry(kind, name, process, info, precision) for precision in kind.precisions]
    return entries


def stop(entries: list[Entry]) -> None:
    """End the contenders."""
    for entry in entries:
        entry.process.close()


def versions(entries: list[Entry]) -> dict[str, str]:
    """Return what the contenders run on."""
    found = {}
    for entry in entries:
        origin = "Debian" if entry.kind.debian else "PyPI"
        found.update({f"{name} ({origin})": version for name, version in entry.info["versions"].items()})
    return found


def take_turn(entry: Entry, settings: Settings) -> dict | None:
    """Let the contender run; keep the time; return its results when it ran for the first time."""
    answer = entry.process.request("run", precision=entry.precision, seconds=settings.request_seconds)
    entry.samples.append(statistics.median(answer["seconds"]))
    entry.spent += sum(answer["seconds"])
    entry.resident = max(entry.resident, answer["resident"] or 0)
    return answer["results"] if len(entry.samples) == 1 else None


def may_go_on(entry: Entry, settings: Settings) -> bool:
    """Tell whether another run of the contender fits its time."""
    return not entry.samples or entry.spent + entry.samples[-1] <= settings.most_seconds


def library_turn(library: Library, threads: int, settings: Settings, estimate: float) -> float:
    """Return the median of libkldsel's six methods, repeated like a short contender."""
    rounds = max(1, min(100, int(settings.request_seconds / max(estimate, 1e-6))))
    return statistics.median(library.time(SIX, threads, rounds)["seconds"])


def rounds_in_turn(
    library: Library,
    entries: list[Entry],
    threads: int,
    settings: Settings,
    say: Callable[[str], None],
    first: Callable[[Entry, dict], None],
) -> list[float]:
    """Run all in turn, each time another one first; return libkldsel's times."""
    times: list[float] = []
    estimate = library.time(SIX, threads, 1)["seconds"][0]
    for number in range(settings.rounds):
        at = number % (len(entries) or 1)
        say(f"round {number + 1} of {settings.rounds}: libkldsel")
        times.append(library_turn(library, threads, settings, estimate))
        for entry in entries[at:] + entries[:at]:
            if not may_go_on(entry, settings):
                continue
            say(
                f"round {number + 1} of {settings.rounds}: "
                f"{entry.kind.label}, {entry.precision}, {entry.blas} BLAS"
            )
            time.sleep(settings.settle)
            results = take_turn(entry, settings)
            if results is not None:
                first(entry, results)
        time.sleep(settings.settle)
    return times


def library_record(network: str, dtype: str, threads: int, times: list[float]) -> dict:
    """Return what was measured of libkldsel, for the results."""
    return {
        "network": network,
        "dtype": dtype,
        "contender": "libkldsel",
        "blas": None,
        "core": None,
        "precision": "f64",
        "threads": threads,
        "seconds": spread(times),
        "resident": None,
        "agreement": None,
    }


def record(entry: Entry, network: str, dtype: str, threads: int) -> dict:
    """Return what was measured of a contender, for the results."""
    return {
        "network": network,
        "dtype": dtype,
        "contender": entry.kind.label,
        "blas": entry.blas,
        "core": entry.info["blas"]["core"],
        "precision": entry.precision,
        "threads": threads,
        "seconds": spread(entry.samples),
        "resident": entry.resident,
        "agreement": entry.agreement,
    }


def weights_file() -> Path:
    """Return a file to hand weights over, in memory where the system has a folder for that."""
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    handle, path = tempfile.mkstemp(prefix="kldsel-bench-", dir=folder)
    os.close(handle)
    return Path(path)


def hand_over(
    library: Library, entries: list[Entry], layers: list[list[int]], dtype: str, settings: Settings
) -> None:
    """Give the contenders the weights of the library's set, each as many copies in memory of its own."""
    path, copies = weights_file(), library.copy(settings.copies_mib)
    try:
        library.command("save", 0, path)
        for process in {entry.process for entry in entries}:
            process.request("load", path=str(path), layers=layers, dtype=dtype, copies=copies)
    finally:
        path.unlink()


def measure_network(
    library: Library,
    entries: list[Entry],
    network: str,
    dtype: str,
    layers: list[list[int]],
    settings: Settings,
    say: Callable[[str], None],
) -> list[dict]:
    """Measure the six methods on one network; raise if the library's own scores depend on threads."""
    library.network(network, dtype)
    expected = library.command("scores", 0, 1)
    for threads in settings.threads:
        if library.command("scores", 0, threads) != expected:
            raise RuntimeError(f"{network}: libkldsel's scores on {threads} threads are not those on one")
    hand_over(library, entries, layers, dtype, settings)

    def compare(entry: Entry, results: dict) -> None:
        entry.agreement = agreement.compare(expected, results, layers, entry.precision)

    records = []
    for threads in settings.threads:
        for entry in entries:
            entry.samples, entry.spent, entry.resident, entry.agreement = [], 0.0, 0, None
            entry.process.request("threads", count=threads)
        told = f"{network}, {threads_text(threads)}"
        times = rounds_in_turn(
            library, entries, threads, settings, lambda text, told=told: say(f"{told}, {text}"), compare
        )
        records.append(library_record(network, dtype, threads, times))
        records += [record(entry, network, dtype, threads) for entry in entries]
    library.drop()
    return records


def measure_scans(
    library: Library, settings: Settings, networks: dict, say: Callable[[str], None]
) -> tuple[list[dict], dict[str, str]]:
    """Measure singular-value scans and libkldsel on an encoder block, and on one matrix of a larger model."""
    entries = start(settings, None, SCANS)
    threads, dtype = max(settings.threads), "bf16"
    records = []
    try:
        for name, layers in (
            ("vit-b16-block", networks["vit-b16-block"]),
            ("llama-7b-matrix", [[4096, 4096, 1, 1]]),
        ):
            if name in networks:
                library.network(name, dtype)
            else:
                library.shape(4096, 4096, 1, 1, dtype)
            hand_over(library, entries, layers, dtype, settings)
            for entry in entries:
                entry.samples, entry.spent, entry.resident = [], 0.0, 0
                entry.process.request("threads", count=threads)
            times = rounds_in_turn(
                library,
                entries,
                threads,
                settings,
                lambda text, name=name: say(f"{name}, {text}"),
                lambda *_: None,
            )
            records.append(library_record(name, dtype, threads, times))
            records += [record(entry, name, dtype, threads) for entry in entries]
            library.drop()
    finally:
        stop(entries)
    return records, versions(entries)
