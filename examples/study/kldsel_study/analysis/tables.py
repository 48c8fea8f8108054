# SPDX-License-Identifier: BSD-3-Clause
"""The tables of docs/study.md, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from kldsel import METHODS

from kldsel_study import places
from kldsel_study.analysis.frames import ALONE, CELL, EVERYTHING, HEAD_ONLY, NO_SIZE, RANDOM, RGN
from kldsel_study.arms import SIZES
from kldsel_study.plan import Cell, best_rate, rates_of
from kldsel_study.results import Runs
from kldsel_study.scores import COST, SHAPE

SHOWN = (
    RANDOM, "last", "first", "middle", "most parameters", "most filters", "SNR", ALONE, RGN,
    *(f"{method} {order}" for method in METHODS for order in ("low", "high")),
)  # fmt: skip
"""Arms of the main tables, in this order: what is compared with, then the methods."""
DEFAULT = "kl-positive-negative low"
"""What the library does unless told otherwise."""
KEY = (
    HEAD_ONLY,
    RANDOM,
    "last",
    "first",
    "middle",
    "most parameters",
    "SNR",
    "kl-positive low",
    DEFAULT,
    ALONE,
    EVERYTHING,
)
"""What most is said about."""
TRAINED = places.RESULTS / "pretrained.csv"


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


def coverage(runs: Runs, arms: pd.DataFrame) -> str:
    """How many runs there are, and of what; `arms` of `frames.by_arm()`."""
    count: dict[Cell, int] = {}
    seconds: dict[Cell, float] = {}
    for key, outcome in runs.rows.items():
        cell = Cell(key.network, key.target, key.images)
        count[cell] = count.get(cell, 0) + 1
        seconds[cell] = seconds.get(cell, 0.0) + outcome.seconds
    rows = []
    for cell, number_of in count.items():
        mine = arms[(arms[CELL] == [cell.network, cell.target, cell.images]).all(axis=1)]
        # Of those that are run first random choices come last, so that a size that has them is whole.
        whole = [size for size in SIZES if size in set(mine[mine.arm == RANDOM]["size"])]
        rates = rates_of(cell)
        names = {key.layers for key in runs.rows if Cell(key.network, key.target, key.images) == cell}
        best = [one for one in (best_rate(runs, cell, name, rates) for name in names) if one is not None]
        ends = (
            f"{100 * sum(one in (rates.every[0], rates.every[-1]) for one in best) / len(best):.0f}" if best else "-"
        )
        rows.append((cell_name(cell.network, cell.target, cell.images), str(len(rates.first)), ends,
                     str(mine.seed.max() if len(mine) else 0), ", ".join(whole) or "-", str(number_of),
                     f"{seconds[cell] / 60:.0f}"))  # fmt: skip
    rows.append(("all", "", "", "", "", str(sum(count.values())), f"{sum(seconds.values()) / 60:.0f}"))
    return markdown(("cell", "rates", "at an end, %", "seeds", "sizes", "runs", "processor minutes"), rows)


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


def by_cell(means: pd.DataFrame, sizes: Sequence[str]) -> str:
    """Accuracy in percent of what is compared most, a row a cell and size; the size is told if there are several."""
    rows = []
    for values, group in means.groupby(CELL, sort=False):
        for size in sizes:
            # Random choices are run last, so that a size that has them is whole.
            if RANDOM not in set(group[group["size"] == size].arm):
                continue
            known = group[group["size"].isin((size, NO_SIZE))].set_index("arm").accuracy
            told = (cell_name(*values), *((size,) if len(sizes) > 1 else ()))
            rows.append((*told, *(number(known.get(arm, math.nan)) for arm in KEY)))
    return markdown(("cell", *(("size",) if len(sizes) > 1 else ()), *KEY), rows)


def by_images(means: pd.DataFrame, differences: pd.DataFrame) -> str:
    """As `over_random()`, of networks and targets that have been run on several numbers of images."""
    images = means.groupby(["network", "target"]).images.transform("nunique")
    return over_random(means[images > 1].sort_values(["network", "target", "images"], kind="stable"), differences)


def over_random(means: pd.DataFrame, differences: pd.DataFrame) -> str:
    """One layer, points over a random one, in each cell.

    `differences` of `compare.against()`, over random layers.
    """
    compared = [arm for arm in KEY if arm != RANDOM]
    random = means[(means["size"] == "1") & (means.arm == RANDOM)]
    single = differences[differences["size"] == "1"].set_index([*CELL, "arm"]).difference.to_dict()
    rows = []
    for one in random.itertuples():
        told = (number(single.get((one.network, one.target, one.images, arm), math.nan), sign=True)
                for arm in compared)  # fmt: skip
        rows.append((cell_name(one.network, one.target, one.images), number(one.accuracy), *told))
    return markdown(("cell", "random, %", *compared), rows)


def over(tables: dict[str, pd.DataFrame], size: str) -> str:
    """Points of accuracy over some baselines, each the mean over the networks with its interval.

    `tables` has what `compare.over_networks()` makes, by the baseline's name. A star is p < 0.05, corrected.
    """
    mine = {name: one[one["size"] == size].set_index("arm") for name, one in tables.items()}
    rows = []
    for arm in (HEAD_ONLY, *SHOWN, EVERYTHING):
        if not any(arm in one.index for one in mine.values()):
            continue
        columns = [arm]
        for one in mine.values():
            columns += _over(one.loc[arm]) if arm in one.index else ("", "")
        rows.append(columns)
    header = ["arm"]
    for name in mine:
        header += [f"over {name}", "ahead in"]
    return markdown(header, rows)


def _over(row: Any) -> tuple[str, str]:
    limits = f" [{number(row.low, sign=True)}, {number(row.high, sign=True)}]" if math.isfinite(row.low) else ""
    star = "*" if row.holm < 0.05 else ""
    level = f", {row.level:.0f} level" if row.level else ""
    return number(row.difference, sign=True) + limits + star, f"{row.better:.0f} of {row.cells:.0f}{level}"


def taus(table: pd.DataFrame) -> str:
    """Tau of each score, a column a cell; then the mean, and the mean within layers of equal shape."""
    cells = list(dict.fromkeys(map(tuple, table[CELL].to_numpy())))
    rows = []
    for score, group in table.groupby("score", sort=False):
        by_cell = {(row.network, row.target, row.images): row for row in group.itertuples()}
        each = [_tau(by_cell[cell]) if cell in by_cell else "-" for cell in cells]
        mean, inside = (number(group[one].mean(), 2, sign=True) for one in ("tau", "tau_shape"))
        rows.append((_italic(str(score)), *each, mean, inside))
    return markdown(("score", *(cell_name(*cell) for cell in cells), "mean", "mean, equal shape"), rows)


def _italic(score: str) -> str:
    return f"*{score}*" if score in SHAPE else score


def _tau(row: Any) -> str:
    return number(row.tau, 2, sign=True) + ("*" if row.p < 0.05 else "")


def tau_summary(whole: pd.DataFrame, inside: pd.DataFrame) -> str:
    """Tau of each score, the mean over the networks, of all layers and of equal shapes; from `tau.summary()`."""
    inside = inside.set_index("arm")
    rows = []
    for row in whole.itertuples():
        equal = _mean_tau(inside.loc[row.arm]) if row.arm in inside.index else ("-", "-")
        rows.append((_italic(row.arm), *_mean_tau(row), *equal))
    header = ("score", "all layers", "above 0 in", "equal shape", "above 0 in")
    return markdown(header, rows)


def _mean_tau(row: Any) -> tuple[str, str]:
    limits = f" [{number(row.low, 2, sign=True)}, {number(row.high, 2, sign=True)}]" if math.isfinite(row.low) else ""
    star = "*" if row.holm < 0.05 else ""
    return number(row.tau, 2, sign=True) + limits + star, f"{row.better:.0f} of {row.cells:.0f}"


def held_out(table: pd.DataFrame) -> str:
    """What `shape_free.held_out()` found."""
    rows = [
        (str(row.score), str(row.order), number(row.chosen_on, 2, sign=True), number(row.held_out, 2, sign=True),
         f"{row.better} of {row.cells}", number(row.points, sign=True))
        for row in table.itertuples()
    ]  # fmt: skip
    header = (
        "score",
        "order",
        "tau where chosen",
        "tau elsewhere",
        "above 0 in",
        "points over a random layer, elsewhere",
    )
    return markdown(header, rows)


def searches(table: pd.DataFrame, means: pd.DataFrame) -> str:
    """What the searches over masks found, beside the default with one and with three layers."""
    rows = []
    for row in table.itertuples():
        of_cell = means[(means[CELL] == [row.network, row.target, row.images]).all(axis=1)]
        known = of_cell.set_index(["size", "arm"]).accuracy.to_dict()
        found = of_cell[(of_cell.arm == row.algorithm) & (of_cell["size"] == NO_SIZE)]
        if len(found):
            one = found.iloc[0]
            reached = f"{one.accuracy:.1f} ± {(one.high - one.low) / 2:.1f}"
            others = (number(known.get((size, arm), math.nan)) for size, arm in
                      (("1", ALONE), ("1", DEFAULT), ("3", DEFAULT), (NO_SIZE, EVERYTHING)))  # fmt: skip
            rows.append((cell_name(row.network, row.target, row.images), row.algorithm, f"{row.trials}",
                         f"{row.seconds:.0f}", row.layers, reached, *others))  # fmt: skip
    header = ("cell", "search", "trials", "seconds", "layers found", "accuracy", ALONE, f"{DEFAULT}, 1",
              f"{DEFAULT}, 3", EVERYTHING)  # fmt: skip
    return markdown(header, rows)


def pretrained() -> str:
    """The networks that the study trains itself."""
    table = pd.read_csv(TRAINED)
    rows = [(row.network, str(row.convolutions), str(row.parameters), f"{row.accuracy:.1f}", f"{row.minutes:.1f}")
            for row in table.itertuples()]  # fmt: skip
    return markdown(("network", "convolutions", "parameters", "accuracy, %", "minutes"), rows)


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


def cost(runs: Runs, gains: pd.DataFrame) -> str:
    """Seconds of processor time: to score a network's layers, and to try them, which also needs the target.

    Of cells whose layers have all been tried.
    """
    tried = set(map(tuple, gains[CELL].to_numpy()))
    table = pd.read_csv(COST).set_index("network")
    rows = []
    for values, (count, seconds) in _trials(runs).items():
        if values not in tried:
            continue
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
