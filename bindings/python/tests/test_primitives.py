# SPDX-License-Identifier: BSD-3-Clause
"""Each primitive against SciPy and scikit-learn, which know nothing of this library."""

from __future__ import annotations

from typing import Any

import pytest

from kldsel.lowlevel import (
    Tensor,
    divergence,
    filter_matrix,
    pairwise_cosine,
    rank,
    sign_split,
    softmax,
)

np = pytest.importorskip("numpy")
special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")
pairwise = pytest.importorskip("sklearn.metrics.pairwise")
pytest.importorskip("hypothesis")
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

EPSILON = 2.0**-52

# Zero is frequent; nothing whose square vanishes, which scikit-learn would take for zero.
WEIGHT = st.floats(-100, 100).map(lambda value: 0.0 if abs(value) < 1e-6 else value)


def layers(least: int = 1) -> st.SearchStrategy[Any]:
    shapes = st.tuples(st.integers(least, 8), st.integers(1, 3), st.integers(1, 5))
    return shapes.flatmap(lambda shape: hnp.arrays("f8", shape, elements=WEIGHT))


def distributions(length: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    entries = st.floats(1e-6, 1)
    return length.flatmap(lambda n: hnp.arrays("f8", n, elements=entries)).map(lambda a: a / a.sum())


@given(layers(), st.sampled_from(("all", "positive", "negative")))
def test_sign_split(weights: Any, part: str) -> None:
    expected = {"all": weights, "positive": weights.clip(min=0), "negative": weights.clip(max=0)}[part]
    split = sign_split(Tensor(weights), part)
    assert np.array_equal(split.values(), expected)
    assert (split.filters, split.elements, split.shape) == (len(weights), weights[0].size, weights.shape)


@given(layers())
def test_filter_matrix(weights: Any) -> None:
    moved = np.moveaxis(weights, (0, 1), (-1, -2))
    assert np.array_equal(filter_matrix(Tensor(moved, "hwio")).values(), weights)


@given(layers(), st.data())
def test_pairwise_cosine(weights: Any, data: st.DataObject) -> None:
    other = data.draw(hnp.arrays("f8", (data.draw(st.integers(1, 6)), *weights.shape[1:]), elements=WEIGHT))
    x, y = weights.reshape(len(weights), -1), other.reshape(len(other), -1)
    # Each of both loses at most K + 4 roundings of terms whose sizes sum up to 1.
    tolerance = (x.shape[1] + 4) * EPSILON
    found = pairwise_cosine(Tensor(weights))
    assert np.allclose(found, pairwise.cosine_similarity(x), rtol=0, atol=tolerance)
    found = pairwise_cosine(Tensor(weights), Tensor(other))
    expected = pairwise.cosine_similarity(x, y)
    assert np.allclose(found, expected, rtol=0, atol=tolerance)
    first = data.draw(st.integers(0, len(x) - 1))
    rows = data.draw(st.integers(1, len(x) - first))
    some = pairwise_cosine(Tensor(weights), Tensor(other), first_row=first, rows=rows)
    assert some.shape == (rows, len(y))
    assert np.allclose(some, expected[first : first + rows], rtol=0, atol=tolerance)
    by_channel = [
        pairwise.cosine_similarity(weights[:, channel], other[:, channel])
        for channel in range(weights.shape[1])
    ]
    found = pairwise_cosine(Tensor(weights), Tensor(other), granularity="kernel")
    assert np.allclose(found, np.mean(by_channel, axis=0), rtol=0, atol=tolerance)


@given(hnp.arrays("f8", st.integers(1, 50), elements=st.floats(-700, 700)), st.floats(0.1, 100))
def test_softmax(values: Any, temperature: float) -> None:
    scaled = values / temperature
    found = softmax(values, temperature)
    # An error of one rounding in an exponent is as much relative error as the exponent is large.
    relative = (np.abs(scaled).max() + np.ptp(scaled) + len(values) + 8) * EPSILON
    # Far below the largest, numbers lose digits as subnormals.
    assert np.allclose(found, special.softmax(scaled), rtol=relative, atol=5e-324)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(*[distributions(st.just(n))] * 2)))
def test_divergence_by_index(both: tuple[Any, Any]) -> None:
    p, q = both
    tolerance = (len(p) + 8) * EPSILON * float(np.abs(p * np.log(p / q)).sum() + 1)
    assert divergence(p, q, alignment="index") == pytest.approx(stats.entropy(p, q), rel=0, abs=tolerance)


@given(distributions(st.integers(1, 12)), distributions(st.integers(1, 12)))
def test_divergence_by_quantile(p: Any, q: Any) -> None:
    length = np.lcm(len(p), len(q))
    steps = [np.repeat(np.sort(a)[::-1], length // len(a)) * (len(a) / length) for a in (p, q)]
    tolerance = (length + 8) * EPSILON * float(np.abs(special.rel_entr(*steps)).sum() + 1)
    assert divergence(p, q) == pytest.approx(stats.entropy(*steps), rel=0, abs=tolerance)


@given(distributions(st.integers(2, 12)), st.data())
def test_divergence_without_mass(p: Any, data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(p) - 1))
    q = p.copy()
    q[gone] = 0
    assume(q.sum() > 0)
    q /= q.sum()
    assert divergence(p, q, alignment="index") == np.inf == stats.entropy(p, q)
    tolerance = (len(p) + 8) * EPSILON * float(np.abs(special.rel_entr(q, p)).sum() + 1)
    assert divergence(q, p, alignment="index") == pytest.approx(stats.entropy(q, p), rel=0, abs=tolerance)


SCORES = st.lists(st.one_of(st.sampled_from((0.0, 1.0, np.nan)), st.floats(-10, 10)), min_size=1, max_size=30)


@given(SCORES, st.sampled_from(("low", "high")), st.data())
def test_rank(scores: list[float], order: str, data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.sampled_from("abc"), min_size=len(scores), max_size=len(scores)))
    found = rank(scores, order=order, groups=labels)
    keys = np.array(scores) if order == "low" else -np.array(scores)
    for label in set(labels):
        places = [i for i, other in enumerate(labels) if other == label]
        expected = stats.rankdata(np.nan_to_num(keys[places], nan=np.inf), method="ordinal") - 1
        assert [found.ranks[i] for i in places] == list(expected)
    by_group = sorted(range(len(scores)), key=lambda i: (labels.index(labels[i]), found.ranks[i]))
    assert list(found.order) == by_group
    assert not any(found.selected)


@given(SCORES, st.data())
def test_rank_selects(scores: list[float], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(scores)))
    found = rank(scores, order="high", select_count=count)
    best = {i for i in found.order[:count] if not np.isnan(scores[i])}
    assert {i for i, selected in enumerate(found.selected) if selected} == best

    sizes = data.draw(st.lists(st.integers(0, 50), min_size=len(scores), max_size=len(scores)))
    budget = data.draw(st.integers(1, 200))
    found = rank(scores, parameters=sizes, order="high", select_parameters=budget)
    for i in found.order:
        fits = sizes[i] <= budget and not np.isnan(scores[i])
        assert found.selected[i] == fits
        budget -= sizes[i] if fits else 0
