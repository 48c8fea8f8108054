# SPDX-License-Identifier: BSD-3-Clause
"""The relative gradient norm of surgical fine-tuning (arXiv 2210.11466): a score that needs the target's images."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import kldsel
import pandas as pd
import torch
from torch.nn import functional

from kldsel_study import places
from kldsel_study.networks import SOURCES
from kldsel_study.plan import SEARCH_SEED, Cell, best_rate, rates_of
from kldsel_study.results import RECIPE, Key, Runs
from kldsel_study.training import BATCH, Workbench
from kldsel_study.work import cells

FILE = places.RESULTS / "gradients.csv"
COLUMNS = ("network", "target", "images", "seed", "index", "rgn")


def relative_norms(workbench: Workbench, key: Key) -> list[float]:
    """Per layer: the gradient's norm over the weights', mean over the batches of the images that `key` trains on.

    The head is that of the run, of the head alone; nothing is moved.
    """
    workbench.run(key)
    chain = workbench.chain
    drawn = workbench.drawn(key)
    sums = dict.fromkeys(workbench.names, 0.0)
    batches = torch.arange(len(drawn.labels)).split(BATCH)
    with kldsel.freeze(chain, workbench.names, head="head"):
        for batch in batches:
            chain.zero_grad()
            functional.cross_entropy(chain(drawn.images[batch]), drawn.labels[batch]).backward()
            for name in workbench.names:
                weight = chain.get_parameter(name)
                assert weight.grad is not None
                sums[name] += float(weight.grad.norm() / weight.detach().norm())
    return [one / len(batches) for one in sums.values()]


def measure(options: argparse.Namespace) -> None:
    """Adds what is missing of the cells whose head-only learning rate is known."""
    torch.set_num_threads(1)
    runs = Runs(options.runs)
    there = saved()
    for cell in cells(options):
        workbench = None
        rate = best_rate(runs, cell, "none", rates_of(cell))
        for seed in range(SEARCH_SEED + 1, SEARCH_SEED + 1 + options.seeds):
            if rate is None or len(of(there, cell).query("seed == @seed")):
                continue
            workbench = workbench or Workbench(SOURCES[cell.network], cell.target)
            key = Key(RECIPE, cell.network, cell.target, cell.images, "test", seed, rate, "none")
            _append(cell, seed, relative_norms(workbench, key))


def _append(cell: Cell, seed: int, norms: list[float], path: Path = FILE) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        writer.writerows(
            (cell.network, cell.target, cell.images, seed, at, f"{value:.6g}") for at, value in enumerate(norms)
        )


def saved() -> pd.DataFrame:
    """All that was measured: a row a cell, seed and layer."""
    return pd.read_csv(FILE) if FILE.exists() else pd.DataFrame(columns=COLUMNS)


def of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Rows of a cell: seed, index and rgn."""
    mine = (table.network == cell.network) & (table.target == cell.target) & (table.images == cell.images)
    return table.loc[mine, ["seed", "index", "rgn"]]
