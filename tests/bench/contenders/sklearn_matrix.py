# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn and SciPy, as such a script is written today: cosine_similarity, softmax, entropy."""

import numpy
import scipy
import sklearn
from arrays import SIGNS, blas, load, matrix, ranked, set_threads
from scipy.special import softmax
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_similarity

__all__ = ["info", "load", "run", "set_threads"]


def info() -> dict:
    """Return versions and the BLAS."""
    modules = {"numpy": numpy, "scipy": scipy, "scikit-learn": sklearn}
    return {"versions": {name: module.__version__ for name, module in modules.items()}, "blas": blas()}


def run(layers: list[numpy.ndarray], precision: str) -> dict[str, list[float]]:
    """Score and rank the layers by all six methods."""
    scores = {f"{measure}-{sign}": [] for measure in ("cosine", "kl") for sign in SIGNS}
    for layer in layers:
        weights = matrix(layer, precision)
        positive, negative = numpy.maximum(weights, 0), numpy.minimum(weights, 0)
        uniform = numpy.full(len(weights), 1 / len(weights))
        for sign, x, y in zip(SIGNS, (positive, negative, positive), (None, None, negative)):
            cosines = cosine_similarity(x, y)
            profile = (cosines.sum(axis=1) - cosines.diagonal()) / (len(x) - 1)
            scores[f"cosine-{sign}"].append(float(profile.mean()))
            scores[f"kl-{sign}"].append(float(entropy(softmax(profile), uniform)))
    return ranked(scores)
