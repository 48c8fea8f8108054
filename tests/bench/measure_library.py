# SPDX-License-Identifier: BSD-3-Clause
"""What concerns libkldsel alone: the floor, element types, growth, memory, pairwise cosines."""

from collections.abc import Callable

import machine
from processes import Library
from samples import slope, spread
from settings import COSINE, SIX, Settings, threads_text

# On one thread; the shapes are ordinary, and large enough to leave the costs of a call behind.
GROWTH_FILTERS, GROWTH_CHANNELS, GROWTH_KERNEL = 512, 128, 3
GROWTH_LAYER = (256, 8, 3)
GROWTH_TURNS = 5
# Long enough to come from memory, short enough for every machine; 13.5 GB of weights lie in it over and over.
SHARED_MIB = 1024


def against_floor(library: Library, methods: int, threads: int, rounds: int) -> dict:
    """Time methods in turn with reading once; the ratio is that of each pair."""
    found = library.time(methods, threads, rounds)
    ratios = [a / b for a, b in zip(found["seconds"], found["floor"])]
    return {
        "methods": methods,
        "threads": threads,
        "seconds": spread(found["seconds"]),
        "floor": spread(found["floor"]),
        "ratio": spread(ratios),
    }


def measure_floor(
    library: Library, settings: Settings, say: Callable[[str], None]
) -> tuple[list[dict], list[dict]]:
    """Measure f32 in both layouts on every network, and every dtype on ResNet50.

    Return what was measured with weights that come from memory; and with those that a cache may keep, read over
    and over, where it has room for them.
    """
    cold, warm = [], []
    sets = [(name, "f32", layout) for name in settings.convolutions for layout in ("oihw", "hwio")]
    sets += [("resnet50", dtype, layout) for dtype in ("f16", "bf16") for layout in ("oihw", "hwio")]
    sets += [(name, dtype, "oihw") for name, dtype in settings.dense]
    for name, dtype, layout in sets:
        size = library.network(name, dtype, layout)
        keys = {"set": name, "dtype": dtype, "layout": layout, **size}
        phases = [("in memory", cold)]
        if size["bytes"] <= machine.cache_mib() << 20:
            phases.insert(0, ("in the cache", warm))
        for place, records in phases:
            copies = library.copy(settings.copies_mib) if records is cold else 1
            for threads in settings.threads:
                for methods in (SIX, COSINE):
                    say(f"{name}, {dtype} {layout}, {place}, {methods} methods, {threads_text(threads)}")
                    found = against_floor(library, methods, threads, settings.library_rounds)
                    records.append({**keys, "copies": copies, **found})
        library.drop()
    return cold, warm


def measure_big(library: Library, settings: Settings, say: Callable[[str], None]) -> list[dict]:
    """Measure over 2 GB of f32: ResNet50 two dozen times, and matrices of which none fits a cache."""
    records = []
    sets = (
        ("24 x resnet50", lambda: library.network("resnet50", times=24)),
        ("32 x 4096 x 4096", lambda: library.shape(4096, 4096, 1, 32)),
    )
    for name, make in sets:
        say(f"{name}: drawing weights")
        size = make()
        for threads in settings.threads:
            for methods in (SIX, COSINE):
                say(f"{name}, {methods} methods, {threads_text(threads)}")
                found = against_floor(library, methods, threads, 5)
                records.append({"set": name, "dtype": "f32", "layout": "oihw", **size, **found})
        library.drop()
    return records


