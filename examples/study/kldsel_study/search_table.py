# SPDX-License-Identifier: BSD-3-Clause
"""The table of what searches over masks of layers found."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from kldsel_study import places
from kldsel_study.plan import Cell
from kldsel_study.results import Key, Runs

FILE = places.RESULTS / "searches.csv"
COLUMNS = ("network", "target", "images", "algorithm", "trials", "different", "layers", "correct", "seconds")


def append(runs: Runs, cell: Cell, algorithm: str, layers: str, tried: list[Key], path: Path = FILE) -> None:
    """A row: what was found, in how many trials, of how many masks, and what their training took."""
    fresh = not path.exists()
    outcomes = [runs.rows[one] for one in dict.fromkeys(tried)]
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        correct, seconds = max(one.correct for one in outcomes), sum(one.seconds for one in outcomes)
        writer.writerow((cell.network, cell.target, cell.images, algorithm, len(tried), len(outcomes), layers,
                         correct, f"{seconds:.0f}"))  # fmt: skip


def saved() -> pd.DataFrame:
    """What was found: a row a cell and algorithm."""
    return pd.read_csv(FILE, dtype={"layers": str}) if FILE.exists() else pd.DataFrame(columns=COLUMNS)


def of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Rows of a cell."""
    return table[(table.network == cell.network) & (table.target == cell.target) & (table.images == cell.images)]
