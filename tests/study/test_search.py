# SPDX-License-Identifier: BSD-3-Clause
"""Evolution over masks of layers, on problems whose best mask is known."""

import pytest

from kldsel_study.search import ALGORITHMS, optimise

LAYERS, BEST = 12, {2, 3, 7, 11}


def _alike(mask):
    return sum((at in mask) == (at in BEST) for at in range(LAYERS))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_planted_mask_is_approached_within_the_budget(algorithm):
    tried = []

    def trial(mask):
        tried.append(mask)
        return _alike(mask)

    found = optimise(algorithm, LAYERS, 200, trial)
    # Ten drawn at random have 8 or 9 of 12 right, the best of them; 200 drawn so have 11 in one search of two.
    assert _alike(found) >= 10
    assert _alike(found) == max(map(_alike, tried))
    assert len(tried) == 200
    assert all(mask == tuple(sorted(set(mask))) for mask in tried)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_can_be_repeated(algorithm):
    paths = []
    for _ in range(2):
        tried = []
        optimise(algorithm, LAYERS, 40, lambda mask, tried=tried: tried.append(mask) or _alike(mask))
        paths.append(tried)
    assert paths[0] == paths[1]
