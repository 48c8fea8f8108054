# SPDX-License-Identifier: BSD-3-Clause
"""Scores less what a layer of that shape has if nobody trained it, in units of that value's own spread."""

from __future__ import annotations

from collections.abc import Sequence

import kldsel
import numpy as np
import pandas as pd

DRAWS = 100
_SEED = 20222
_METHODS = [name for name in kldsel.METHODS if not name.startswith("share")]


def random_scores(filters: int, elements: int, methods: Sequence[str], draws: int = DRAWS) -> pd.DataFrame:
    """The scores of layers of independent gaussian weights: a row a draw, a column a method.

    Weights are (filters, elements); a scale would change nothing.
    """
    rows = []
    for draw in range(draws):
        weights = np.random.default_rng([_SEED, filters, elements, draw]).standard_normal((filters, elements))
        ranking = kldsel.rank({"layer.weight": weights}, "all", dense=True)
        rows.append([ranking.scores_by(method)["layer.weight"] for method in methods])
    return pd.DataFrame(rows, columns=list(methods))


def standardised(scores: pd.DataFrame, draws: int = DRAWS) -> pd.DataFrame:
    """A column `METHOD/z` for each of the library's methods but share, from `kldsel_study.scores.of()`."""
    known: dict[tuple[int, int], pd.DataFrame] = {}
    columns: dict[str, list[float]] = {f"{method}/z": [] for method in _METHODS}
    for row in scores.to_dict("records"):
        shape = int(row["filters"]), int(row["elements"])
        if shape not in known:
            known[shape] = random_scores(*shape, _METHODS, draws)
        for method in _METHODS:
            null = known[shape][method]
            columns[f"{method}/z"].append((row[method] - null.mean()) / null.std())
    return pd.DataFrame(columns)
