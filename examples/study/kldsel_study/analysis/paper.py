# SPDX-License-Identifier: BSD-3-Clause
"""The paper's own tables, and what of them can be laid beside ours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kldsel_study.analysis.frames import CELL, HEAD_ONLY, NO_SIZE, RANDOM
from kldsel_study.analysis.tables import markdown, number

FOLDER = Path(__file__).resolve().parents[2] / "paper"
METHODS = ("kl positive", "kl negative", "kl positive-negative")
LAST = ("last-1", "last-2", "last-3")


def claims() -> str:
    """Per network of the paper: its methods less its baselines, mean over its four data sets."""
    table = pd.read_csv(FOLDER / "paper_baselines.csv")
    wide = table.pivot_table(index=["network", "dataset"], columns="method", values="accuracy_percent")
    best = wide[list(METHODS)].max(axis=1)
    sides = {
        "over the best of last 1 to 3": best - wide[list(LAST)].max(axis=1),
        "over last 3": best - wide["last-3"],
        "over feature extraction": best - wide[HEAD_ONLY],
    }
    rows = []
    for network in dict.fromkeys(table.network):
        rows.append((network, *(number(side[network].mean(), sign=True) for side in sides.values())))
    rows.append(("all", *(number(side.mean(), sign=True) for side in sides.values())))
    return markdown(("the paper's best kl method", *sides), rows)


def ours(means: pd.DataFrame) -> str:
    """The same of our networks, mean over their targets: the best of the three kl methods, low, less baselines."""
    wide = means.pivot_table(index=CELL, columns=["size", "arm"], values="accuracy")
    empty = pd.Series(float("nan"), index=wide.index)

    def of(size: str, arm: str) -> pd.Series:
        return wide[size, arm] if (size, arm) in wide.columns else empty

    best = {
        size: pd.concat([of(size, f"{method.replace(' ', '-')} low") for method in METHODS], axis=1).max(axis=1)
        for size in ("1", "3")
    }
    sides = {
        "1 layer over the last": best["1"] - of("1", "last"),
        "over feature extraction": best["1"] - of(NO_SIZE, HEAD_ONLY),
        "over a random layer": best["1"] - of("1", RANDOM),
        "3 layers over the last 3": best["3"] - of("3", "last"),
        "over 3 random ones": best["3"] - of("3", RANDOM),
    }
    known = best["1"].notna()
    rows = []
    for network in dict.fromkeys(means.network):
        mine = known & (wide.index.get_level_values("network") == network)
        if mine.any():
            told = (number(side[mine].mean(), sign=True) for side in sides.values())
            rows.append((network, str(int(mine.sum())), *told))
    return markdown(("our best kl method, low", "cells", *sides), rows)


def orders(arms: pd.DataFrame) -> str:
    """Low less high of each of the paper's methods: in its tables, and here with one and with three layers."""
    table = pd.read_csv(FOLDER / "paper_methods.csv")
    wide = table.pivot_table(
        index=["measure", "sign", "network", "dataset"], columns="order", values="val_accuracy_percent"
    )
    theirs = wide.low - wide.high
    accuracy = arms.groupby([*CELL, "size", "arm"]).accuracy.mean()
    known = set(zip(arms["size"], arms.arm, strict=True))
    rows = []
    for measure in ("cosine", "kl"):
        for sign in ("positive", "negative", "positive-negative"):
            method = f"{measure}-{sign}"
            row = [method, *_told(theirs[measure, sign])]
            for size in ("1", "3"):
                low, high = (
                    accuracy.xs((size, f"{method} {order}"), level=("size", "arm"))
                    if (size, f"{method} {order}") in known
                    else accuracy.iloc[:0].droplevel(["size", "arm"])
                    for order in ("low", "high")
                )
                row += _told((low - high).dropna())
            rows.append(row)
    header = ("low less high", "paper", "low ahead in", "1 layer", "low ahead in", "3 layers", "low ahead in")
    return markdown(header, rows)


def _told(differences: pd.Series) -> tuple[str, str]:
    return number(differences.mean(), 2, sign=True), f"{(differences > 0).sum()} of {len(differences)}"
