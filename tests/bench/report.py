#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write docs/performance.md from the results of bench.py, so that words and numbers cannot drift apart.

With --check: exit with 1 if the page is not what the results make.
"""

import argparse
import json
import string
import sys
from pathlib import Path

import machine
from names import set_name
from settings import COSINE, SIX, threads_text
from tables import figure, milliseconds

HERE = Path(__file__).resolve().parent
MIB = 2**20
BLAS = {"shipped": "as shipped", "best": "best core", "own": "its own", None: ""}


def markdown(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return a table; the first so many columns to the left."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def middle(spread: dict) -> str:
    """Return a median in milliseconds with its quartiles."""
    low, median, high = (milliseconds(spread[key]) for key in ("q1", "median", "q3"))
    return f"{median} ({low} - {high})"


def machine_text(results: dict) -> str:
    """Return what it was measured on."""
    computer, blas = results["machine"], results["blas"]
    lines = [
        f"- {computer['processor']} (family/model {computer['family_model']}), {computer['cores']} cores"
        f"{' of a virtual machine' if computer['virtual'] else ''}; {', '.join(computer['caches'])}; "
        f"{computer['memory_gib']} GiB of memory",
        f"- {computer['system']}, Linux {computer['kernel']}, {computer['compiler']}",
        f"- {results['library']['build'].split(' blas=')[0]}",
        "- " + ", ".join(f"{key} {value}" for key, value in sorted(results["versions"].items())),
    ]
    if blas:
        rates = ", ".join(f"{core} {rate:.0f}" for core, rate in blas["tried"].items())
        shipped, best = blas["shipped"], blas["best"]
        choice = (
            f"`OPENBLAS_CORETYPE={best['setting']}` is the fastest"
            if best["setting"]
            else "no other core type is faster by more than measurements vary"
        )
        lines.append(
            f"- OpenBLAS as shipped takes this processor for {shipped['core']}; {choice} "
            f"(Gflop/s of dsyrk on one thread: {rates})"
        )
        if blas["slow"]:
            lines.append("- As shipped it is a slow choice here: docs/guide.md says what to do about it.")
    busy = machine.busy(computer)
    if busy:
        lines.append(f"- **{busy}**")
    lines.append(f"- measured on {results['date']} in {results['seconds'] / 60:.0f} minutes")
    return "\n".join(lines)


def own_time(records: list[dict], network: str, threads: int) -> float:
    """Return libkldsel's median."""
    return next(
        one["seconds"]["median"]
        for one in records
        if (one["contender"], one["network"], one["threads"]) == ("libkldsel", network, threads)
    )


def contenders_text(results: dict) -> str:
    """Return a row for each contender, a column for each network: medians, and how many times libkldsel's."""
    threads = max(results["settings"]["threads"])
    records = [one for one in results["contenders"] if one["threads"] == threads]
    networks = list(dict.fromkeys(one["network"] for one in records))
    kinds = list(dict.fromkeys((one["contender"], one["precision"], one["blas"]) for one in records))
    rows = []
    for kind in kinds:
        cells = []
        for network in networks:
            found = [
                one
                for one in records
                if (one["contender"], one["precision"], one["blas"], one["network"]) == (*kind, network)
            ]
            if not found:
                cells.append("")
                continue
            median = found[0]["seconds"]["median"]
            times = median / own_time(records, network, threads)
            cells.append(milliseconds(median) + ("" if kind[0] == "libkldsel" else f" ({times:.0f} x)"))
        rows.append([kind[0], kind[1], BLAS[kind[2]], *cells])
    return markdown(["ms", "computes in", "BLAS", *map(set_name, networks)], rows, 3)


def single_precision_text(results: dict) -> str:
    """Return what computing in f32 changes."""
    threads = max(results["settings"]["threads"])
    rows = [
        [
            one["contender"],
            BLAS[one["blas"]],
            set_name(one["network"]),
            f"{one['agreement']['largest_difference']:.1g}",
            str(one["agreement"]["places_changed"]),
        ]
        for one in results["contenders"]
        if one["precision"] == "f32" and one["threads"] == threads
    ]
    return markdown(["contender", "BLAS", "layers", "scores off by", "places changed"], rows, 3)


def weights_text(results: dict) -> str:
    """Return where the weights that are measured come from."""
    settings = results["settings"]
    times = settings["copies_mib"] // settings["cache_mib"]
    return (
        "Nobody ranks the same weights twice in a row, so whoever is measured reads copies of them in turn, which\n"
        f"together take {settings['copies_mib']} MiB or more, {times} times the largest cache: they come from memory."
    )


def cached_text(results: dict) -> str:
    """Return the same with weights that a cache has room for; nothing if that was not measured."""
    if not results.get("cached"):
        return ""
    return (
        f"The same with weights that the largest cache has room for, {results['settings']['cache_mib']} MiB, read "
        f"over and over; the floor is\nthen that of the cache:\n\n{floor_text(results['cached'])}\n\n"
    )


def floor_text(records: list[dict]) -> str:
    """Return times over reading once."""
    keys = list(dict.fromkeys((one["set"], one["dtype"], one["layout"]) for one in records))
    threads = sorted({one["threads"] for one in records})
    rows = []
    for key in keys:
        cells = []
        for methods in (SIX, COSINE):
            for count in threads:
                cells += [
                    f"{milliseconds(one['seconds']['median'])} / {milliseconds(one['floor']['median'])} = "
                    f"{one['ratio']['median']:.2f}"
                    for one in records
                    if (one["set"], one["dtype"], one["layout"], one["methods"], one["threads"])
                    == (*key, methods, count)
                ]
        rows.append([set_name(key[0]), key[1], key[2].upper(), *cells])
    head = [
        f"{what}, {threads_text(count)}" for what in ("six methods", "cosine methods") for count in threads
    ]
    return markdown(["layers", "dtype", "layout", *head], rows, 3)


