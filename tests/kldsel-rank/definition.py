# SPDX-License-Identifier: BSD-3-Clause
"""The ten scores of a network of few filters, straight from docs/method.md."""

import math

SIGNS = {
    "all": (lambda w: w, lambda w: w),
    "positive": (lambda w: max(w, 0.0),) * 2,
    "negative": (lambda w: min(w, 0.0),) * 2,
    "positive-negative": (lambda w: max(w, 0.0), lambda w: min(w, 0.0)),
}
METHODS = [f"{measure}-{sign}" for measure in ("cosine", "kl") for sign in SIGNS] + [
    "share-positive",
    "share-negative",
]


def cosine(x, y):
    norms = math.sqrt(math.fsum(a * a for a in x)) * math.sqrt(math.fsum(b * b for b in y))
    return math.fsum(a * b for a, b in zip(x, y)) / norms if norms > 0 else 0.0


def profile(filters, sign):
    x, y = ([[part(w) for w in row] for row in filters] for part in SIGNS[sign])
    count = len(filters)
    return [math.fsum(cosine(x[i], y[j]) for j in range(count) if j != i) / (count - 1) for i in range(count)]


def softmax(values):
    weights = [math.exp(value) for value in values]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def scores(filters):
    """Of one layer, kl against uniform."""
    result = {}
    for sign in SIGNS:
        values = profile(filters, sign)
        result[f"cosine-{sign}"] = math.fsum(values) / len(values)
        result[f"kl-{sign}"] = math.fsum(p * math.log(p * len(values)) for p in softmax(values))
    weights = [w for row in filters for w in row]
    result["share-positive"] = sum(w > 0 for w in weights) / len(weights)
    result["share-negative"] = sum(w < 0 for w in weights) / len(weights)
    return result
