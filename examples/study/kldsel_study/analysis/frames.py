# SPDX-License-Identifier: BSD-3-Clause
"""The runs as tables: one row a tested run, then one row an arm and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pandas as pd

from kldsel_study import gradients, search_table
from kldsel_study.arms import SIZES, Layers, random_selections, selections
from kldsel_study.plan import Cell, best_rate, draws_of, rates_of, search_key
from kldsel_study.results import RECIPE, Runs, name_layers

CELL = ["network", "target", "images"]
HEAD_ONLY, EVERYTHING, RANDOM, ALONE = "feature extraction", "full", "random", "best alone (search)"
RGN = "RGN (gradients)"
NO_SIZE = "-"
"""The size of what has none: nothing but the head, or everything."""

Scores = Callable[[str], pd.DataFrame]


def tested(runs: Runs) -> pd.DataFrame:
    """Runs that were judged by test images, at the learning rate that the search chose; accuracy in percent."""
    rows = []
    for key, outcome in runs.rows.items():
        if key.recipe != RECIPE or key.part != "test":
            continue
        cell = Cell(key.network, key.target, key.images)
        if key.rate == best_rate(runs, cell, key.layers, rates_of(cell)):
            rows.append(
                (key.network, key.target, key.images, key.layers, key.seed, key.rate,
                 100 * outcome.correct / outcome.judged, outcome.seconds)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=[*CELL, "layers", "seed", "rate", "accuracy", "seconds"])


def _search_values(runs: Runs, cell: Cell, count: int) -> list[float]:
    """Validation images right by each layer alone, at its best learning rate; NaN where untried."""
    found = []
    for layer in range(count):
        name = name_layers((layer,), count)
        rate = best_rate(runs, cell, name, rates_of(cell))
        key = None if rate is None else search_key(cell, rate, name)
        found.append(float("nan") if key is None else float(runs.rows[key].correct))
    return found


def _choices(cell: Cell, scores: pd.DataFrame, search: list[float]) -> Iterator[tuple[str, str, list[Layers]]]:
    """Size, arm and what it chooses: one choice of layers, or several whose mean it is."""
    yield NO_SIZE, HEAD_ONLY, [()]
    yield NO_SIZE, EVERYTHING, [tuple(range(len(scores)))]
    tried = scores if any(math.isnan(one) for one in search) else scores.assign(alone=search)
    for size in SIZES:
        for arm, chosen in selections(tried, size).items():
            yield size, arm, [chosen]
        yield size, RANDOM, random_selections(cell.network, scores, size, draws_of(cell))


def _by_gradients(measured: pd.DataFrame, accuracy: pd.DataFrame) -> tuple[pd.Series, str]:
    """Accuracy by seed of the layer with the largest norm, another one for each seed, and which they are.

    Nothing, if one of them was not run.
    """
    found, names = {}, set()
    for seed, one in measured.groupby("seed"):
        name = str(int(one.loc[one.rgn.idxmax(), "index"]))
        if name not in accuracy.index:
            return pd.Series(dtype=float), ""
        if seed in accuracy.columns:
            found[seed] = accuracy.at[name, seed]
            names.add(name)
    return pd.Series(found, dtype=float).dropna(), " ".join(sorted(names))


def by_arm(runs: Runs, scores: Scores, norms: pd.DataFrame, searches: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row for each cell, size, arm and seed that was run; arms that chose the same layers share a run.

    The random arm is the mean over its draws. `norms` is of `kldsel_study.gradients.saved()`, `searches` of
    `kldsel_study.search_table.saved()`.
    """
    rows = []
    for values, group in tested(runs).groupby(CELL, sort=False):
        cell = Cell(*values)
        table = scores(cell.network)
        count = len(table)
        accuracy = group.pivot_table(index="layers", columns="seed", values="accuracy")
        told = []
        for size, arm, layers in _choices(cell, table, _search_values(runs, cell, count)):
            names = [name_layers(one, count) for one in layers]
            if all(name in accuracy.index for name in names):
                which = names[0] if len(names) == 1 else f"{len(names)} choices"
                told.append((size, arm, accuracy.loc[names].dropna(axis=1).mean(), which))
        by_seed, which = _by_gradients(gradients.of(norms, cell), accuracy)
        told.append(("1", RGN, by_seed, which))
        for one in search_table.of(search_table.saved() if searches is None else searches, cell).itertuples():
            if one.layers in accuracy.index:
                told.append((NO_SIZE, one.algorithm, accuracy.loc[one.layers].dropna(), one.layers))
        rows += [
            (*values, size, arm, which, seed, value)
            for size, arm, by_seed, which in told
            for seed, value in by_seed.items()
        ]
    return pd.DataFrame(rows, columns=[*CELL, "size", "arm", "layers", "seed", "accuracy"])


def whole(arms: pd.DataFrame) -> pd.DataFrame:
    """Sizes of cells that have been run to their end, and of these the seeds that have; what has no size stays.

    Random choices are the last of a size: where they are, all are that are compared in the main.
    """
    sized = arms[arms["size"] != NO_SIZE]
    ended = sized.loc[sized.arm == RANDOM, [*CELL, "size", "seed"]]
    return pd.concat([arms[arms["size"] == NO_SIZE], sized.merge(ended)], ignore_index=True)


def gains(table: pd.DataFrame, count_of: Callable[[str], int]) -> pd.DataFrame:
    """Per cell and layer: percent more than with the head alone, if that layer is trained, too; mean over seeds."""
    rows: list[tuple[object, ...]] = []
    for values, group in table.groupby(CELL, sort=False):
        accuracy = group.pivot_table(index="layers", columns="seed", values="accuracy")
        layers = [str(at) for at in range(count_of(values[0]))]
        if "none" not in accuracy.index or not set(layers) <= set(accuracy.index):
            continue
        gain = (accuracy.loc[layers] - accuracy.loc["none"]).dropna(axis=1)
        rows.extend(
            (*values, int(name), gain.loc[name].mean(), gain.loc[name].sem(), gain.shape[1]) for name in layers
        )
    return pd.DataFrame(rows, columns=[*CELL, "index", "gain", "error", "seeds"])
