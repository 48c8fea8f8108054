# SPDX-License-Identifier: BSD-3-Clause
"""Which layers each way to choose chooses."""

import kldsel
import numpy as np
import pandas as pd
import pytest

from kldsel_study import scores
from kldsel_study.arms import FEW_LAYERS, SIZES, arms, choose, random_selections, selections
from kldsel_study.networks import SOURCES
from kldsel_study.standard import standardised


@pytest.fixture(scope="module")
def table():
    return scores.of(SOURCES["fashion_vgg"].load())


def test_choices_are_the_librarys(table):
    """By count and by budget, in both orders, what libkldsel itself selects."""
    chain = SOURCES["fashion_vgg"].load()
    ranking = kldsel.rank(chain, "all")
    parameters = [int(one) for one in table.parameters]
    names = chain.layers()
    compared = 0
    for method in kldsel.METHODS:
        for order in ("low", "high"):
            for size, option in (
                ("1", {"k": 1}),
                ("3", {"k": 3}),
                ("20%", {"share": 0.2}),
                ("30%p", {"budget": sum(parameters) * 30 // 100}),
            ):
                own = choose(list(table[method]), order, size, parameters)
                theirs = ranking.again(method, order=order, **option).selected
                assert {names[at] for at in own} == set(theirs), (method, order, size)
                compared += 1
    assert compared == 80


def test_ties_keep_network_order_and_nan_is_never_chosen():
    assert choose([1.0, 0.5, 0.5, np.nan], "low", "1", [1] * 4) == (1,)
    assert choose([1.0, 1.0, 0.5, np.nan], "high", "1", [1] * 4) == (0,)
    assert choose([np.nan, np.nan, 2.0, 1.0], "high", "3", [1] * 4) == (2, 3)


def test_a_budget_skips_what_does_not_fit():
    # 30 % of 100: the best layer is too large, the next two fit.
    assert choose([4.0, 3.0, 2.0, 1.0], "high", "30%p", [60, 20, 10, 10]) == (1, 2)


def test_baselines(table):
    chosen = selections(table, "3")
    assert chosen["last"] == (7, 8, 9)
    assert chosen["first"] == (0, 1, 2)
    # Seven layers have 64 filters; the first three of them.
    assert chosen["most filters"] == (4, 5, 6)
    assert {one.order for one in arms(table) if one.score == "snr"} == {"high"}


def test_random_choices_are_the_same_ones_and_differ(table):
    first, again = (random_selections("fashion_vgg", table, "3", 10) for _ in range(2))
    assert first == again
    assert len(first) == 10
    assert len(set(first)) > 5
    assert all(len(set(one)) == 3 for one in first)
    assert first != random_selections("another", table, "3", 10)
    assert random_selections("fashion_vgg", table, "3", 5) == first[:5]
    assert random_selections("fashion_vgg", table, "1", 5) == [(at,) for at in range(10)]


def test_of_many_layers_some_are_drawn():
    many = pd.DataFrame({"parameters": [1] * (FEW_LAYERS + 1)})
    drawn = random_selections("a", many, "1", 5)
    assert len(set(drawn)) == len(drawn) == 10
    assert all(len(one) == 1 and 0 <= one[0] <= FEW_LAYERS for one in drawn)
    assert random_selections("a", many, "1", 7)[:10] == drawn
    assert len(random_selections("a", many[1:], "1", 5)) == FEW_LAYERS


def test_every_arm_chooses_at_every_size(table):
    for size in SIZES:
        assert all(chosen for chosen in selections(table, size).values())


def test_saved_scores_are_those_of_the_weights(table):
    saved = scores.saved("fashion_vgg")
    assert list(saved.columns) == list(table.columns)
    # Cosine matrices agree to 1e-12 on any processor, see docs/method.md; singular values to LAPACK's rounding.
    pd.testing.assert_frame_equal(saved, table, rtol=1e-9, atol=1e-12, check_dtype=False)


def test_an_untrained_layer_is_standard():
    """Mean 0 and deviation 1 over layers that nobody trained, of a scale and a seed of their own."""
    methods = [name for name in kldsel.METHODS if not name.startswith("share")]
    random = np.random.default_rng(4)
    layers = {f"layer{at}.weight": 0.1 * random.standard_normal((16, 144)) for at in range(60)}
    ranking = kldsel.rank(layers, "all", dense=True)
    table = pd.DataFrame({method: list(ranking.scores_by(method).values()) for method in methods})
    found = standardised(table.assign(filters=16, elements=144))
    assert len(found) == 60
    for method in methods:
        values = found[f"{method}/z"]
        # The mean of 60 less that of 100: deviation sqrt(1/60 + 1/100) = 0.16; and chi's for the ratio of deviations.
        assert abs(values.mean()) < 5 * 0.16, method
        assert 0.5 < values.std() < 2, method


def test_signal_to_noise_of_a_planted_signal():
    """A rank-one part that is larger than the noise is the signal; pure noise has none."""
    random = np.random.default_rng(1)
    noise = random.normal(size=(100, 400))
    planted = noise + 100 * np.outer(np.eye(100)[0], np.eye(400)[0])
    edge = np.sqrt(400) + np.sqrt(100)  # of the noise's singular values
    values = np.linalg.svd(planted, compute_uv=False)
    assert values[0] > 2 * edge > 2 * values[1] * 0.9
    assert scores.signal_to_noise(planted) != scores.signal_to_noise(noise)
    # By hand: quartiles of 1, 2, 3, 4, 5 are 2 and 4; the edge is 2 / 1.349 * 2 = 2.965, so 3 + 4 + 5 over 1 + 2.
    assert scores.signal_to_noise(np.diag([1.0, 2, 3, 4, 5])) == pytest.approx(12 / 3 / 5)
