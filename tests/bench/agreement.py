# SPDX-License-Identifier: BSD-3-Clause
"""Whether a contender computes the six methods: its scores against libkldsel's.

A cosine is a sum of K products of normalised numbers; by Cauchy and Schwarz the terms' magnitudes add up to
1 at most, so K + 4 roundings (products, sum, two norms) make an error of (K + 4) u at most. A mean over M of
them adds M u. A divergence moves by no more than its profile does, as the weights p_i |c_i - c| of its
gradient add up to 1 at most; two sums over M terms add 2 M u, exp and log a few u each. Both errors are
below 3 (K + M + 16) u, in double precision.

In single precision that worst case says nothing (2e-4 for K + M = 1000). There the errors are taken for
random: n roundings add up to sqrt(n) u, 8 times that being beyond chance.
"""

import math

UNIT = {"f64": 2.0**-53, "f32": 2.0**-24}


def bound(filters: int, elements: int, precision: str) -> float:
    """Return how far a score may be off."""
    roundings = elements + filters + 16
    return (3 * roundings if precision == "f64" else 8 * math.sqrt(roundings)) * UNIT[precision]


def places_changed(scores: list[float], others: list[float]) -> int:
    """Count the places at which two rankings of the same layers name another layer."""
    orders = [sorted(range(len(values)), key=values.__getitem__) for values in (scores, others)]
    return sum(a != b for a, b in zip(*orders))


def compare(expected: dict, got: dict, layers: list[list[int]], precision: str) -> dict:
    """Return the largest difference, the share of the bound that it is at worst, and places changed."""
    largest = worst = 0.0
    changed = 0
    if set(expected) != set(got):
        raise RuntimeError(f"methods {sorted(got)} in place of {sorted(expected)}")
    for method, scores in expected.items():
        if len(got[method]) != len(layers):
            raise RuntimeError(f"{len(got[method])} scores for {len(layers)} layers")
        for shape, a, b in zip(layers, scores, got[method]):
            difference = abs(a - b)
            if not math.isfinite(difference):
                difference = math.inf
            largest = max(largest, difference)
            worst = max(worst, difference / bound(shape[0], math.prod(shape[1:]), precision))
        changed += places_changed(scores, got[method])
    return {
        "largest_difference": largest,
        "share_of_bound": worst,
        "places_changed": changed,
        "agrees": worst <= 1,
    }
