# SPDX-License-Identifier: BSD-3-Clause
"""Goes through the plan, run by run, with one processor."""

from __future__ import annotations

import argparse
import time

import torch
from tqdm import tqdm

from kldsel_study import scores
from kldsel_study.networks import SOURCES
from kldsel_study.plan import Cell, layer_sets, missing, rates_of, total
from kldsel_study.results import Key, Runs, name_layers
from kldsel_study.targets import POOLS
from kldsel_study.training import Workbench


def cells(options: argparse.Namespace) -> list[Cell]:
    """What is asked for, without the targets that networks were trained on or that have not so many images."""
    return [
        Cell(network, target, images)
        for network in options.networks
        for images in options.images
        for target in options.targets
        if SOURCES[network].dataset != target and images <= POOLS[target]
    ]


def _cell(key: Key) -> Cell:
    return Cell(key.network, key.target, key.images)


def work(options: argparse.Namespace, until: float) -> None:
    """Trains what the options ask for and the table does not have, until it is late."""
    torch.set_num_threads(1)
    runs = Runs(options.runs)
    for cell in cells(options):
        source = SOURCES[cell.network]
        rates, seeds = rates_of(cell), options.seeds
        table = scores.saved(cell.network)
        workbench = None
        for part in options.parts:
            mine, of = options.share
            sets = layer_sets(cell, table, part, options.counts)[mine - 1 :: of]
            title = f"{cell.network} {cell.target} {cell.images} {part}"
            names = {name_layers(one, len(table)) for one in sets}
            there = sum(_cell(key) == cell and key.layers in names for key in runs.rows)
            every = total(sets, rates, seeds)
            with tqdm(desc=title, initial=min(there, every), total=every, disable=None) as bar:
                for key in missing(runs, cell, sets, len(table), rates, seeds):
                    if time.monotonic() > until:
                        return
                    workbench = workbench or Workbench(source, cell.target)
                    runs.add(key, workbench.run(key))
                    bar.update()
