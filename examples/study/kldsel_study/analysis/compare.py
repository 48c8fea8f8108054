# SPDX-License-Identifier: BSD-3-Clause
"""How much better one arm is than another: means, intervals, paired tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from kldsel_study.analysis.frames import CELL, NO_SIZE

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

    What has no size, as full fine-tuning, is compared at every size. Holm's correction is over the arms of a cell
    and size.
    """
    rows = []
    sizeless = arms[arms["size"] == NO_SIZE]
    for values, sized in arms[arms["size"] != NO_SIZE].groupby([*CELL, "size"], sort=False):
        of_cell = (sizeless[CELL] == list(values[:3])).all(axis=1)
        group = pd.concat([sized, sizeless[of_cell]])
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


def over_networks(differences: pd.DataFrame, value: str = "difference") -> pd.DataFrame:
    """Per size and arm: the mean over the networks, each of which counts once: as the mean over its targets.

    The layers that an arm chooses are the network's, so that its targets say little that is new. Holm's correction
    is over the arms of a size.
    """
    rows = []
    for (size, arm), group in differences.groupby(["size", "arm"], sort=False):
        by_network = group.groupby("network")[value].mean()
        limits = interval(by_network) if len(by_network) >= MIN_SAMPLE else (float("nan"), float("nan"))
        better, level = int((group[value] > 0).sum()), int((group[value] == 0).sum())
        rows.append((size, arm, by_network.mean(), *limits, len(by_network), len(group), better, level,
                     _paired_p(by_network)))  # fmt: skip
    names = ["size", "arm", value, "low", "high", "networks", "cells", "better", "level", "p"]
    table = pd.DataFrame(rows, columns=names)
    if len(table):
        table["holm"] = table.groupby("size").p.transform(_holm)
    return table
