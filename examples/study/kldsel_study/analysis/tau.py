# SPDX-License-Identifier: BSD-3-Clause
"""Whether a score ranks the layers as their gains do, and whether it says more than their shapes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from kldsel_study import gradients
from kldsel_study.analysis.compare import over_networks
from kldsel_study.analysis.frames import CELL, Scores
from kldsel_study.plan import Cell
from kldsel_study.scores import SHAPE

PERMUTATIONS = 2000
Values = NDArray[np.float64]


def kendall(score: Values, gain: Values) -> tuple[float, float]:
    """Kendall's tau-b and its p-value, of the layers that have a score; NaN if that is fewer than three."""
    known = np.isfinite(score)
    if known.sum() < 3 or len(set(score[known])) < 2:
        return float("nan"), float("nan")
    found = stats.kendalltau(score[known], gain[known])
    return float(found.statistic), float(found.pvalue)


def within_groups(score: Values, gain: Values, groups: list[str], seed: int = 0) -> tuple[float, float, int]:
    """Concordant less discordant pairs over all pairs of layers of the same group.

    The p-value is that of as large a value when gains are shuffled within the groups. Also gives the pairs.
    """
    labels = np.asarray(groups)
    known = np.isfinite(score)
    first, second = np.triu_indices(len(score), 1)
    pair = (labels[first] == labels[second]) & known[first] & known[second]
    first, second = first[pair], second[pair]
    if len(first) == 0:
        return float("nan"), float("nan"), 0
    signs = np.sign(score[first] - score[second])

    def statistic(values: Values) -> Values:
        found: Values = (signs * np.sign(values[..., first] - values[..., second])).mean(axis=-1)
        return found

    seen = float(statistic(gain))
    random = np.random.default_rng(seed)
    shuffled = np.tile(gain, (PERMUTATIONS, 1))
    for group in (np.flatnonzero(labels == one) for one in dict.fromkeys(groups)):
        shuffled[:, group] = random.permuted(shuffled[:, group], axis=1)
    as_large = int((np.abs(statistic(shuffled)) >= abs(seen) - 1e-12).sum())
    return seen, (1 + as_large) / (PERMUTATIONS + 1), len(first)


def taus(gains: pd.DataFrame, scores: Scores, norms: pd.DataFrame) -> pd.DataFrame:
    """Per cell and score: tau over all layers, and within layers of equal shape (filters and elements).

    Positive means: a higher score goes with a higher gain. The gradient norms are means over the seeds.
    """
    rows = []
    for values, group in gains.groupby(CELL, sort=False):
        table = scores(values[0])
        measured = gradients.of(norms, Cell(*values)).groupby("index").rgn.mean()
        if len(measured) == len(table):
            table = table.assign(rgn=measured.to_numpy())
        gain = group.sort_values("index").gain.to_numpy(dtype=float)
        shapes = [f"{m:g}x{k:g}" for m, k in zip(table.filters, table.elements, strict=True)]
        for score in table.columns.drop("layer"):
            value = table[score].to_numpy(dtype=float)
            tau, p = kendall(value, gain)
            # The shape says nothing among equal shapes; the place does.
            constant = score in SHAPE and score not in ("depth", "middle")
            inside = (float("nan"), float("nan"), 0) if constant else within_groups(value, gain, shapes)
            rows.append((*values, score, tau, p, *inside))
    return pd.DataFrame(rows, columns=[*CELL, "score", "tau", "p", "tau_shape", "p_shape", "pairs"])


def with_parameters(scores: Scores, networks: list[str]) -> pd.DataFrame:
    """Tau of each score with the layers' parameters, a column a network: how much of the shape a score knows."""
    columns = {}
    for network in networks:
        table = scores(network)
        sizes = table.parameters.to_numpy(dtype=float)
        names = table.columns.drop(["layer", *SHAPE])
        columns[network] = {name: kendall(table[name].to_numpy(dtype=float), sizes)[0] for name in names}
    return pd.DataFrame(columns)


def summary(table: pd.DataFrame, value: str = "tau") -> pd.DataFrame:
    """Each score's tau over the networks, as `compare.over_networks()` does with arms; scores that have none are out.

    Its p-values are of the mean's being 0, Holm's correction over the scores.
    """
    known = table.dropna(subset=value)
    named = known.assign(size="-", arm=known.score)
    if value != "tau":
        named["tau"] = known[value]
    return over_networks(named, "tau")
