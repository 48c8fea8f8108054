# SPDX-License-Identifier: BSD-3-Clause
"""The pictures: what is drawn where."""

from __future__ import annotations

import math

import pytest

import kldsel
from networks import RANDOM, TRAINED

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def dots(ax):
    return [one for one in ax.collections if one.get_label() in ("selected", "not selected")]


def test_scores_by_depth():
    ranking = kldsel.rank(TRAINED, "cosine-positive", k=3)
    ax = ranking.plot()
    points = {(round(x), y) for one in dots(ax) for x, y in one.get_offsets().tolist()}
    assert points == set(enumerate(ranking.scores.values()))
    chosen = next(one for one in ax.collections if one.get_label() == "selected")
    assert {y for _, y in chosen.get_offsets().tolist()} == {one.score for one in ranking if one.selected}
    line = next(one for one in ax.lines if one.get_label() == "random gaussian weights")
    assert line.get_ydata()[0] == pytest.approx(1 / math.pi)
    assert [one.get_text() for one in ax.get_xticklabels()][:2] == ["features.0", "features.3"]


def test_the_random_value_is_that_of_random_layers():
    """Before training all layers lie at the line, but the first, whose filters have 9 elements."""
    ranking = kldsel.rank(RANDOM, keep="all")
    for method in kldsel.METHODS:
        line = ranking.again(method).plot().lines[-1].get_ydata()[0]
        # Means over more than 200 elements of each of 24 filters and more.
        for score in list(ranking.scores_by(method).values())[1:]:
            assert score == pytest.approx(line, abs=0.02)


def test_ranks_by_method():
    ranking = kldsel.rank(TRAINED, keep="all")
    ax = ranking.plot("methods")
    grid = ax.images[0].get_array().tolist()
    assert len(grid) == 10
    for column, method in enumerate(kldsel.methods.PAPER):
        other = ranking.again(method)
        assert [row[column] for row in grid] == list(other.ranks.values())


def test_undefined_scores_are_left_out():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    weights = {"one": rng.normal(size=(1, 3, 3)), **{f"{at}": rng.normal(size=(4, 3, 3)) for at in range(70)}}
    ranking = kldsel.rank(weights, keep="all")
    assert sum(len(one.get_offsets()) for one in dots(ranking.plot())) == 70
    grid = ranking.plot("methods").images[0].get_array().tolist()
    assert all(one is None for one in grid[0])


def test_an_axes_of_ones_own_and_wrong_kinds():
    ranking = kldsel.rank(TRAINED)
    _, ax = plt.subplots()
    assert ranking.plot(ax=ax) is ax
    with pytest.raises(ValueError, match="kind is 'pie'; must be depth or methods"):
        ranking.plot("pie")
    with pytest.raises(kldsel.errors.MissingError, match="keep='all'"):
        ranking.plot("methods")
