# SPDX-License-Identifier: BSD-3-Clause
"""NumPy with the linear-time algebra of docs/method.md: vectors in place of similarity matrices."""

import numpy
from arrays import SIGNS, load, matrix, ranked, set_threads
from numpy_matrix import divergence, info

__all__ = ["info", "load", "run", "set_threads"]


def run(layers: list[numpy.ndarray], precision: str) -> dict[str, list[float]]:
    """Score and rank the layers by all six methods."""
    scores = {f"{measure}-{sign}": [] for measure in ("cosine", "kl") for sign in SIGNS}
    for layer in layers:
        weights = matrix(layer, precision)
        parts = [numpy.maximum(weights, 0), numpy.minimum(weights, 0)]
        norms = [numpy.sqrt(numpy.einsum("ij,ij->i", part, part)) for part in parts]
        inverse = [numpy.divide(1, norm, out=numpy.zeros_like(norm), where=norm > 0) for norm in norms]
        sums = [scale @ part for scale, part in zip(inverse, parts)]
        for sign, x, y in zip(SIGNS, (0, 1, 0), (0, 1, 1)):
            diagonal = (norms[x] > 0) if x == y else 0
            profile = (inverse[x] * (parts[x] @ sums[y]) - diagonal) / (len(weights) - 1)
            scores[f"cosine-{sign}"].append(float(profile.mean()))
            scores[f"kl-{sign}"].append(divergence(profile))
    return ranked(scores)
