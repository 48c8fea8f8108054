# SPDX-License-Identifier: BSD-3-Clause
"""The runs as tables: one row a tested run, then one row an arm and seed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from kldsel_study.arms import SIZES, Layers, random_selections, selections
from kldsel_study.networks import SOURCES
from kldsel_study.plan import SEARCH_SEED, Cell, best_rate
from kldsel_study.results import RECIPE, Runs, name_layers

CELL = ["network", "target", "images"]
HEAD_ONLY, EVERYTHING, RANDOM, ALONE = "feature extraction", "full", "random", "best alone (search)"
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
        if key.rate == best_rate(runs, cell, key.layers, SOURCES[key.network].rates):
            rows.append(
                (key.network, key.target, key.images, key.layers, key.seed, key.rate,
                 100 * outcome.correct / outcome.judged, outcome.seconds)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=[*CELL, "layers", "seed", "rate", "accuracy", "seconds"])


def _search_values(runs: Runs, cell: Cell, count: int) -> list[float]:
    """Validation images right by each layer alone, at its best learning rate; NaN where untried."""
    found = []
    for layer in range(count):
        rates = SOURCES[cell.network].rates
        name = name_layers((layer,), count)
        outcomes = [
            outcome.correct
            for key, outcome in runs.rows.items()
            if (key.network, key.target, key.images) == (cell.network, cell.target, cell.images)
            and (key.recipe, key.part, key.seed, key.layers) == (RECIPE, "search", SEARCH_SEED, name)
        ]
        found.append(float(max(outcomes)) if len(outcomes) == len(rates) else float("nan"))
    return found


def by_arm(runs: Runs, scores: Scores) -> pd.DataFrame:
    """A row for each cell, size, arm and seed that was run; arms that chose the same layers share a run.

    The random arm is the mean over its draws. Only seeds that a whole cell's head-only run has are told.
    """
    table = tested(runs)
    parts = []
    for values, group in table.groupby(CELL, sort=False):
        cell = Cell(*values)
        layer_scores = scores(cell.network)
        count = len(layer_scores)
        accuracy = group.pivot_table(index="layers", columns="seed", values="accuracy")

        def add(size: str, arm: str, layers: list[Layers], cell: Cell = cell, count: int = count,
                accuracy: pd.DataFrame = accuracy) -> None:  # fmt: skip
            names = [name_layers(one, count) for one in layers]
            if not all(name in accuracy.index for name in names):
                return
            found = accuracy.loc[names].dropna(axis=1)
            part = found.mean().rename("accuracy").rename_axis("seed").reset_index()
            parts.append(
                part.assign(
                    network=cell.network, target=cell.target, images=cell.images, size=size, arm=arm,
                    layers=" ".join(names) if arm != RANDOM else f"{len(names)} draws",
                )
            )  # fmt: skip

        add(NO_SIZE, HEAD_ONLY, [()])
        add(NO_SIZE, EVERYTHING, [tuple(range(count))])
        with_search = layer_scores.assign(alone=_search_values(runs, cell, count))
        for size in SIZES:
            for arm, chosen in selections(with_search, size).items():
                add(size, arm, [chosen])
            add(size, RANDOM, random_selections(cell.network, layer_scores, size))
    columns = [*CELL, "size", "arm", "layers", "seed", "accuracy"]
    return pd.concat(parts)[columns].reset_index(drop=True) if parts else pd.DataFrame(columns=columns)


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
