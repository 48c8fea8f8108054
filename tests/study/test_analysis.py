# SPDX-License-Identifier: BSD-3-Clause
"""From runs to statements, on runs whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kldsel_study import gradients, search_table
from kldsel_study.analysis import compare, frames, report, shape_free, tables, tau
from kldsel_study.arms import selections
from kldsel_study.plan import Cell, layer_sets, missing, rates_of
from kldsel_study.results import Outcome, Runs, read_layers
from kldsel_study.scores import saved

LAYERS = 10
# Largest at another layer for each seed: seed 1 at layer 1, and so on.
NORMS = pd.DataFrame(
    [("fashion_vgg", "mnist", 200, seed, at, float(at == seed)) for seed in range(1, 6) for at in range(LAYERS)],
    columns=gradients.COLUMNS,
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Runs in which layer i alone gives 30 + 4 i images of 100, several the best of them, and seeds add theirs."""
    runs = Runs(tmp_path_factory.mktemp("study") / "runs.csv")
    cell = Cell("fashion_vgg", "mnist", 200)
    table = saved("fashion_vgg")
    sets = [*layer_sets(cell, table, "alone"), *layer_sets(cell, table, "count", ("3",))]
    for key in missing(runs, cell, list(dict.fromkeys(sets)), LAYERS, rates_of(cell), 5):
        layers = read_layers(key.layers, LAYERS)
        value = 30 + 4 * max(layers, default=0) + key.seed * 2 - (key.rate != 0.03) * 5
        runs.rows[key] = Outcome(0, value, 100, 0.5, 1.0)
    return runs


def test_only_the_chosen_rate_is_told(planted):
    found = frames.tested(planted)
    assert set(found.rate) == {0.03}
    assert found[(found.layers == "7") & (found.seed == 2)].accuracy.tolist() == [62.0]


def test_gains_are_over_the_head_alone(planted):
    found = frames.gains(frames.tested(planted), lambda _: LAYERS)
    assert found.gain.tolist() == [4.0 * at for at in range(LAYERS)]
    # Seeds move both sides alike, so pairing leaves nothing.
    assert found.error.tolist() == [0.0] * LAYERS


def test_arms_share_the_runs_of_their_layers(planted):
    arms = frames.by_arm(planted, saved, NORMS)
    mean = compare.means(arms).set_index(["size", "arm"]).accuracy
    # Seeds 1 to 5 add 6 on average; the last three layers have layer 9.
    assert mean["3", "last"] == 30 + 36 + 6
    assert mean["3", "first"] == 30 + 8 + 6
    assert mean["1", frames.RANDOM] == 30 + 4 * 4.5 + 6
    assert mean["1", frames.ALONE] == 72
    # Layers 1 to 5, one for each seed.
    assert mean["1", frames.RGN] == 36 + 4 * 3
    assert mean[frames.NO_SIZE, frames.HEAD_ONLY] == 36
    chosen = selections(saved("fashion_vgg"), "3")
    known = {arm: layers for arm, layers in chosen.items() if ("3", arm) in mean.index}
    # Those of other references and granularity have been run only where they chose what others chose.
    assert {arm for arm in chosen if "/" not in arm} <= set(known)
    for arm, layers in known.items():
        assert mean["3", arm] == 36 + 4 * max(layers)


def test_the_best_alone_is_told_only_if_all_were_tried(planted, tmp_path):
    some = Runs(tmp_path / "none.csv")
    some.rows = {key: outcome for key, outcome in planted.rows.items() if key.layers != "3"}
    arms = set(frames.by_arm(some, saved, NORMS).query("size == '1'").arm)
    assert "last" in arms
    # Layer 3 may have been the best; and by gradients it is the one of a seed.
    assert not arms & {frames.ALONE, frames.RGN, frames.RANDOM}


def test_a_size_counts_once_its_random_choices_are_run():
    counts = (("-", "full", 3), ("1", "last", 3), ("1", "random", 2), ("3", "last", 3))
    rows = [("n", "t", 200, size, arm, "x", seed, 50.0) for size, arm, seeds in counts for seed in range(seeds)]
    arms = pd.DataFrame(rows, columns=["network", "target", "images", "size", "arm", "layers", "seed", "accuracy"])
    found = frames.whole(arms)
    assert found.groupby(["size", "arm"]).seed.count().to_dict() == {
        ("-", "full"): 3,
        ("1", "last"): 2,
        ("1", "random"): 2,
    }