def grow(library: Library, command: str, shapes: list[tuple[int, int, int, int]], rounds: int) -> list[float]:
    """Return the worker's median of a command on each layer set; all sets take turns, lest a slow spell be one's."""
    seconds = [[] for _ in shapes]
    for _ in range(GROWTH_TURNS):
        for shape, found in zip(shapes, seconds):
            library.shape(*shape)
            found.extend(library.command(command, 0, max(1, rounds // GROWTH_TURNS))["seconds"])
            library.drop()
    return [spread(found)["median"] for found in seconds]


def measure_growth(library: Library, settings: Settings, say: Callable[[str], None]) -> list[dict]:
    """Measure cost against filters, filter size and layers, each doubled again and again."""
    factors = [2**power for power in range(settings.growth_doublings + 1)]
    filters, channels, kernel = GROWTH_FILTERS, GROWTH_CHANNELS, GROWTH_KERNEL
    rounds, few_rounds = settings.library_rounds, max(3, settings.library_rounds // 4)
    many_layers = [(*GROWTH_LAYER, count) for count in settings.growth_layers]
    lines = (
        (
            "filters",
            "grow",
            [filters * factor for factor in factors],
            [(filters * factor, channels, kernel, 1) for factor in factors],
            rounds,
        ),
        (
            "filter size",
            "grow",
            [channels * kernel * kernel * factor for factor in factors],
            [(filters, channels * factor, kernel, 1) for factor in factors],
            rounds,
        ),
        ("layers", "grow", settings.growth_layers, many_layers, few_rounds),
        ("layers, ranking by others alone", "others", settings.growth_layers, many_layers, few_rounds),
    )
    records = []
    for what, command, values, shapes, times in lines:
        say(f"growth in {what}")
        points = [list(point) for point in zip(values, grow(library, command, shapes, times))]
        records.append({"what": what, "points": points, **slope(points)})
    return records


def measure_levels(library: Library, settings: Settings, say: Callable[[str], None]) -> dict:
    """Measure ResNet50 on one thread at every CPU level that the machine has, by number; the bits are the same."""
    say("CPU levels")
    size = library.network("resnet50")
    library.copy(settings.copies_mib)
    found = library.command("levels", 0, settings.library_rounds)
    library.drop()
    return {**size, "seconds": {level: spread(seconds) for level, seconds in found.items()}}


def measure_memory(settings: Settings, say: Callable[[str], None]) -> list[dict]:
    """Measure the most memory beyond the weights for ResNet50 and a list of 6.7 billion weights.

    Each call in a process of its own: one that has worked before keeps memory, and would seem to need none.
    """
    records = []
    for name, dtype, most_mib in (("resnet50", "f32", 0), ("llama-7b", "bf16", SHARED_MIB)):
        for call in ("rank_tensors", "profile_create_many"):
            for threads in settings.threads:
                say(f"peak memory, {name}, {call}, {threads_text(threads)}")
                library = Library(settings.worker)
                size = library.network(name, dtype, most_mib=most_mib)
                found = library.command("peak", 0, call, threads)
                records.append(
                    {"set": name, "dtype": dtype, **size, "call": call, "threads": threads, **found}
                )
                library.close()
    return records


def measure_pairwise(settings: Settings, blas: dict | None, say: Callable[[str], None]) -> list[dict]:
    """Measure pairwise cosines beside dsyrk, as shipped and at the best core type."""
    if blas is None:
        return []
    records = []
    cores = [("shipped", None)] + [("best", blas["best"]["setting"])] * (blas["best"]["setting"] is not None)
    libraries = [(name, Library(settings.worker, setting)) for name, setting in cores]
    for filters, elements in settings.pairwise:
        for threads in settings.threads:
            samples = {name: {"cosine": [], "syrk": []} for name, _ in libraries}
            for number in range(settings.rounds):
                say(f"pairwise cosine, {filters} x {elements}, {threads_text(threads)}, round {number + 1}")
                for name, library in libraries:
                    found = library.command("pairwise", filters, elements, threads, 3)
                    for key, values in found.items():
                        samples[name][key] += values
            records += [
                {
                    "filters": filters,
                    "elements": elements,
                    "threads": threads,
                    "blas": name,
                    "core": blas[name]["core"],
                    **{key: spread(values) for key, values in samples[name].items()},
                }
                for name, _ in libraries
            ]
    for _, library in libraries:
        library.close()
    return records
