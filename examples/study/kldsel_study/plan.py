# SPDX-License-Identifier: BSD-3-Clause
"""Which runs there are, and in what order: what tells most comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from kldsel_study.arms import BUDGETS, COUNTS, FEW_LAYERS, Layers, arms, choose, random_selections
from kldsel_study.networks import SOURCES
from kldsel_study.results import RECIPE, Key, Outcome, Runs, name_layers
from kldsel_study.targets import READERS

SEARCH_SEED = 0
"""Draws the images that learning rates are tried on; never reported."""
PARTS = ("alone", "count", "references", "budget")
"""Each layer alone where they are few, nothing and everything; equal numbers of layers; the same of other references
and granularity; equal numbers of weights."""


PASSES = {200: 10, 1000: 4, 5000: 2, 59500: 1}
"""How often each training image is seen, by how many there are. 59500 are all that MNIST and Fashion-MNIST have
beside those to validate by."""


@dataclass(frozen=True)
class Cell:
    """A network, what it is fine-tuned to, and on how many images."""

    network: str
    target: str
    images: int


@dataclass(frozen=True)
class Rates:
    """Learning rates to search, ascending."""

    every: tuple[float, ...]
    first: tuple[float, ...]
    """Tried in any case. While the best one is the last of them to one side, the next to that side is tried, too; and
    while all fail, the next lower one."""


THOROUGH = (Cell("fashion_vgg", "mnist", 200), Cell("resnet20", "fashion", 200), Cell("fashion_vgg", "cifar10", 200))
"""Cells with every rate tried and ten random draws. In all others the middle three rates come first, and there are
five draws."""
SEEDS = 5
"""Draws of training images to report of each choice of layers."""


def rates_of(cell: Cell) -> Rates:
    """The learning rates that every choice of layers of a cell is tried with."""
    every = SOURCES[cell.network].rates
    return Rates(every, every if cell in THOROUGH else every[1:-1])


def draws_of(cell: Cell) -> int:
    """Random choices of each size."""
    return 10 if cell in THOROUGH else 5


def layer_sets(cell: Cell, scores: pd.DataFrame, part: str, counts: Sequence[str] = COUNTS) -> list[Layers]:
    """The different choices of layers of a part."""
    count = len(scores)
    if part == "alone":
        each = [(at,) for at in range(count)] if count <= FEW_LAYERS else []
        return [(), *each, tuple(range(count))]
    parameters = [int(one) for one in scores.parameters]
    found: dict[Layers, None] = {}
    # Most layers first: choices of one layer are known from the first part.
    for size in BUDGETS if part == "budget" else reversed(counts):
        # Whatever differs in its reference alone comes last.
        for arm in arms(scores):
            if arm.primary is (part != "references"):
                found[choose(list(scores[arm.score]), arm.order, size, parameters)] = None
        if part != "references":
            found.update(dict.fromkeys(random_selections(cell.network, scores, size, draws_of(cell))))
    return list(found)


def _failed(cell: Cell, outcome: Outcome) -> bool:
    """Whether hardly more images came out right than by chance."""
    classes, _ = READERS[cell.target]
    return outcome.correct < 1.5 * outcome.judged / classes


def _searched(runs: Runs, cell: Cell, layers: str, rates: Rates) -> tuple[float, bool]:
    """The learning rate by which most validation images came out right, and True; or the next to try, and False."""
    tried = sorted(rates.first)
    while True:
        found: dict[float, Outcome] = {}
        for rate in tried:
            key = search_key(cell, rate, layers)
            if key not in runs:
                return rate, False
            found[rate] = runs.rows[key]
        # The first of equals is the lowest.
        best = max(tried, key=lambda rate: found[rate].correct)
        lower = [rate for rate in rates.every if rate < tried[0]]
        higher = [rate for rate in rates.every if rate > tried[-1]]
        # Where all fail they are too high, whichever failed least.
        if lower and (best == tried[0] or _failed(cell, found[best])):
            tried.insert(0, lower[-1])
        elif best == tried[-1] and higher:
            tried.append(higher[0])
        else:
            return best, True


def best_rate(runs: Runs, cell: Cell, layers: str, rates: Rates) -> float | None:
    """The learning rate that the search found; None while it is not at its end."""
    rate, done = _searched(runs, cell, layers, rates)
    return rate if done else None


def search_key(cell: Cell, rate: float, layers: str) -> Key:
    """The run that tries a learning rate."""
    return _key(cell, "search", SEARCH_SEED, rate, layers)


def _key(cell: Cell, part: str, seed: int, rate: float, layers: str) -> Key:
    return Key(RECIPE, cell.network, cell.target, cell.images, part, seed, rate, layers)


def missing(runs: Runs, cell: Cell, sets: Sequence[Layers], layers: int, rates: Rates, seeds: int) -> Iterator[Key]:
    """Runs of a cell that are not there yet; each is to be added before the next is asked for, which it may decide.

    First all the search, which is of one draw of images, then seed by seed: what is kept of a draw serves all.
    """
    names = [name_layers(one, layers) for one in sets]
    for name in names:
        while not (found := _searched(runs, cell, name, rates))[1]:
            yield search_key(cell, found[0], name)
    for seed in range(SEARCH_SEED + 1, SEARCH_SEED + 1 + seeds):
        for name in names:
            rate_found = best_rate(runs, cell, name, rates)
            if rate_found is None:
                raise ValueError(f"{cell}: no learning rate is known for the layers {name}")
            key = _key(cell, "test", seed, rate_found, name)
            if key not in runs:
                yield key


def total(sets: Sequence[Layers], rates: Rates, seeds: int) -> int:
    """Runs of a cell, and no fewer."""
    return len(sets) * (len(rates.first) + seeds)
