# SPDX-License-Identifier: BSD-3-Clause
"""Plain NumPy: the similarity matrices, straight from the definition."""

import numpy
from arrays import SIGNS, blas, load, matrix, ranked, set_threads

__all__ = ["info", "load", "run", "set_threads"]


def info() -> dict:
    """Return versions and the BLAS."""
    return {"versions": {"numpy": numpy.__version__}, "blas": blas()}


def normalized(rows: numpy.ndarray) -> numpy.ndarray:
    """Divide each row by its norm; rows of zeros stay."""
    norms = numpy.linalg.norm(rows, axis=1, keepdims=True)
    return rows / numpy.where(norms > 0, norms, 1)


def similarities(x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
    """Return each row's mean cosine with the other rows."""
    cosines = x @ y.T
    return (cosines.sum(axis=1) - cosines.diagonal()) / (len(x) - 1)


def divergence(profile: numpy.ndarray) -> float:
    """Return KL(softmax(profile) || uniform)."""
    weights = numpy.exp(profile - profile.max())
    p = weights / weights.sum()
    return float((p * numpy.log(p * len(p))).sum())


def run(layers: list[numpy.ndarray], precision: str) -> dict[str, list[float]]:
    """Score and rank the layers by all six methods."""
    scores = {f"{measure}-{sign}": [] for measure in ("cosine", "kl") for sign in SIGNS}
    for layer in layers:
        weights = matrix(layer, precision)
        positive = normalized(numpy.maximum(weights, 0))
        negative = normalized(numpy.minimum(weights, 0))
        for sign, x, y in zip(SIGNS, (positive, negative, positive), (positive, negative, negative)):
            profile = similarities(x, y)
            scores[f"cosine-{sign}"].append(float(profile.mean()))
            scores[f"kl-{sign}"].append(divergence(profile))
    return ranked(scores)
