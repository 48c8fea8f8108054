# SPDX-License-Identifier: BSD-3-Clause
"""The object that kldsel.rank() gives."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import re

import pytest

import kldsel
from kldsel.grouping import labels
from kldsel.json_text import dumps
from kldsel.layers import Weight
from networks import RANDOM, TRAINED


@pytest.fixture(scope="module")
def ranking():
    return kldsel.rank(TRAINED, k=3, keep="all")


def test_iterates_best_first_and_indexes_by_name(ranking):
    scores = [one.score for one in ranking]
    assert scores == sorted(scores)
    assert [one.rank for one in ranking] == list(range(1, 11))
    assert ranking[0] is next(iter(ranking))
    assert ranking[-1].rank == 10
    assert ranking["features.0.weight"] is ranking["features.0"]
    assert "features.0" in ranking
    assert "features.0.bias" not in ranking
    assert 3 not in ranking
    with pytest.raises(KeyError, match="not ranked: rank 1"):
        ranking["features.0.bias"]
    with pytest.raises(KeyError, match="no layer 'nothing'"):
        ranking["nothing"]
    with pytest.raises(IndexError):
        ranking[10]


def test_is_immutable(ranking):
    with pytest.raises(dataclasses.FrozenInstanceError):
        ranking.model = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        ranking[0].score = 0
    with pytest.raises(TypeError):
        ranking.scores["features.0.weight"] = 0


def test_selection(ranking):
    assert ranking.selected == ranking.names[:3]
    assert len(kldsel.rank(TRAINED, share=0.5).selected) == 5
    budget = kldsel.rank(TRAINED, budget=40000)
    assert sum(one.parameters for one in budget if one.selected) <= 40000
    assert budget.selected
    assert kldsel.rank(TRAINED).selected == ()
    for wrong in (
        {"k": 11},
        {"k": -1},
        {"k": 1.5},
        {"k": True},
        {"share": 1.1},
        {"budget": -1},
        {"k": 1, "share": 0.1},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            kldsel.rank(TRAINED, **wrong)


def test_wrong_choices():
    for wrong in ("method", "reference", "order", "granularity", "distribution", "alignment", "layout"):
        with pytest.raises(ValueError, match=f"{wrong} is 'no'; must be"):
            kldsel.rank(TRAINED, **{wrong: "no"})


def test_again_reads_no_weights(ranking):
    for method in kldsel.METHODS:
        other = ranking.again(method)
        assert other.to_json() == kldsel.rank(TRAINED, method, k=3).to_json()
        assert other.scores == dict(ranking.scores_by(method))
    assert ranking.again(share=0.5).selected == ranking.names[:5]
    assert ranking.again(order="high").names == tuple(reversed(ranking.names))
    with pytest.raises(ValueError, match="granularity is what the profiles were made with"):
        ranking.again(granularity="kernel")
    with pytest.raises(kldsel.errors.MissingError):
        ranking.again(reference="within")


def test_other_methods_need_what_they_read():
    narrow = kldsel.rank(TRAINED, "kl-positive")
    assert narrow.again(k=2).selected == narrow.names[:2]
    # The means come with the values.
    assert narrow.again("cosine-positive").scores == kldsel.rank(TRAINED, "cosine-positive").scores
    for method in ("kl-negative", "share-positive"):
        with pytest.raises(kldsel.errors.MissingError, match="rank with keep='all'"):
            narrow.again(method)
        with pytest.raises(kldsel.errors.MissingError, match=method):
            narrow.scores_by(method)
    for method in kldsel.METHODS:
        assert kldsel.rank(TRAINED, method).scores == kldsel.rank(TRAINED, method, keep="all").scores


def test_pickles_and_compares(ranking):
    back = pickle.loads(pickle.dumps(ranking))
    assert back == ranking
    assert hash(back) == hash(ranking)
    assert back.again("cosine-positive") == ranking.again("cosine-positive")
    assert back != kldsel.rank(TRAINED)
    assert ranking != 3


def test_json_is_documented(ranking):
    report = json.loads(ranking.to_json())
    assert list(report) == [
        "model",
        "method",
        "reference",
        "layers",
        "skipped",
        "order",
        "granularity",
        "distribution",
        "alignment",
        "temperature",
        "layout",
        "version",
    ]
    first = report["layers"][0]
    assert list(first) == ["name", "kind", "filters", "elements", "scores", "rank", "selected", "reason"]
    assert first["scores"] == {"kl-positive-negative": ranking["features.0"].score}
    everything = json.loads(kldsel.rank(TRAINED, "all").to_json())
    assert list(everything["layers"][0]["scores"]) == list(kldsel.METHODS)


def test_json_text_reads_back():
    odd = {'a"\\\n\x01\x7fé': [1.5, 1e300, 5e-324, -0.0, 123456789.0, math.inf, True, None, {}, [], 10**20]}
    back = json.loads(dumps(odd))
    assert back == {
        'a"\\\n\x01\x7fé': [1.5, 1e300, 5e-324, -0.0, 123456789.0, None, True, None, {}, [], 10**20]
    }
    assert "\\u0001" in dumps(odd)
    with pytest.raises(TypeError):
        dumps(object())


def test_to_pandas(ranking):
    pytest.importorskip("pandas")
    frame = ranking.to_pandas()
    assert list(frame.index) == list(ranking.names)
    assert frame.loc["features.0.weight", "filters"] == 24
    assert frame["selected"].sum() == 3
    assert list(frame["score"]) == [one.score for one in ranking]
    everything = kldsel.rank(TRAINED, "all").to_pandas()
    assert set(kldsel.METHODS) <= set(everything.columns)


def test_repr(ranking, monkeypatch):
    text = repr(ranking)
    assert re.search(r"^ +1  \*  features\.20\.weight +conv +64 +576  9\.3\d+e-05  █", text, re.MULTILINE)
    assert "10 layers, 248472 weights" in text
    assert "kl-positive-negative, reference uniform, low first; 3 selected (*)" in text
    assert "52 tensors skipped: 51 of rank 0 or 1, 1 dense (dense=True)" in text
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, repr(ranking).splitlines()[:11])) <= 60


def test_html(ranking):
    from html.parser import HTMLParser

    text = ranking._repr_html_()
    opened: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag != "br":
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Balanced().feed(text)
    assert opened == []
    assert text.count("#0072b2") == 3
    assert text.count("<tr") == 11


def test_html_of_hostile_names():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    names = [f"<script>{at}</script>" for at in range(80)]
    ranking = kldsel.rank({name: rng.normal(size=(3, 2, 2)) for name in names}, k=1)
    text = ranking._repr_html_()
    assert "<script>" not in text
    assert "20 more" in text
    np_names = kldsel.rank({"a\x1b[31m": np.ones((3, 2, 2)), "b": np.ones((3, 2, 2))})
    assert "\x1b" not in repr(np_names)


def test_undefined_scores_rank_last_and_say_why():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    ranking = kldsel.rank({"one": rng.normal(size=(1, 3, 3)), "two": rng.normal(size=(4, 3, 3))}, k=2)
    assert ranking.names == ("two", "one")
    assert math.isnan(ranking["one"].score)
    assert ranking["one"].reason
    assert ranking["one"].reason in repr(ranking)
    assert ranking.selected == ("two",)
    assert json.loads(ranking.to_json())["layers"][0]["scores"] == {"kl-positive-negative": None}
    assert ",1,9,,2,false," in ranking.to_csv()


@pytest.fixture(scope="module")
def weights():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    names = [f"model.layers.{at}.{part}.weight" for at in range(3) for part in ("attn.q", "mlp.up")]
    return {name: rng.normal(size=(6, 8)) for name in names}


class TestGroups:
    def test_each_group_is_ranked_by_itself(self, weights):
        ranking = kldsel.rank(weights, k=1, group_by="role", keep="all")
        assert sorted(one.group for one in ranking if one.selected) == [
            "model.layers.attn.q",
            "model.layers.mlp.up",
        ]
        assert sorted(ranking.ranks.values()) == [1, 1, 2, 2, 3, 3]
        assert json.loads(ranking.to_json())["layers"][0]["group"] == "model.layers.attn.q"
        assert "model.layers.attn.q" in repr(ranking)
        alone = kldsel.rank({name: one for name, one in weights.items() if "attn" in name}, k=1)
        assert alone.selected[0] in ranking.selected
        assert ranking.again("cosine-positive").layers[0].group == "model.layers.attn.q"

    @pytest.mark.parametrize(
        ("group_by", "groups"),
        [
            ("stage", {"model.layers.0", "model.layers.1", "model.layers.2"}),
            (r"layers\.(\d)", {"0", "1", "2"}),
            (r"attn|mlp", {"attn", "mlp"}),
            ("kind", {"dense"}),
            ("type", {"dense"}),
            ({"model.layers.0.attn.q": "first"}, {"first", ""}),
            (lambda one: one.shape[0], {"6"}),
        ],
    )
    def test_ways_to_group(self, weights, group_by, groups):
        assert {one.group for one in kldsel.rank(weights, group_by=group_by)} == groups

    def test_wrong_groups(self):
        with pytest.raises(ValueError, match="no regular expression"):
            labels([], "(")
        with pytest.raises(TypeError, match="group_by is 3"):
            labels([Weight("a", (1,), "f", lambda: None)], 3)


def test_given_matches_by_name():
    ranking = kldsel.compare(RANDOM, TRAINED)
    assert ranking.settings.first == "high"
    assert all(one.score > 0 for one in ranking)
    same = kldsel.compare(TRAINED, TRAINED)
    assert set(same.scores.values()) == {0.0}
    np = pytest.importorskip("numpy")
    with pytest.raises(ValueError, match="no layer of the same name"):
        kldsel.compare({"other": np.ones((2, 2, 2))}, TRAINED)


def test_given_without_a_layer_says_so():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    now = {"a": rng.normal(size=(4, 3, 3)), "b": rng.normal(size=(4, 3, 3))}
    ranking = kldsel.compare({"a": now["a"]}, now)
    assert ranking["a"].score == 0
    assert ranking["b"].reason


def test_progress_and_cancelling():
    told = []
    kldsel.rank(TRAINED, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == 248472
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    with pytest.raises(kldsel.errors.CancelledError):
        kldsel.rank(TRAINED, progress=lambda done, total: True)

    def broken(done, total):
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        kldsel.rank(TRAINED, progress=broken)


def test_batches_give_the_same(monkeypatch):
    from kldsel import profiles

    np = pytest.importorskip("numpy")
    del np
    whole = kldsel.rank(TRAINED)
    told = []
    network = __import__("kldsel.sources", fromlist=["read"]).read(TRAINED)
    weights = tuple(dataclasses.replace(one, nbytes=400000) for one in network.weights)
    monkeypatch.setattr(profiles, "BATCH_BYTES", 1000000)
    cut = kldsel.rank(
        dataclasses.replace(network, weights=weights), progress=lambda done, total: told.append(done)
    )
    assert cut.scores == whole.scores
    assert told == sorted(told)
    assert told[-1] == 248472


def test_frameworks_are_not_imported():
    import subprocess
    import sys

    code = (
        "import sys, kldsel; r = kldsel.rank(sys.argv[1], k=1); repr(r); r.to_json(); r.export('names');"
        "heavy = ('torch', 'keras', 'numpy', 'onnx', 'h5py', 'pandas', 'matplotlib');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(TRAINED)], check=True, stdout=subprocess.PIPE)
    assert done.stdout.strip() == b"[]"
