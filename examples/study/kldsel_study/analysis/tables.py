# SPDX-License-Identifier: BSD-3-Clause
"""The tables of docs/study.md, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from kldsel import METHODS

from kldsel_study.analysis.frames import ALONE, CELL, EVERYTHING, HEAD_ONLY, NO_SIZE, RANDOM, RGN
from kldsel_study.results import Runs
from kldsel_study.scores import COST, SHAPE

SHOWN = (
    RANDOM, "last", "first", "most parameters", "most filters", "SNR", ALONE, RGN,
    *(f"{method} {order}" for method in METHODS for order in ("low", "high")),
)  # fmt: skip
"""Arms of the main tables, in this order: what is compared with, then the methods."""


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first are set to the right."""
    lines = [f"| {' | '.join(header)} |", f"| --- |{' ---: |' * (len(header) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def cell_name(network: str, target: str, images: int) -> str:
    """As `resnet20 to mnist, 200`."""
    return f"{network} to {target}, {images}"


def number(value: float, digits: int = 1, sign: bool = False) -> str:
    """A dash where there is none."""
    if not math.isfinite(value):
        return "-"
    return f"{value:{'+' if sign else ''}.{digits}f}"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def coverage(runs: Runs) -> str:
    """How many runs there are."""
    count: dict[tuple[str, str, int], list[int]] = {}
    seconds: dict[tuple[str, str, int], float] = {}
    for key, outcome in runs.rows.items():
        cell = (key.network, key.target, key.images)
        count.setdefault(cell, [0, 0])[key.part == "test"] += 1
        seconds[cell] = seconds.get(cell, 0.0) + outcome.seconds
    rows = [
        (cell_name(*cell), str(search), str(test), str(search + test), f"{seconds[cell] / 60:.0f}")
        for cell, (search, test) in count.items()
    ]
    searched, judged = (sum(one[at] for one in count.values()) for at in (0, 1))
    rows.append(("all", str(searched), str(judged), str(searched + judged), f"{sum(seconds.values()) / 60:.0f}"))
    return markdown(("cell", "search", "test", "runs", "processor minutes of training"), rows)


def accuracy(means: pd.DataFrame, size: str) -> str:
    """Accuracy in percent, a column a cell, with half the width of its interval where it is symmetric."""
    cells = list(dict.fromkeys(map(tuple, means[means["size"] == size][CELL].to_numpy())))
    known = {
        (row.arm, (row.network, row.target, row.images)): f"{row.accuracy:.1f} ± {(row.high - row.low) / 2:.1f}"
        for row in means[means["size"].isin((size, NO_SIZE))].itertuples()
    }
    rows = [
        (arm, *(known.get((arm, cell), "-") for cell in cells))
        for arm in (HEAD_ONLY, *SHOWN, EVERYTHING)
        if any((arm, cell) in known for cell in cells)
    ]
    return markdown(("arm", *(cell_name(*cell) for cell in cells)), rows)


def differences(each: pd.DataFrame, over: pd.DataFrame, size: str) -> str:
    """Points of accuracy over a baseline: a column a cell, then what is said over all of them.

    A star is p < 0.05 of that cell, corrected.
    """
    mine = each[each["size"] == size]
    cells = list(dict.fromkeys(map(tuple, mine[CELL].to_numpy())))
    known = {(row.arm, (row.network, row.target, row.images)): row for row in mine.itertuples()}
    rows = []
    for one in over[over["size"] == size].set_index("arm").reindex(SHOWN).dropna(subset="difference").itertuples():
        columns = [_difference(known[one.Index, cell]) if (one.Index, cell) in known else "-" for cell in cells]
        limits = f" [{number(one.low, sign=True)}, {number(one.high, sign=True)}]" if math.isfinite(one.low) else ""
        mean = number(one.difference, sign=True) + limits
        rows.append((one.Index, *columns, mean, f"{one.better:.0f} of {one.cells:.0f}", _p(one.holm)))
    return markdown(("arm", *(cell_name(*cell) for cell in cells), "mean", "better in", "p (Holm)"), rows)


def _difference(row: Any) -> str:
    half = (row.high - row.low) / 2
    return f"{number(row.difference, sign=True)} ± {number(half)}" + ("*" if row.holm < 0.05 else "")


def taus(table: pd.DataFrame) -> str:
    """Tau of each score, a column a cell, then the mean; then the mean within layers of equal shape."""
    cells = list(dict.fromkeys(map(tuple, table[CELL].to_numpy())))
    rows = []
    for score, group in table.groupby("score", sort=False):
        by_cell = {(row.network, row.target, row.images): row for row in group.itertuples()}
        each = [_tau(by_cell[cell]) if cell in by_cell else "-" for cell in cells]
        name = f"*{score}*" if score in SHAPE else score
        mean, inside = (number(group[one].mean(), 2, sign=True) for one in ("tau", "tau_shape"))
        rows.append((name, *each, mean, inside))
    return markdown(("score", *(cell_name(*cell) for cell in cells), "mean", "mean, equal shape"), rows)


def _tau(row: Any) -> str:
    return number(row.tau, 2, sign=True) + ("*" if row.p < 0.05 else "")


def per_layer(gains: pd.DataFrame) -> str:
    """The best, the middle and the worst layer of each cell, and what the last one gains."""
    rows = []
    for values, group in gains.groupby(CELL, sort=False):
        ranked = group.sort_values("gain", ascending=False)
        last = group.sort_values("index").iloc[-1]
        best, worst = ranked.iloc[0], ranked.iloc[-1]
        rows.append(
            (cell_name(*values), f"{number(best.gain, sign=True)} (layer {best['index']:.0f})",
             number(ranked.gain.median(), sign=True), f"{number(worst.gain, sign=True)} (layer {worst['index']:.0f})",
             number(last.gain, sign=True), str(len(group)))
        )  # fmt: skip
    return markdown(("cell", "best", "median", "worst", "last layer", "layers"), rows)


def cost(runs: Runs) -> str:
    """Seconds of processor time: to score a network's layers, and to try them, which also needs the target."""
    table = pd.read_csv(COST).set_index("network")
    rows = []
    for values, (count, seconds) in _trials(runs).items():
        one = table.loc[values[0]]
        rows.append(
            (cell_name(*values), *(f"{one[name]:.4f}" for name in ("one_method", "all_methods", "snr")),
             f"{seconds:.0f}", str(count))
        )  # fmt: skip
    header = ("cell", "one method", "all ten", "SNR", "each layer alone", "runs of it")
    return markdown(header, rows)


def _trials(runs: Runs) -> dict[tuple[str, str, int], tuple[int, float]]:
    """Runs and seconds of trying each layer alone at every learning rate."""
    found: dict[tuple[str, str, int], tuple[int, float]] = {}
    for key, outcome in runs.rows.items():
        if key.part == "search" and key.layers.isdecimal():
            cell = (key.network, key.target, key.images)
            count, seconds = found.get(cell, (0, 0.0))
            found[cell] = count + 1, seconds + outcome.seconds
    return found


def shape(table: pd.DataFrame) -> str:
    """Tau of each score with the number of parameters, a column a network."""
    rows = [(str(score), *(number(value, 2, sign=True) for value in row)) for score, row in table.iterrows()]
    return markdown(("score", *table.columns), rows)
