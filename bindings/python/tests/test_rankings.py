# SPDX-License-Identifier: BSD-3-Clause
"""Profiles and rankings against the definition in NumPy: every choice, on random layers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kldsel.lowlevel import Tensor, profile, profile_many, rank_profiles, rank_tensors

np = pytest.importorskip("numpy")
pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

import definition

# Cosines carry some K / 2**52, K < 200 here, and a divergence of theirs not much more: the definition's own
# sums of terms of either sign, at most ln(64) in size, lose about 64 / 2**52 again.
TOLERANCE = 1e-12

SIGNS = list(definition.PARTS)
ALL_MEASURES = [
    *(("cosine", sign, "uniform") for sign in SIGNS),
    *(
        ("kl", sign, reference)
        for sign in SIGNS
        for reference in ("uniform", "others", "previous", "next", "within", "given")
    ),
    ("share", "positive", "uniform"),
    ("share", "negative", "uniform"),
]
SHAPES = [(8, 3, 3, 3), (16, 8, 3, 3), (5, 2, 7), (16, 16, 1, 1), (2, 9, 2, 2, 2)]


def network(shapes: list[tuple[int, ...]], seed: int = 0) -> list[Any]:
    random = np.random.default_rng(seed)
    return [(random.standard_normal(shape) + 0.05) * random.random() for shape in shapes]


def same(found: Any, expected: Any) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-12, atol=TOLERANCE, equal_nan=True))


@pytest.mark.parametrize("granularity", ["filter", "kernel"])
@pytest.mark.parametrize("distribution", ["profile", "pairs"])
@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values(shape: tuple[int, ...], sign: str, distribution: str, granularity: str) -> None:
    (layer,) = network([shape])
    made = profile(Tensor(layer), granularity=granularity, distribution=distribution)
    assert same(made.values(sign), definition.values(layer, sign, granularity, distribution))
    assert (made.filters, made.elements) == (shape[0], math.prod(shape[1:]))


@pytest.mark.parametrize(("measure", "sign", "reference"), ALL_MEASURES)
@settings(max_examples=10)
@given(
    shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=5),
    seed=st.integers(0, 2**32 - 1),
    granularity=st.sampled_from(("filter", "kernel")),
    distribution=st.sampled_from(("profile", "pairs")),
    temperature=st.sampled_from((1.0, 0.1, 10.0)),
)
def test_scores(
    measure: str,
    sign: str,
    reference: str,
    shapes: list[tuple[int, ...]],
    seed: int,
    **how: Any,
) -> None:
    layers = network(shapes, seed)
    tensors = [Tensor(layer) for layer in layers]
    others = network(shapes, seed + 1) if reference == "given" else None
    choices = {"measure": measure, "sign": sign, "reference": reference, "temperature": how["temperature"]}
    ranking = rank_tensors(
        tensors,
        given=None if others is None else [Tensor(other) for other in others],
        **choices,
        granularity=how["granularity"],
        distribution=how["distribution"],
    )
    expected = definition.scores(layers, measure, sign, reference, given=others, **how)
    # Values over a temperature of 0.1 are ten times as large, as are their errors.
    assert np.allclose(ranking.scores, expected, rtol=1e-11, atol=10 * TOLERANCE, equal_nan=True)
    first = 1 if (measure == "kl" or (measure, sign) == ("share", "negative")) else -1
    keys = [math.inf if math.isnan(score) else first * score for score in ranking.scores]
    assert list(ranking.order) == sorted(range(len(keys)), key=keys.__getitem__)
    assert [ranking.ranks[layer] for layer in ranking.order] == list(range(len(keys)))

    profiles = profile_many(tensors, reference=reference, **how)
    travelled = None if others is None else profile_many([Tensor(other) for other in others], **how)
    by_profiles = rank_profiles(profiles, given=travelled, **choices)
    if how["distribution"] == "profile" and reference != "within":
        assert repr(by_profiles) == repr(ranking)  # to the bit; as text, where NaN is NaN
    else:
        assert np.allclose(by_profiles.scores, ranking.scores, rtol=1e-12, atol=TOLERANCE, equal_nan=True)
        assert by_profiles.reasons == ranking.reasons


@pytest.mark.parametrize("alignment", ["quantile", "index"])
def test_alignment(alignment: str) -> None:
    layers = network([(6, 3, 2), (6, 5, 2), (6, 4, 1)])
    found = rank_tensors([Tensor(layer) for layer in layers], reference="next", alignment=alignment)
    expected = definition.scores(layers, "kl", "positive-negative", "next", alignment=alignment)
    assert same(found.scores, expected)


def test_groups_are_networks_of_their_own() -> None:
    layers = network([SHAPES[i % 5] for i in range(6)])
    tensors = [Tensor(layer) for layer in layers]
    labels = ["mlp", "attention", "mlp", None, "attention", "mlp"]
    found = rank_tensors(tensors, reference="others", groups=labels, select_count=1)
    assert found.order[:3] == tuple(sorted((0, 2, 5), key=lambda layer: found.scores[layer]))
    assert found.order[5] == 3
    for label in set(labels):
        places = [i for i, other in enumerate(labels) if other == label]
        alone = rank_tensors([tensors[i] for i in places], reference="others", select_count=1)
        assert repr([found.scores[i] for i in places]) == repr(list(alone.scores))
        assert [found.ranks[i] for i in places] == list(alone.ranks)
        assert [found.selected[i] for i in places] == list(alone.selected)
        assert [found.reasons[i] for i in places] == list(alone.reasons)


def test_selection() -> None:
    layers = network(SHAPES)
    tensors = [Tensor(layer) for layer in layers]

    def chosen(**how: Any) -> list[int]:
        ranking = rank_tensors(tensors, **how)
        return [layer for layer in ranking.order if ranking.selected[layer]]

    order = list(rank_tensors(tensors).order)
    assert chosen() == []
    assert chosen(select_count=2) == order[:2]
    assert chosen(select_share=0.6) == order[:3]
    assert chosen(order="high", select_count=5) == order[::-1]
    budget, expected = layers[order[0]].size + 20, []
    for layer in order:
        if layers[layer].size <= budget:
            budget -= layers[layer].size
            expected.append(layer)
    assert chosen(select_parameters=layers[order[0]].size + 20) == expected


def test_bits_do_not_depend_on_threads_or_level_or_strides_() -> None:
    tensors = [Tensor(layer.astype("f4")) for layer in network([(64, 32, 3, 3), (16, 300, 9), (9, 5)])]
    expected = profile_many(tensors, threads=1, cpu_level="baseline")
    for threads in (None, 1, 2, 7):
        assert profile_many(tensors, threads=threads) == expected
    assert [profile(tensor) for tensor in tensors] == expected
