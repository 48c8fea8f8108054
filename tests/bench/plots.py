#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draw the plots of docs/performance.md from the results of bench.py."""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from names import set_name
from settings import COSINE, SIX, threads_text

# Okabe and Ito's colours, which colour-blind readers can tell apart.
OWN, BLUE, SKY, GREEN, YELLOW, RED, PINK, GREY = (
    "#000000",
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
# Contender and precision: colour and marker; filled where it is the library's own algebra.
STYLES = {
    ("libkldsel", "f64"): (OWN, "D"),
    ("PyTorch, linear algebra", "f32"): (YELLOW, "v"),
    ("PyTorch, linear algebra", "f64"): (RED, "v"),
    ("NumPy, linear algebra", "f64"): (PINK, "^"),
    ("scikit-learn + SciPy", "f32"): (SKY, "o"),
    ("scikit-learn + SciPy", "f64"): (BLUE, "o"),
    ("NumPy, matrices", "f64"): (GREEN, "s"),
    ("PyTorch, matrices", "f64"): (GREY, "P"),
}


def style() -> None:
    """Set what all plots share."""
    mpl.rcParams.update(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e5e5e5",
            "axes.axisbelow": True,
            "legend.frameon": False,
            "figure.facecolor": "white",
            "savefig.bbox": "tight",
            "savefig.pad_inches": 0.15,
            "svg.hashsalt": "kldsel",  # the same picture from the same numbers
        }
    )


def plain_milliseconds(axis: object) -> None:
    """Write 0.1, 1, 10, 100 rather than powers."""
    axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(mpl.ticker.NullFormatter())


def six_methods(results: dict) -> plt.Figure:
    """Draw the time of the six methods by network and contender."""
    threads = max(results["settings"]["threads"])
    records = [record for record in results["contenders"] if record["threads"] == threads]
    networks = list(dict.fromkeys(record["network"] for record in records))
    both = any(record["blas"] == "best" for record in records)
    figure, axes = plt.subplots(figsize=(9, 0.95 * len(networks) + 1.6))
    for row, network in enumerate(networks):
        dtype = next(record["dtype"] for record in records if record["network"] == network)
        floors = [
            one
            for one in results["floor"]
            if (one["set"], one["dtype"], one["layout"], one["methods"], one["threads"])
            == (network, dtype, "oihw", SIX, threads)
        ]
        for one in floors:
            label = "reading the weights once" if row == 0 else None
            at = 1e3 * one["floor"]["median"]
            axes.plot([at, at], [row - 0.4, row + 0.4], color=OWN, lw=1, ls=":", label=label)
        for record in records:
            if record["network"] != network:
                continue
            key = (record["contender"], record["precision"])
            color, marker = STYLES[key]
            # A little apart, so that equal times stay visible.
            height = row + 0.08 * (list(STYLES).index(key) - len(STYLES) / 2)
            median, low, high = (1e3 * record["seconds"][name] for name in ("median", "min", "max"))
            axes.plot([low, high], [height, height], color=color, lw=1.2)
            hollow = record["blas"] == "best"
            label = f"{key[0]}{', f32' if key[1] == 'f32' else ''}{', best BLAS core' if hollow else ''}"
            seen = axes.get_legend_handles_labels()[1]
            axes.plot(
                median,
                height,
                marker,
                color=color,
                ms=6.5,
                mfc="white" if hollow else color,
                label=None if label in seen else label,
            )
    axes.set_xscale("log")
    plain_milliseconds(axes.xaxis)
    axes.set_yticks(range(len(networks)), [set_name(network) for network in networks])
    axes.set_ylim(len(networks) - 0.45, -0.55)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"milliseconds, {threads_text(threads)}; median and range")
    title = "From weights to rankings by six methods"
    axes.set_title(title + ("; hollow: OpenBLAS at its best core type" if both else ""), loc="left")
    order = [name for name, _ in STYLES]
    handles, labels = axes.get_legend_handles_labels()
    named = sorted(
        zip(handles, labels),
        key=lambda one: next((at for at, name in enumerate(order) if name in one[1]), -1),
    )
    axes.legend(*zip(*named), loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def floor_ratio(results: dict) -> plt.Figure:
    """Draw times over reading once."""
    threads = max(results["settings"]["threads"])
    records = [
        record
        for record in [*results["floor"], *results["big"]]
        if record["threads"] == threads and record["dtype"] == "f32"
    ]
    sets = list(dict.fromkeys(record["set"] for record in records))
    styles = {
        (SIX, "oihw"): ("six methods, OIHW", BLUE, "o", -0.24),
        (SIX, "hwio"): ("six methods, HWIO", SKY, "s", -0.08),
        (COSINE, "oihw"): ("cosine methods, OIHW", RED, "o", 0.08),
        (COSINE, "hwio"): ("cosine methods, HWIO", YELLOW, "s", 0.24),
    }
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(sets) + 1.4))
    for record in records:
        label, color, marker, shift = styles[record["methods"], record["layout"]]
        height = sets.index(record["set"]) + shift
        ratio = record["ratio"]
        axes.plot([ratio["q1"], ratio["q3"]], [height, height], color=color, lw=1.5)
        seen = axes.get_legend_handles_labels()[1]
        axes.plot(ratio["median"], height, marker, color=color, label=None if label in seen else label)
    for limit, color in ((3, BLUE), (2, RED)):
        axes.axvline(limit, color=color, ls="--", lw=1)
    axes.axvline(1, color=OWN, lw=1)
    axes.set_xlim(left=0)
    axes.set_yticks(range(len(sets)), [set_name(name) for name in sets])
    axes.set_ylim(len(sets) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"time over reading the weights once, f32, {threads_text(threads)}; median and quartiles")
    axes.set_title(
        "How near to the floor (1); dashed: the aims for six (3) and for cosine methods (2)", loc="left"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def growth(results: dict) -> plt.Figure:
    """Draw times against sizes, both over the first."""
    figure, axes = plt.subplots(figsize=(7, 4.6))
    for record, color, marker in zip(results["growth"], (BLUE, RED, OWN, GREEN), "osD^"):
        first_size, first_time = record["points"][0]
        sizes = [size / first_size for size, _ in record["points"]]
        times = [seconds / first_time for _, seconds in record["points"]]
        label = f"{record['what']}: exponent {record['exponent']:.3f} ± {record['error']:.3f}"
        axes.plot(sizes, times, marker + "-", color=color, ms=5, lw=1.2, label=label)
    most = max(record["points"][-1][0] / record["points"][0][0] for record in results["growth"])
    axes.plot([1, most], [1, most], color=GREY, ls=":", lw=1.5, label="proportional")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        plain_milliseconds(axis)
    axes.set_xlabel("size over the smallest")
    axes.set_ylabel("time over that of the smallest")
    axes.set_title("Growth: processor time of one thread, caches emptied before each run", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


PLOTS = {"six-methods": six_methods, "floor-ratio": floor_ratio, "growth": growth}


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="JSON file of bench.py")
    parser.add_argument("--folder", type=Path, required=True, help="where the plots go")
    parser.add_argument("--format", default="svg", choices=("svg", "png"))
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    style()
    for name, draw in PLOTS.items():
        figure = draw(results)
        path = arguments.folder / f"performance-{name}.{arguments.format}"
        figure.savefig(path, metadata={"Date": None} if arguments.format == "svg" else None)
        plt.close(figure)


if __name__ == "__main__":
    main()