def reading_text(records: list[dict]) -> str:
    """Return how fast weights were read, where starting threads is a small part of it."""
    long = [one for one in records if one["bytes"] >= 32 << 20]
    parts = []
    for count in sorted({one["threads"] for one in long}):
        rates = [one["bytes"] / one["floor"]["median"] / 1e9 for one in long if one["threads"] == count]
        parts.append(f"{min(rates):.0f} to {max(rates):.0f} GB/s on {threads_text(count)}")
    return " and at ".join(parts)


def growth_text(results: dict) -> str:
    """Return the exponents."""
    rows = [
        [
            one["what"],
            f"{one['points'][0][0]} to {one['points'][-1][0]}",
            f"{milliseconds(one['points'][0][1])} to {milliseconds(one['points'][-1][1])}",
            f"{one['exponent']:.3f} ± {one['error']:.3f}",
        ]
        for one in results["growth"]
    ]
    return markdown(["in", "from, to", "ms", "exponent"], rows)


def memory_text(results: dict) -> str:
    """Return the library's peak memory."""
    rows = [
        [
            set_name(one["set"]),
            f"`kldsel_{one['call']}`",
            str(one["threads"]),
            f"{one['bytes'] / MIB:.0f}",
            f"{one['heap'] / MIB:.3f}",
            f"{one['kept'] / MIB:.3f}",
            f"{one['resident'] / MIB:.1f}",
        ]
        for one in results["memory"]
    ]
    head = [
        "layers",
        "call",
        "threads",
        "weights, MiB",
        "peak heap, MiB",
        "kept by results, MiB",
        "resident, MiB",
    ]
    return markdown(head, rows, 2)


def levels_text(results: dict) -> str:
    """Return the times at every CPU level."""
    names = {"1": "baseline (SSE2 on x86-64)", "2": "AVX2 and FMA", "3": "AVX-512"}
    weights = results["levels"]["weights"]
    rows = [
        [names[level], middle(found), f"{found['median'] / weights * 1e9:.2f}"]
        for level, found in results["levels"]["seconds"].items()
    ]
    return markdown(["level", "six methods of ResNet50, ms", "ns for a weight"], rows)


def others_memory_text(results: dict) -> str:
    """Return the contenders' peak memory on ResNet50."""
    threads = max(results["settings"]["threads"])
    rows = [
        [one["contender"], one["precision"], BLAS[one["blas"]], f"{one['resident'] / MIB:.0f}"]
        for one in results["contenders"]
        if one["network"] == "resnet50" and one["threads"] == threads and one["resident"]
    ]
    return markdown(["contender", "computes in", "BLAS", "MiB beyond the weights"], rows, 3)


def pairwise_text(results: dict) -> str:
    """Return pairwise cosines and dsyrk."""
    rows = [
        [
            f"{one['filters']} filters of {one['elements']}",
            f"{BLAS[one['blas']]}, {one['core']}",
            str(one["threads"]),
            middle(one["cosine"]),
            middle(one["syrk"]),
        ]
        for one in results["pairwise"]
    ]
    return markdown(["layer", "BLAS", "threads", "pairwise cosine, ms", "dsyrk, ms"], rows, 2)


def scans_text(results: dict) -> str:
    """Return the other scans."""
    rows = []
    for one in results["scans"]:
        own = own_time(results["scans"], one["network"], one["threads"])
        times = "" if one["contender"] == "libkldsel" else f"{one['seconds']['median'] / own:.0f}"
        rows.append([set_name(one["network"]), one["contender"], milliseconds(one["seconds"]["median"]), times])
    return markdown(["layers", "scan", "ms", "times libkldsel's six methods"], rows, 2)


def targets_text(results: dict) -> str:
    """Return the aims."""
    rows = [
        [
            one["what"],
            ("at least " if one["at_least"] else "at most ") + figure(one["limit"], one["unit"]),
            figure(one["measured"], one["unit"]),
            "yes" if one["met"] else "**no**",
        ]
        for one in results["targets"]
    ]
    return markdown(["what", "aim", "measured", "met"], rows)


def page(results: dict) -> str:
    """Return the page."""
    settings = results["settings"]
    worst = max(one["agreement"]["share_of_bound"] for one in results["contenders"] if one["agreement"])
    values = {
        "machine": machine_text(results),
        "threads": threads_text(max(settings["threads"])),
        "rounds": settings["rounds"],
        "most_seconds": settings["most_seconds"],
        "library_rounds": settings["library_rounds"],
        "worst_share": f"{worst:.2f}",
        "contenders": contenders_text(results),
        "single_precision": single_precision_text(results),
        "weights": weights_text(results),
        "cached": cached_text(results),
        "floor": floor_text([*results["floor"], *results["big"]]),
        "reading": reading_text([*results["floor"], *results["big"]]),
        "growth": growth_text(results),
        "levels": levels_text(results),
        "memory": memory_text(results),
        "others_memory": others_memory_text(results),
        "pairwise": pairwise_text(results),
        "scans": scans_text(results),
        "targets": targets_text(results),
    }
    return string.Template((HERE / "performance.md.in").read_text()).substitute(values)


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="JSON file of bench.py")
    parser.add_argument("--page", type=Path, required=True, help="the page")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    arguments = parser.parse_args()
    text = page(json.loads(arguments.results.read_text()))
    if not arguments.check:
        arguments.page.write_text(text)
        return 0
    if arguments.page.read_text() != text:
        print(f"{arguments.page} is not what {arguments.results} makes; run scripts/bench.sh --render")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
