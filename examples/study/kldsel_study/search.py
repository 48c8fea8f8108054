# SPDX-License-Identifier: BSD-3-Clause
"""Layers by trial: differential evolution and a genetic algorithm over masks of layers, judged by validation images.

As DEFT (Vrbancic and Podgorelec 2020) does with the former: a number per layer, trained where it is above a half.
Each trial is a training run, at the middle of the learning rates; for what is found the rate is then searched as for
every choice of layers. The budget is as many trials as it takes to try each layer alone at the rates that come first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pymoo.algorithms.soo.nonconvex.de import DE
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.problem import Problem
from pymoo.operators.crossover.pntx import TwoPointCrossover
from pymoo.operators.mutation.bitflip import BitflipMutation
from pymoo.operators.sampling.rnd import BinaryRandomSampling
from pymoo.problems.static import StaticProblem
from tqdm import tqdm

from kldsel_study import scores, search_table
from kldsel_study.arms import Layers
from kldsel_study.networks import SOURCES
from kldsel_study.plan import SEARCH_SEED, Cell, missing, rates_of
from kldsel_study.results import RECIPE, Key, Runs, name_layers, read_layers
from kldsel_study.training import Workbench
from kldsel_study.work import cells

ALGORITHMS = ("differential evolution", "genetic algorithm")
_POPULATION = 10
_SEED = 1

Trial = Callable[[Layers], int]


def optimise(algorithm: str, layers: int, budget: int, trial: Trial, seed: int = _SEED) -> Layers:
    """The best of the masks that were tried; `trial` tells how many validation images come out right.

    No more than `budget` masks are tried, rounded up to whole generations; the first of equals is taken.
    """
    if algorithm == ALGORITHMS[0]:
        optimiser = DE(pop_size=_POPULATION, variant="DE/rand/1/bin", CR=0.9, F=0.5)
    else:
        optimiser = GA(pop_size=_POPULATION, sampling=BinaryRandomSampling(), crossover=TwoPointCrossover(),
                       mutation=BitflipMutation(), eliminate_duplicates=True)  # fmt: skip
    problem = Problem(n_var=layers, n_obj=1, xl=0, xu=1, vtype=bool if algorithm == ALGORITHMS[1] else float)
    optimiser.setup(problem, termination=("n_eval", budget), seed=seed, verbose=False)
    best: tuple[int, Layers] = (-1, ())
    while optimiser.has_next():
        asked: Any = optimiser.ask()
        masks = [_mask(one) for one in asked.get("X")]
        found = [trial(one) for one in masks]
        for correct, mask in zip(found, masks, strict=True):
            if correct > best[0]:
                best = correct, mask
        # pymoo finds the smallest.
        optimiser.evaluator.eval(StaticProblem(problem, F=-np.array(found, dtype=float)[:, None]), asked)
        optimiser.tell(infills=asked)
    return best[1]


def _mask(values: NDArray[Any]) -> Layers:
    return tuple(int(at) for at in np.flatnonzero(np.asarray(values, dtype=float) > 0.5))


def search(options: argparse.Namespace) -> None:
    """Runs what is missing of both in the cells asked for, and tests what is found."""
    torch.set_num_threads(1)
    runs = Runs(options.runs)
    for cell in cells(options):
        count = len(scores.saved(cell.network))
        rates = rates_of(cell)
        workbench: Workbench | None = None
        for algorithm in ALGORITHMS:
            known = search_table.of(search_table.saved(), cell).query("algorithm == @algorithm")
            if known.empty:
                workbench = workbench or Workbench(SOURCES[cell.network], cell.target)
                found, tried = _searched(runs, workbench, cell, algorithm, count)
                search_table.append(runs, cell, algorithm, name_layers(found, count), tried)
            else:
                found = read_layers(known.layers.iloc[0], count)
            for key in missing(runs, cell, [found], count, rates, options.seeds):
                workbench = workbench or Workbench(SOURCES[cell.network], cell.target)
                runs.add(key, workbench.run(key))


def _searched(runs: Runs, workbench: Workbench, cell: Cell, algorithm: str, count: int) -> tuple[Layers, list[Key]]:
    """The mask found, and the runs that were asked for on the way."""
    rates = rates_of(cell)
    budget = count * len(rates.first)
    tried: list[Key] = []

    with tqdm(desc=f"{cell.network} {cell.target} {algorithm}", total=budget, disable=None) as bar:

        def trial(mask: Layers) -> int:
            key = Key(RECIPE, cell.network, cell.target, cell.images, "search", SEARCH_SEED,
                      rates.every[len(rates.every) // 2], name_layers(mask, count))  # fmt: skip
            if key not in runs:
                runs.add(key, workbench.run(key))
            tried.append(key)
            bar.update()
            return runs.rows[key].correct

        return optimise(algorithm, count, budget, trial), tried
