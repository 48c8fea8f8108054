# SPDX-License-Identifier: BSD-3-Clause
"""The ways to choose layers, and which layers each of them chooses."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from kldsel import METHODS

COUNTS = ("1", "2", "3", "20%")
BUDGETS = ("15%p", "30%p")
"""Shares of the weights of all layers."""
SIZES = COUNTS + BUDGETS

Layers = tuple[int, ...]


@dataclass(frozen=True)
class Arm:
    """A score and the end of it that ranks first."""

    score: str
    order: str

    @property
    def name(self) -> str:
        """As `kl-positive low`; the baselines have names of their own."""
        return _NAMES.get((self.score, self.order), f"{self.score} {self.order}")

    @property
    def primary(self) -> bool:
        """Whether it is one of those that are run first: the methods at their defaults, baselines, controls."""
        return "/" not in self.score

    @property
    def advised(self) -> bool:
        """Whether the library ranks by this order unless told otherwise; true of what has no method."""
        method = METHODS.get(self.score.split("/")[0])
        return method is None or method.order == self.order


_NAMES = {
    ("depth", "high"): "last",
    ("depth", "low"): "first",
    ("middle", "high"): "middle",
    ("parameters", "high"): "most parameters",
    ("filters", "high"): "most filters",
    ("elements", "high"): "longest filters",
    ("snr", "high"): "SNR",
    ("alone", "high"): "best alone (search)",
    ("rgn", "high"): "RGN (gradients)",
}
_ONE_WAY = ("middle", "parameters", "filters", "elements", "snr", "alone", "rgn")


def arms(scores: pd.DataFrame) -> list[Arm]:
    """Both orders of every score, but for controls that have one sense only."""
    names = [name for name in scores.columns if name != "layer"]
    found = [Arm(name, order) for name in names for order in ("high", "low")]
    return [one for one in found if one.score not in _ONE_WAY or one.order == "high"]


def count_of(size: str, layers: int) -> int:
    """How many of the layers a size is: `3`, or `20%`, rounded down but one at least.

    >>> count_of("3", 19), count_of("20%", 19), count_of("20%", 4)
    (3, 3, 1)
    """
    return max(1, layers * int(size[:-1]) // 100) if size.endswith("%") else int(size)


def choose(values: Sequence[float], order: str, size: str, parameters: Sequence[int]) -> Layers:
    """The layers that rank first, as libkldsel selects them: ties in network order, none without a score.

    A size in `%p` is a budget of weights: best first, every layer that still fits.
    """
    given = np.asarray(values, dtype=float)
    ranked = np.argsort(given if order == "low" else -given, kind="stable")
    ranked = ranked[np.isfinite(given[ranked])]
    if not size.endswith("%p"):
        return tuple(sorted(int(at) for at in ranked[: count_of(size, len(given))]))
    left = sum(parameters) * int(size[:-2]) // 100
    chosen = []
    for at in ranked:
        if parameters[at] <= left:
            left -= parameters[at]
            chosen.append(int(at))
    return tuple(sorted(chosen))


def selections(scores: pd.DataFrame, size: str) -> dict[str, Layers]:
    """What each arm chooses, by its name."""
    parameters = [int(one) for one in scores.parameters]
    return {one.name: choose(list(scores[one.score]), one.order, size, parameters) for one in arms(scores)}


FEW_LAYERS = 40
"""Networks of no more layers have each of them trained alone."""


def random_selections(network: str, scores: pd.DataFrame, size: str, draws: int) -> list[Layers]:
    """Layers drawn at random, the same ones whenever asked; all of them at size 1, where they are few.

    Fewer draws are the first of more.
    """
    count = len(scores)
    if size == "1" and count <= FEW_LAYERS:
        return [(at,) for at in range(count)]
    parameters = [int(one) for one in scores.parameters]
    # Sizes that are the same number of layers share their draws.
    stream = [1, SIZES.index(size)] if size in BUDGETS else [0, count_of(size, count)]
    random = np.random.default_rng([zlib.crc32(network.encode()), *stream])
    if size == "1":
        return [(int(at),) for at in random.permutation(count)[: 2 * draws]]
    return [choose(list(random.permutation(count)), "low", size, parameters) for _ in range(draws)]
