# SPDX-License-Identifier: BSD-3-Clause
"""Whether a score without the layer's shape in it ranks better: chosen on some networks, told of others."""

from __future__ import annotations

import pandas as pd

from kldsel_study.analysis.compare import over_networks

CHOSEN_ON = ("resnet20", "fashion_vgg", "tinydarknet")
"""Stated before the others had been run."""
BESIDE = ("parameters", "kl-positive-negative", "kl-positive")
"""Told in any case: the best of the controls, the library's default, and the divergence nearest to the shape."""


def held_out(taus: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """The `/z` score with the largest mean tau, of either sign, in some networks; and what it does elsewhere.

    A tau is turned so that it is positive where chosen; the order is the one that this means. `differences` of
    `compare.against()`, over random layers.
    """
    mine = taus.network.isin(CHOSEN_ON)
    chosen_on, elsewhere = _means(taus[mine]), _means(taus[~mine])
    candidates = chosen_on[chosen_on.index.str.endswith("/z")].dropna()
    if candidates.empty or elsewhere.empty:
        return pd.DataFrame(columns=["score", "order", "chosen_on", "held_out", "better", "cells", "points"])
    best = str(candidates.abs().idxmax())
    single = differences[(differences["size"] == "1") & ~differences.network.isin(CHOSEN_ON)]
    points = over_networks(single).set_index("arm").difference
    rows = []
    for score in (best, *BESIDE):
        turn = 1 if chosen_on[score] > 0 else -1
        order = "high" if turn > 0 else "low"
        arm = {("parameters", "high"): "most parameters"}.get((score, order), f"{score} {order}")
        there = turn * taus[~mine & (taus.score == score)].tau.dropna()
        gained = float(points.get(arm, float("nan")))
        better = int((there > 0).sum())
        rows.append((score, order, turn * chosen_on[score], turn * elsewhere[score], better, len(there), gained))
    return pd.DataFrame(rows, columns=["score", "order", "chosen_on", "held_out", "better", "cells", "points"])


def _means(taus: pd.DataFrame) -> pd.Series:
    """Of each score, each network counting once."""
    return taus.groupby(["score", "network"]).tau.mean().groupby("score").mean()
