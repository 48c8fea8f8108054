# SPDX-License-Identifier: BSD-3-Clause
"""Wrong arguments: each is told by its name and its value; what people write for numbers is taken."""

from __future__ import annotations

import re

import pytest

import kldsel
from networks import TRAINED


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("method", ["kl_positive", None, 3]),
        ("k", [-1, 2.0, "2", True, float("nan")]),
        ("budget", [-1, 1e6, "all"]),
        ("share", [-0.1, 1.1, float("nan"), "50%", [0.5]]),
        ("temperature", [0, -1, float("nan"), "hot", None]),
        ("reference", ["before", 3]),
        ("order", ["best"]),
        ("granularity", ["row", None]),
        ("distribution", ["pair"]),
        ("alignment", ["sorted"]),
        ("layout", ["OIHW"]),
        ("keep", ["everything"]),
        ("threads", [-1, 1.5, 10**9]),
        ("progress", [3]),
        ("include", [3, [3]]),
        ("exclude", [3, ["a", None]]),
        ("group_by", [3, "("]),
    ],
)
def test_each_is_named(argument, wrong):
    for value in wrong:
        # Of several patterns, the one that is wrong.
        shown = value[-1] if isinstance(value, list) and argument != "share" else value
        said = rf"{argument}(\[\d\])? is '?{re.escape(repr(shown).strip(chr(39)))}"
        with pytest.raises((ValueError, TypeError), match=said):
            kldsel.rank(TRAINED, **{argument: value})


def test_given_and_its_reference():
    with pytest.raises(ValueError, match="reference is 'given', but given is None"):
        kldsel.rank(TRAINED, reference="given")
    with pytest.raises(ValueError, match="given goes with reference='given', but reference is None"):
        kldsel.rank(TRAINED, given=TRAINED)


def test_numbers_of_numpy():
    np = pytest.importorskip("numpy")
    assert kldsel.rank(TRAINED, k=np.int64(2)).settings.k == 2
    expected = kldsel.rank(TRAINED, share=0.5, temperature=2.0)
    assert kldsel.rank(TRAINED, share=np.float32(0.5), temperature=np.float64(2)) == expected
    assert kldsel.rank(TRAINED)[np.int64(1)].rank == 2


def test_a_budget_beyond_everything_selects_all():
    assert len(kldsel.rank(TRAINED, budget=10**30).selected) == 10


def test_places_and_slices():
    ranking = kldsel.rank(TRAINED)
    assert ranking[:3] == tuple(ranking)[:3]
    assert ranking[-1] == list(ranking)[-1]
    with pytest.raises(IndexError, match="place 10 of 10 layers"):
        ranking[10]
    with pytest.raises(TypeError):
        ranking[1.5]


def test_again_has_the_options_of_a_ranking():
    with pytest.raises(TypeError, match=r"again\(\) has no option colour; it has reference, order"):
        kldsel.rank(TRAINED).again(colour=3)


def test_freeze_wants_a_ranking_or_names():
    with pytest.raises(TypeError, match=r"ranking is a float; must be"):
        kldsel.freeze(None, 1.5)
    with pytest.raises(TypeError, match=r"ranking is a bytes; must be"):
        kldsel.freeze(None, b"conv1")
    for choice in ({"k": 1}, {"share": 0.5}, {"budget": 10}):
        with pytest.raises(ValueError, match=f"{next(iter(choice))} goes with a ranking"):
            kldsel.freeze(None, ["conv1"], **choice)


@pytest.mark.parametrize("head", [None, 3, [3]])
def test_freeze_names_a_wrong_head(head):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3))
    with pytest.raises(TypeError, match=re.escape(f"head is {head!r}")):
        kldsel.freeze(module, kldsel.rank(module), k=1, head=head)
    assert all(one.requires_grad for one in module.parameters())


def test_patterns_that_match_nothing_are_told():
    ranking = kldsel.rank(TRAINED, exclude=["features.0.*", "feature.3.*"])
    assert ranking.notes == ("exclude 'feature.3.*' matches no tensor",)
    assert "exclude 'feature.3.*' matches no tensor" in repr(ranking)
    with pytest.raises(kldsel.NothingToRankError, match=r"include 'feature\.\*' matches no tensor"):
        kldsel.rank(TRAINED, include="feature.*")


def test_patterns_are_those_of_the_shell():
    def ranked(pattern):
        return set(kldsel.rank(TRAINED, include=pattern).names)

    everything = ranked("*")
    assert ranked("features.[!0].weight") == ranked("features.[^0].weight") == ranked("features.[1-9].weight")
    assert ranked(r"features\.0\.weight") == ranked("features.0.weight") == ranked("features.0")
    assert ranked("[[:alpha:]]*") == everything
