# SPDX-License-Identifier: BSD-3-Clause
"""The table that runs are appended to, and what is still missing from it."""

import subprocess
import sys
from pathlib import Path

import pytest

from kldsel_study import results
from kldsel_study.plan import Cell, Rates, best_rate, layer_sets, missing, total
from kldsel_study.results import Key, Outcome, Runs, name_layers, read_layers
from kldsel_study.scores import saved

CELL = Cell("fashion_vgg", "mnist", 200)
RATES = Rates((0.01, 0.1), (0.01, 0.1))


def _key(part="search", seed=0, rate=0.01, layers="3"):
    return Key(1, "fashion_vgg", "mnist", 200, part, seed, rate, layers)


def test_rows_come_back(tmp_path):
    path = tmp_path / "runs.csv"
    first, second = _key(), _key(rate=0.3, layers="3+7")
    runs = Runs(path)
    runs.add(first, Outcome(100, 40, 50, 0.123456789, 1.5))
    Runs(path).add(second, Outcome(200, 41, 50, float("nan"), 2.5))
    again = Runs(path)
    assert again.rows[first] == Outcome(100, 40, 50, 0.123457, 1.5)
    assert again.rows[second].correct == 41
    assert len(again.rows) == 2
    assert path.read_text().count("recipe") == 1


def test_a_cut_row_is_noticed(tmp_path):
    path = tmp_path / "runs.csv"
    Runs(path).add(_key(), Outcome(100, 40, 50, 0.5, 1.5))
    path.write_text(path.read_text()[:-5])
    with pytest.raises(ValueError, match="last line is not whole"):
        Runs(path)


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("a,b\n")
    with pytest.raises(ValueError, match="columns"):
        Runs(path)


APPEND = """
import sys
from pathlib import Path
from kldsel_study.results import Key, Outcome, Runs
runs = Runs(Path(sys.argv[1]))
for layer in range(50):
    key = Key(1, "fashion_vgg", "mnist", 200, "search", int(sys.argv[2]), 0.1, str(layer))
    runs.add(key, Outcome(1, 2, 3, 0.5, 0.1))
"""


def test_processes_append_side_by_side(tmp_path):
    path = tmp_path / "runs.csv"
    code = Path(results.__file__).resolve().parents[1]
    workers = [subprocess.Popen([sys.executable, "-c", APPEND, path, str(seed)], cwd=code) for seed in range(3)]
    assert [one.wait() for one in workers] == [0, 0, 0]
    assert len(Runs(path).rows) == 150


@pytest.mark.parametrize(("layers", "name"), [((), "none"), ((4,), "4"), ((7, 3), "3+7"), (tuple(range(10)), "all")])
def test_layers_by_name(layers, name):
    assert name_layers(layers, 10) == name
    assert read_layers(name, 10) == tuple(sorted(layers))


def test_the_search_chooses_and_what_is_there_is_not_run_again(tmp_path):
    runs = Runs(tmp_path / "runs.csv")
    sets = [(), (3,)]
    done = []
    for key in missing(runs, CELL, sets, 10, RATES, seeds=2):
        # The higher rate is better for the layer, no better for the head alone.
        correct = 30 + (key.layers == "3" and key.rate == 0.1)
        runs.add(key, Outcome(0, correct, 50, 0.5, 0.1))
        done.append(key)
    assert len(done) == total(sets, RATES, 2) == 8
    assert {(key.layers, key.rate) for key in done if key.part == "test"} == {("none", 0.01), ("3", 0.1)}
    # No seed that is reported is one that the search has seen.
    assert {key.seed for key in done if key.part == "search"}.isdisjoint(
        key.seed for key in done if key.part == "test"
    )
    assert list(missing(Runs(runs.path), CELL, sets, 10, RATES, seeds=2)) == []
    more = list(missing(runs, CELL, sets, 10, RATES, seeds=3))
    assert {(key.part, key.seed) for key in more} == {("test", 3)}


def test_a_search_goes_on_while_its_end_is_best(tmp_path):
    """From the middle three to the side of the best, until a worse one or the end of the list."""
    rates = Rates((0.01, 0.03, 0.1, 0.3, 1.0), (0.03, 0.1, 0.3))
    right = {"3": {0.3: 25, 1.0: 26}, "4": {0.1: 25}, "5": {0.03: 25, 0.01: 24}}
    runs = Runs(tmp_path / "runs.csv")
    tried = []
    for key in missing(runs, CELL, [(3,), (4,), (5,)], 10, rates, seeds=1):
        runs.rows[key] = Outcome(0, right[key.layers].get(key.rate, 0), 50, 0.5, 0.1)
        if key.part == "search":
            tried.append((key.layers, key.rate))
    three = [0.03, 0.1, 0.3]
    assert tried == [*(("3", rate) for rate in (*three, 1.0)), *(("4", rate) for rate in three),
                     *(("5", rate) for rate in (*three, 0.01))]  # fmt: skip
    assert [best_rate(runs, CELL, layers, rates) for layers in "345"] == [1.0, 0.1, 0.03]


def test_a_search_goes_lower_while_all_fail(tmp_path):
    """At 0.1 an image more comes out right than at 0.03, of 10 classes hardly more than by chance."""
    runs = Runs(tmp_path / "runs.csv")
    cell = Cell("fashion_vgg", "mnist", 1000)
    right = {0.001: 80, 0.01: 90, 0.03: 10, 0.1: 11, 0.3: 9}
    rates = Rates((0.001, 0.01, 0.03, 0.1, 0.3, 1.0), (0.03, 0.1, 0.3))
    tried = []
    for key in missing(runs, cell, [(2,)], 10, rates, 0):
        runs.rows[key] = Outcome(1, right[key.rate], 100, 0.5, 1.0)
        tried.append(key.rate)
    assert tried == [0.03, 0.1, 0.3, 0.01, 0.001]
    assert best_rate(runs, cell, "2", rates) == 0.01


def test_no_rate_before_all_are_tried(tmp_path):
    runs = Runs(tmp_path / "runs.csv")
    runs.add(_key(rate=0.01), Outcome(0, 1, 50, 0.5, 0.1))
    assert best_rate(runs, CELL, "3", RATES) is None


def test_parts_of_the_plan():
    table = saved("fashion_vgg")
    alone = layer_sets(CELL, table, "alone")
    assert len(alone) == 12
    assert alone[0] == ()
    assert alone[-1] == tuple(range(10))
    threes = layer_sets(CELL, table, "count", ("3",))
    assert all(len(one) == 3 for one in threes)
    assert len(set(threes)) == len(threes)
    assert (7, 8, 9) in threes
