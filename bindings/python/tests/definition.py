# SPDX-License-Identifier: BSD-3-Clause
"""The method straight from docs/method.md, in NumPy: every matrix made, nothing clever."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

PARTS = {
    "all": (lambda f: f, lambda f: f),
    "positive": (lambda f: np.maximum(f, 0), lambda f: np.maximum(f, 0)),
    "negative": (lambda f: np.minimum(f, 0), lambda f: np.minimum(f, 0)),
    "positive-negative": (lambda f: np.maximum(f, 0), lambda f: np.minimum(f, 0)),
}


def normalised(rows: Any) -> Any:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def cosines(weights: Any, sign: str, granularity: str = "filter") -> Any:
    """C of a layer whose axes are filters, channels, the rest."""
    matrix = weights.reshape(weights.shape[0], weights.shape[1], -1)
    if granularity == "filter":
        matrix = matrix.reshape(weights.shape[0], 1, -1)
    x, y = (normalised(part(matrix)) for part in PARTS[sign])
    return np.einsum("ick,jck->ij", x, y) / matrix.shape[1]


def values(weights: Any, sign: str, granularity: str = "filter", distribution: str = "profile") -> Any:
    """What a profile holds."""
    matrix = cosines(weights, sign, granularity)
    count = len(matrix)
    if distribution == "profile":
        return (matrix.sum(1) - matrix.diagonal()) / (count - 1) if count > 1 else np.empty(0)
    if sign == "positive-negative":
        return matrix[~np.eye(count, dtype=bool)]
    return matrix[np.triu_indices(count, 1)]


def softmax(numbers: Any, temperature: float = 1.0) -> Any:
    powers = np.exp(numbers / temperature - np.max(numbers / temperature))
    return powers / powers.sum()


def divergence(p: Any, q: Any, alignment: str = "quantile") -> float:
    if alignment == "quantile":
        # Repeated to a common length, step functions on [0, 1] are arrays of it.
        length = math.lcm(len(p), len(q))
        p, q = (np.repeat(np.sort(a)[::-1], length // len(a)) * len(a) / length for a in (p, q))
    return float(np.sum(p * np.log(p / q)))


def within(matrix: Any, temperature: float) -> float:
    rows = [softmax(row, temperature) for row in matrix]
    return float(np.mean([divergence(p, q, "index") for p, q in itertools.permutations(rows, 2)]))


def scores(layers: list[Any], measure: str, sign: str, reference: str = "uniform", **how: Any) -> list[float]:
    """Scores of layers of two filters or more; `given` holds the other layers of that reference."""
    granularity, distribution = how.get("granularity", "filter"), how.get("distribution", "profile")
    alignment, temperature = how.get("alignment", "quantile"), how.get("temperature", 1.0)
    if measure == "share":
        direction = 1 if sign == "positive" else -1
        return [float(np.mean(layer * direction > 0)) for layer in layers]
    if measure == "cosine":
        return [float(np.mean(values(layer, sign, granularity, distribution))) for layer in layers]
    if reference == "within":
        return [within(cosines(layer, sign, granularity), temperature) for layer in layers]

    def distribution_of(layer: Any) -> Any:
        return softmax(values(layer, sign, granularity, distribution), temperature)

    all_of_them = [distribution_of(layer) for layer in layers]

    def against(place: int) -> float:
        p = all_of_them[place]
        if reference == "uniform":
            return divergence(p, np.full(len(p), 1 / len(p)), "index")
        if reference == "given":
            return divergence(p, distribution_of(how["given"][place]), alignment)
        if reference == "others":
            others = all_of_them[:place] + all_of_them[place + 1 :]
            return float(np.mean([divergence(p, q, alignment) for q in others]))
        neighbour = place + (1 if reference == "next" else -1)
        if not 0 <= neighbour < len(all_of_them):
            return math.nan
        return divergence(p, all_of_them[neighbour], alignment)

    return [against(place) for place in range(len(layers))]