def test_differences_are_paired_and_corrected():
    random = np.random.default_rng(2)
    seeds = random.normal(size=6) * 10
    rows = []
    for arm, plus in (("last", 0.0), ("good", 3.0), ("same", 0.0)):
        noise = random.normal(size=6) * 0.3
        rows += [("n", "t", 200, "3", arm, "x", seed, 50 + seeds[seed] + plus + noise[seed]) for seed in range(6)]
    arms = pd.DataFrame(rows, columns=["network", "target", "images", "size", "arm", "layers", "seed", "accuracy"])
    found = compare.against(arms, "last").set_index("arm")
    wide = arms.pivot_table(index="seed", columns="arm", values="accuracy")
    expected = stats.ttest_rel(wide.good, wide["last"])
    assert found.p["good"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.difference["good"] == pytest.approx(3, abs=0.5)
    # Holm for two: the smaller times two, the larger as it is but no smaller.
    assert found.holm["good"] == pytest.approx(2 * found.p["good"])
    assert found.holm["same"] == pytest.approx(max(found.p["same"], 2 * found.p["good"]))
    low, high = expected.confidence_interval(0.95)
    assert (found.low["good"], found.high["good"]) == pytest.approx((low, high))


def test_over_networks_counts_networks_not_targets():
    table = pd.DataFrame(
        {
            "size": "3",
            "arm": "a",
            "difference": [1.0, 2.0, 2.0, 4.0, -0.5],
            "network": list("wxyyz"),
            "target": list("ttutt"),
            "images": 200,
        }
    )
    found = compare.over_networks(table).iloc[0]
    assert (found.networks, found.cells, found.better, found.level) == (4, 5, 4, 0)
    # The third network is once the mean of its two targets.
    expected = stats.ttest_1samp([1.0, 2.0, 3.0, -0.5], 0)
    assert found.difference == pytest.approx(1.375)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_what_has_no_size_is_compared_at_every_size():
    values = (("1", "last", 10), ("3", "last", 20), ("-", "full", 25))
    rows = [("n", "t", 200, size, arm, "x", seed, value + seed) for seed in range(3) for size, arm, value in values]
    arms = pd.DataFrame(rows, columns=["network", "target", "images", "size", "arm", "layers", "seed", "accuracy"])
    found = compare.against(arms, "last").set_index(["size", "arm"]).difference
    assert found.to_dict() == {("1", "full"): 15.0, ("3", "full"): 5.0}


def test_a_score_is_chosen_on_some_networks_and_told_of_others():
    taus = pd.DataFrame(
        [(network, "t", 200, score, value)
         for score, where, there in (("kl-all/z", -0.8, -0.1), ("cosine-all/z", 0.5, 0.9), ("parameters", 0.6, 0.4),
                                     ("kl-positive-negative", -0.3, -0.2), ("kl-positive", -0.2, 0.1))
         for network, value in (("resnet20", where), ("fashion_vgg", where), ("squeezenet", there))],
        columns=["network", "target", "images", "score", "tau"],
    )  # fmt: skip
    differences = pd.DataFrame(
        [("squeezenet", "t", 200, "1", "kl-all/z low", 2.0), ("resnet20", "t", 200, "1", "kl-all/z low", 50.0)],
        columns=["network", "target", "images", "size", "arm", "difference"],
    )
    found = shape_free.held_out(taus, differences).set_index("score")
    assert found.index[0] == "kl-all/z"  # the largest where chosen, whatever it is elsewhere
    assert found.loc["kl-all/z"].to_dict() == pytest.approx(
        {"order": "low", "chosen_on": 0.8, "held_out": 0.1, "better": 1, "cells": 1, "points": 2.0}
    )
    assert found.held_out["kl-positive"] == pytest.approx(-0.1)


def test_what_a_search_found_is_an_arm(planted):
    found = pd.DataFrame(
        [("fashion_vgg", "mnist", 200, "genetic algorithm", 50, 40, "7", 60, 9.0)], columns=search_table.COLUMNS
    )
    arms = frames.by_arm(planted, saved, NORMS, found)
    assert compare.means(arms).set_index("arm").accuracy["genetic algorithm"] == 30 + 28 + 6


def test_tau_within_groups_does_not_see_what_the_group_says():
    groups = ["a"] * 6 + ["b"] * 6
    shape = np.repeat([0.0, 1.0], 6)
    random = np.random.default_rng(3)
    gain = 10 * shape + random.normal(size=12)
    # As good as the groups, and random inside of them.
    score = 10 * shape + random.normal(size=12)
    assert tau.kendall(score, gain)[0] > 0.4
    inside, p, pairs = tau.within_groups(score, gain, groups)
    assert pairs == 30
    assert abs(inside) < 0.5
    assert p > 0.05
    same, p, _ = tau.within_groups(gain, gain, groups)
    assert same == 1
    # 2 / (6! 6!) of all shufflings are as extreme; what is left is the one that is counted always.
    assert p == pytest.approx(1 / 2001, abs=1e-3)


def test_tau_of_a_planted_order(planted):
    layer_gains = frames.gains(frames.tested(planted), lambda _: LAYERS)
    found = tau.taus(layer_gains, saved, NORMS).set_index("score")
    assert found.tau["depth"] == pytest.approx(1)
    assert found.tau_shape["depth"] == 1
    # Shapes of the bundled network: five of 64 x 576, all others apart.
    assert found.pairs["depth"] == 10
    assert np.isnan(found.tau_shape["parameters"])


def test_what_a_score_knows_of_the_shape():
    shape = {"depth": [0, 1, 2], "middle": [0, 1, 0], "filters": [1, 2, 3], "elements": [1, 1, 1]}
    scores = {"parameters": [10, 30, 20], "up": [1.0, 3.0, 2.0], "down": [3.0, 1.0, 2.0]}
    table = pd.DataFrame({"layer": list("abc"), **shape, **scores})
    found = tau.with_parameters(lambda name: table, ["n"])
    assert found.n.to_dict() == {"up": 1.0, "down": -1.0}


def test_numbers_of_images_stand_beside_each_other():
    columns = ["network", "target", "images", "size", "arm", "layers", "seed", "accuracy"]
    values = {200: (50.0, 60.0), 1000: (70.0, 71.5)}
    rows = [
        ("n", "t", images, "1", arm, "x", seed, value + seed)
        for images, both in values.items()
        for arm, value in zip(("random", "last"), both, strict=True)
        for seed in range(3)
    ]
    rows += [("once", "t", 200, "1", arm, "x", 0, 1.0) for arm in ("random", "last")]
    arms = pd.DataFrame(rows, columns=columns)
    text = tables.by_images(compare.means(arms), compare.against(arms, "random"))
    lines = [line for line in text.splitlines() if line.startswith("| n to t")]
    assert [line.split(" | ")[:2] for line in lines] == [["| n to t, 200", "51.0"], ["| n to t, 1000", "71.0"]]
    assert [line.split(" | ")[3] for line in lines] == ["+10.0", "+1.5"]
    assert "once" not in text


def test_blocks_are_filled_in_place():
    text = "a\n<!-- made: x -->\nold\n<!-- end -->\nb\n"
    assert report.fill(text, {"x": "new"}) == "a\n<!-- made: x -->\nnew\n<!-- end -->\nb\n"
    with pytest.raises(ValueError, match="no place for the table y"):
        report.fill(text, {"y": "new"})


def test_tables_name_every_cell(planted):
    arms = frames.by_arm(planted, saved, NORMS)
    text = tables.accuracy(compare.means(arms), "3")
    assert "fashion_vgg to mnist, 200" in text
    assert "| last | 72.0 ± 3.9 |" in text  # 2 * sqrt(2.5) / sqrt(5) * 2.776, Student's t of four
    assert len({line.count("|") for line in text.splitlines()}) == 1


def test_the_document_has_the_tables_of_the_results():
    document = report.DOCUMENT.read_text(encoding="utf-8")
    made = report.made_of(Runs(report.places.RESULTS / "runs.csv"))
    assert report.fill(document, report.blocks(made)) == document
    for name, content in report.details(made).items():
        assert (report.DETAILS / name).read_text(encoding="utf-8") == content, name
