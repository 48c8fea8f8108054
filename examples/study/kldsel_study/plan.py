# SPDX-License-Identifier: BSD-3-Clause
"""Which runs there are, and in what order: what tells most comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from kldsel_study.arms import BUDGETS, COUNTS, Layers, arms, choose, random_selections
from kldsel_study.networks import SOURCES
from kldsel_study.results import RECIPE, Key, Runs, name_layers

SEARCH_SEED = 0
"""Draws the images that learning rates are tried on; never reported."""
PARTS = ("alone", "count", "references", "budget")
"""Each layer alone, nothing and everything; equal numbers of layers; the same of other references and granularity;
equal numbers of weights."""


@dataclass(frozen=True)
class Cell:
    """A network, what it is fine-tuned to, and on how many images."""

    network: str
    target: str
    images: int


THOROUGH = (Cell("fashion_vgg", "mnist", 200), Cell("resnet20", "fashion", 200), Cell("fashion_vgg", "cifar10", 200))
"""Cells with all rates, five seeds and ten random draws. In all others the middle three rates are tried, which in
these would cost 0.03 to 0.4 points of the validation images, and there are three seeds and five draws."""


def rates_of(cell: Cell) -> tuple[float, ...]:
    """The learning rates that every choice of layers of a cell is tried with."""
    every = SOURCES[cell.network].rates
    return every if cell in THOROUGH else every[1:4]


def seeds_of(cell: Cell) -> int:
    """Draws of training images to report of each choice."""
    return 5 if cell in THOROUGH else 3


def draws_of(cell: Cell) -> int:
    """Random choices of each size."""
    return 10 if cell in THOROUGH else 5


def layer_sets(cell: Cell, scores: pd.DataFrame, part: str, counts: Sequence[str] = COUNTS) -> list[Layers]:
    """The different choices of layers of a part."""
    count = len(scores)
    if part == "alone":
        return [(), *((at,) for at in range(count)), tuple(range(count))]
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


def best_rate(runs: Runs, cell: Cell, layers: str, rates: Sequence[float]) -> float | None:
    """The learning rate by which most validation images came out right; None while some are untried."""
    keys = [_key(cell, "search", SEARCH_SEED, rate, layers) for rate in rates]
    if not all(key in runs for key in keys):
        return None
    # The first of equals is the lowest.
    return max(sorted(rates), key=lambda rate: runs.rows[_key(cell, "search", SEARCH_SEED, rate, layers)].correct)


def _key(cell: Cell, part: str, seed: int, rate: float, layers: str) -> Key:
    return Key(RECIPE, cell.network, cell.target, cell.images, part, seed, rate, layers)


def missing(
    runs: Runs, cell: Cell, sets: Sequence[Layers], layers: int, rates: Sequence[float], seeds: int
) -> Iterator[Key]:
    """Runs of a cell that are not there yet; asked one by one, as a search decides what follows it.

    First all the search, which is of one draw of images, then seed by seed: what is kept of a draw serves all.
    """
    names = [name_layers(one, layers) for one in sets]
    for name in names:
        for rate in rates:
            key = _key(cell, "search", SEARCH_SEED, rate, name)
            if key not in runs:
                yield key
    for seed in range(SEARCH_SEED + 1, SEARCH_SEED + 1 + seeds):
        for name in names:
            rate_found = best_rate(runs, cell, name, rates)
            if rate_found is None:
                raise ValueError(f"{cell}: no learning rate is known for the layers {name}")
            key = _key(cell, "test", seed, rate_found, name)
            if key not in runs:
                yield key


def total(sets: Sequence[Layers], rates: Sequence[float], seeds: int) -> int:
    """Runs of a cell."""
    return len(sets) * (len(rates) + seeds)
