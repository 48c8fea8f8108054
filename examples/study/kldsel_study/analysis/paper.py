# SPDX-License-Identifier: BSD-3-Clause
"""The paper's own tables, and what of them can be laid beside ours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kldsel_study.analysis.frames import CELL, HEAD_ONLY
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
