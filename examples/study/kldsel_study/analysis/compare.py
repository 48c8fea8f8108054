# SPDX-License-Identifier: BSD-3-Clause
"""How much better one arm is than another: means, intervals, paired tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from kldsel_study.analysis.frames import CELL

CONFIDENCE = 0.95


def interval(values: pd.Series) -> tuple[float, float]:
    """The two ends of Student's interval around the mean."""
    if len(values) < 2:
        return float("nan"), float("nan")
    if values.sem() == 0:
        return float(values.mean()), float(values.mean())
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, values.mean(), values.sem())
    return float(low), float(high)


def means(arms: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each cell, size and arm over the seeds, with its interval."""
    rows = []
    for values, group in arms.groupby([*CELL, "size", "arm", "layers"], sort=False):
        rows.append((*values, group.accuracy.mean(), *interval(group.accuracy), len(group)))
    return pd.DataFrame(rows, columns=[*CELL, "size", "arm", "layers", "accuracy", "low", "high", "seeds"])


MIN_SAMPLE = 3
"""Fewer say nothing of others."""


def _holm(p: pd.Series) -> np.ndarray:
    """Corrected within what is compared together; NaN stays out."""
    found = np.full(len(p), np.nan)
    known = p.notna().to_numpy()
    if known.any():
        found[known] = multipletests(p[known], method="holm")[1]
    return found


def _paired_p(differences: pd.Series) -> float:
    if len(differences) < MIN_SAMPLE or differences.std() == 0:
        return float("nan")
    return float(stats.ttest_1samp(differences, 0).pvalue)


def against(arms: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Per cell and size: each arm less the baseline of that size, paired by seed, tested by Student's t.

    Holm's correction is over the arms of a cell and size.
    """
    rows = []
    for values, group in arms.groupby([*CELL, "size"], sort=False):
        accuracy = group.pivot_table(index="arm", columns="seed", values="accuracy")
        if baseline not in accuracy.index:
            continue
        for arm in accuracy.index.drop(baseline):
            differences = (accuracy.loc[arm] - accuracy.loc[baseline]).dropna()
            rows.append((*values, arm, differences.mean(), *interval(differences), _paired_p(differences)))
    table = pd.DataFrame(rows, columns=[*CELL, "size", "arm", "difference", "low", "high", "p"])
    if len(table):
        table["holm"] = table.groupby([*CELL, "size"]).p.transform(_holm)
    return table


def over_cells(differences: pd.DataFrame) -> pd.DataFrame:
    """Per size and arm: the mean over the cells of the differences, the cells being what is drawn.

    Holm's correction is over the arms of a size.
    """
    rows = []
    for (size, arm), group in differences.groupby(["size", "arm"], sort=False):
        better = int((group.difference > 0).sum())
        limits = interval(group.difference) if len(group) >= MIN_SAMPLE else (float("nan"), float("nan"))
        rows.append((size, arm, group.difference.mean(), *limits, len(group), better,
                     _paired_p(group.difference)))  # fmt: skip
    table = pd.DataFrame(rows, columns=["size", "arm", "difference", "low", "high", "cells", "better", "p"])
    if len(table):
        table["holm"] = table.groupby("size").p.transform(_holm)
    return table
