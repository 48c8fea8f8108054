# SPDX-License-Identifier: BSD-3-Clause
"""The low level's own manners: choices, errors, what comes back. No NumPy needed."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import re
from array import array
from collections.abc import Callable
from typing import Any

import pytest

import kldsel
from kldsel import errors, lowlevel
from kldsel._numbers import numpy_or_none
from kldsel._options import name_of
from kldsel.lowlevel import (
    CpuLevel,
    Kind,
    LayerRanking,
    Measure,
    Option,
    Order,
    Profile,
    Reason,
    Reference,
    Sign,
    Status,
    Tensor,
)


def tensor(filters: int = 4, elements: int = 6, seed: int = 0) -> Tensor:
    numbers = array("d", [(i * i + seed) % 31 - 12.5 for i in range(filters * elements)])
    return Tensor(memoryview(numbers).cast("B").cast("d", (filters, elements)))


@pytest.fixture
def network() -> list[Tensor]:
    return [tensor(4, 6), tensor(8, 6, 3), tensor(1, 5), tensor(3, 9, 5)]


# Choices and numbers


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        ("measure", lowlevel.Measure),
        ("sign", lowlevel.Sign),
        ("reference", lowlevel.Reference),
        ("order", lowlevel.Order),
        ("granularity", lowlevel.Granularity),
        ("distribution", lowlevel.Distribution),
        ("alignment", lowlevel.Alignment),
        ("cpu_level", lowlevel.CpuLevel),
    ],
)
def test_wrong_choices_name_the_argument_and_what_is_allowed(
    argument: str, kind: Any, network: list[Tensor]
) -> None:
    allowed = ", ".join(name_of(value) for value in kind)
    foreign = Status.MISMATCH  # an enumerator, but of another kind
    for wrong in ("none such", "KL ", 1, 0, -1, True, foreign, b"low", ["low"]):
        with pytest.raises(ValueError, match=f"^{argument} is .*; must be one of {allowed}$"):
            lowlevel.rank_tensors(network, **{argument: wrong})


def test_a_choice_may_be_a_name_an_enumerator_or_nothing(network: list[Tensor]) -> None:
    def scores(**choices: Any) -> str:
        return repr(lowlevel.rank_tensors(network, **choices))

    assert scores(measure="cosine", sign="all") == scores(measure=Measure.COSINE, sign=Sign.ALL)
    assert scores(measure=None, sign=None) == scores() == scores(measure="kl", sign="positive-negative")
    assert scores(measure="cosine") != scores()


def test_profiles_of_some_signs_and_content(network: list[Tensor]) -> None:
    def scores(profiles: list[Profile], measure: str, sign: str) -> str:
        return repr(lowlevel.rank_profiles(profiles, measure=measure, sign=sign))

    whole = lowlevel.profile_many(network)
    assert lowlevel.profile_many(network, signs=Sign, content=lowlevel.Content) == whole
    made = lowlevel.profile_many(network, signs=["positive", Sign.ALL], content="values")
    assert list(made[0].values("positive")) == list(whole[0].values("positive"))
    for sign in ("positive", "all"):
        for measure in ("kl", "cosine"):  # values hold the means
            assert scores(made, measure, sign) == scores(whole, measure, sign)
    for measure, sign in (("kl", "negative"), ("share", "positive")):
        with pytest.raises(errors.MissingError, match=r"profiles\[0\]"):
            scores(made, measure, sign)
    means = lowlevel.profile_many(network, signs="negative", content=["means", "counts"])
    assert means[0] == lowlevel.profile(network[0], signs=["negative"] * 2, content=("counts", "means"))
    for measure in ("cosine", "share"):
        assert scores(means, measure, "negative") == scores(whole, measure, "negative")
    with pytest.raises(errors.MissingError, match=r"profiles\[0\]"):
        scores(means, "kl", "negative")
    assert made[0].form.signs == {Sign.POSITIVE, Sign.ALL}
    assert made[0].form.content == {lowlevel.Content.VALUES, lowlevel.Content.MEANS}
    form = means[0].form
    assert form[:2] == (lowlevel.Granularity.FILTER, lowlevel.Distribution.PROFILE)
    assert (form.signs, form.temperature) == ({Sign.NEGATIVE}, None)
    assert form.content == {lowlevel.Content.MEANS, lowlevel.Content.COUNTS}
    within = lowlevel.profile(
        network[0], granularity="kernel", distribution="pairs", reference="within", temperature=0.5
    )
    assert within.form == (
        lowlevel.Granularity.KERNEL,
        lowlevel.Distribution.PAIRS,
        set(Sign),
        set(lowlevel.Content),
        0.5,
    )
    for profiles in (made, means):
        assert pickle.loads(pickle.dumps(profiles)) == profiles


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"signs": "both"}, "signs is 'both'; must be one of all, positive"),
        ({"signs": ["all", 2]}, "signs is 2; must be one of all"),
        ({"signs": 30}, "signs is 30; must be one of all"),
        ({"signs": ()}, "signs is empty; must be some of all"),
        ({"content": Sign.ALL}, "content is .*; must be one of values, means, counts"),
        ({"content": []}, "content is empty; must be some of values, means, counts"),
    ],
)
def test_wrong_signs_and_content(network: list[Tensor], arguments: dict[str, Any], message: str) -> None:
    for call in (lowlevel.profile_many, lambda tensors, **how: lowlevel.profile(tensors[0], **how)):
        with pytest.raises(ValueError, match=message):
            call(network, **arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": 0}, ValueError, "temperature is 0.0; must be 1e-300 to 1e[+]300"),
        ({"temperature": math.nan}, ValueError, "temperature is nan"),
        ({"temperature": "warm"}, TypeError, "temperature is 'warm'; must be a number"),
        ({"select_count": -1}, ValueError, "select_count is -1; must be 0 to 9223372036854775807"),
        ({"select_count": 2**64 + 1}, ValueError, "select_count is 18446744073709551617"),
        ({"select_count": 1.5}, TypeError, "select_count is 1.5; must be an integer"),
        ({"select_count": 5}, ValueError, "5"),
        ({"select_share": 1.01}, ValueError, "select_share is 1.01; must be 0 to 1"),
        ({"select_count": 1, "select_share": 0.5}, ValueError, "set one of them"),
        ({"threads": 1025}, ValueError, "threads is 1025; must be 0 to 1024"),
        ({"progress": 5}, TypeError, "progress is 5; must be callable"),
        ({"groups": "ab"}, ValueError, "groups has 2 entries for 4 layers"),
        ({"given": [None]}, ValueError, "given has 1 entries for 4 layers"),
        ({"given": [None, None, None, 3]}, TypeError, r"given\[3\] is a int; must be a Tensor"),
        ({"given": [None] * 4}, ValueError, "given"),
        ({"reference": "given"}, ValueError, "given"),
        ({"measure": "share", "sign": "all"}, ValueError, "SIGN|sign"),
    ],
)
def test_wrong_arguments(
    network: list[Tensor], arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        lowlevel.rank_tensors(network, **arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lowlevel.profile_many([]), "tensors is empty"),
        (lambda: lowlevel.profile_many([tensor(), 5]), r"tensors\[1\] is a int; must be a Tensor"),  # type: ignore[list-item]
        (lambda: lowlevel.profile_many([tensor(), None]), r"tensors\[1\] is a NoneType"),  # type: ignore[list-item]
        (lambda: lowlevel.profile(5), "tensor is a int; must be a Tensor"),  # type: ignore[arg-type]
        (lambda: lowlevel.rank_profiles([tensor()]), r"profiles\[0\] is a Tensor; must be a Profile"),  # type: ignore[list-item]
        (lambda: lowlevel.sign_split(5, "all"), "tensor is a int"),  # type: ignore[arg-type]
        (lambda: lowlevel.sign_split(tensor(), "both"), "part is 'both'; must be one of all, positive"),
        (lambda: lowlevel.pairwise_cosine(tensor(), 5), "y is a int"),  # type: ignore[arg-type]
        (lambda: lowlevel.pairwise_cosine(tensor(), first_row=4), "first_row is 4; must be 0 to 3"),
        (lambda: lowlevel.pairwise_cosine(tensor(), first_row=1, rows=4), "rows is 4; must be 1 to 3"),
        (lambda: lowlevel.softmax([]), "values is empty"),
        (lambda: lowlevel.softmax(5), "values is 5; must be a sequence of numbers"),
        (lambda: lowlevel.softmax([0.0, "x"]), r"values\[1\] is 'x'; must be a number"),
        (lambda: lowlevel.softmax([0.0], -1), "temperature"),
        (lambda: lowlevel.divergence([0.5, 0.5], [0.5, 0.6]), "q"),
        (lambda: lowlevel.rank([1.0, 2.0], parameters=[1]), "parameters has 1 entries for 2 layers"),
        (lambda: lowlevel.rank([1.0], parameters=[-1]), r"parameters\[0\] is -1; must be 0 to"),
        (lambda: lowlevel.kind((2, 0)), r"shape\[1\] is 0; must be 1 to"),
        (lambda: lowlevel.kind((1,) * 9), "rank is 9"),
        (lambda: lowlevel.layout_axes("nhwc", 4), "layout is 'nhwc'; must be one of oihw, hwio,"),
        (lambda: lowlevel.layout_axes("oi", 3), "rank is 3"),
        (lambda: tensor().__class__(array("d", [1]), "oihw"), "rank is 1"),
        (lambda: Profile.from_export([1.0] * 20), r"values\[0\]|export"),
        (Profile, "is made by profile"),
    ],
)  # fmt: skip
def test_wrong_calls(call: Callable[[], object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


# Errors


def test_every_status_has_its_exception() -> None:
    by_status = {status: errors.BY_STATUS[status] for status in Status if status is not Status.OK}
    assert set(by_status) == set(errors.BY_STATUS)
    for status, kind in by_status.items():
        assert kind.status is status
        assert issubclass(kind, errors.KldselError)
        words = status.name.lower().split("_")
        assert kind.__name__ == "".join(word.capitalize() for word in words) + "Error"
    assert str(errors.error_of(5, "odd")) == "odd (status 5)"


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (errors.InvalidArgumentError, (ValueError,)),
        (errors.OutOfMemoryError, (MemoryError,)),
        (errors.NotFiniteError, (ValueError,)),
        (errors.TooLargeError, (OverflowError,)),
        (errors.MismatchError, (ValueError,)),
        (errors.MissingError, (ValueError,)),
        (errors.UnsupportedError, (NotImplementedError,)),
        (errors.LibraryError, (ImportError,)),
    ],
)
def test_exceptions_are_pythons_own_too(kind: type[Exception], bases: tuple[type[Exception], ...]) -> None:
    for base in bases:
        with pytest.raises(base, match="why"):
            raise kind("why")
    travelled = pickle.loads(pickle.dumps(kind("why")))
    assert (type(travelled), str(travelled)) == (kind, "why")
    made = kind.__new__(kind, "why")  # as Dask's pickles of exceptions have it
    assert (type(made), made.args) == (kind, ("why",))


def test_errors_come_with_the_librarys_message() -> None:
    broken = tensor()
    wrong = Tensor(memoryview(array("d", [1, 2, math.nan, 4])).cast("B").cast("d", (2, 2)))
    with pytest.raises(errors.NotFiniteError, match=r"tensors\[1\].*\[1, 0\] is nan"):
        lowlevel.profile_many([broken, wrong])
    with pytest.raises(errors.MismatchError, match="3"):
        lowlevel.divergence([0.5, 0.5], [0.25, 0.25, 0.5], alignment="index")
    with pytest.raises(errors.MissingError, match="within"):
        lowlevel.rank_profiles(lowlevel.profile_many([tensor()]), reference="within")
    with pytest.raises(errors.NotFiniteError, match="values"):
        lowlevel.softmax([0.0, math.inf])
    highest = lowlevel.cpu_level()
    for level in CpuLevel:
        if level > highest:
            with pytest.raises(errors.UnsupportedError, match="level"):
                lowlevel.profile(tensor(), cpu_level=level)


# Progress


def test_progress_is_told_and_ends_whole(network: list[Tensor]) -> None:
    seen: list[tuple[int, int]] = []
    lowlevel.profile_many(network, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == sum(layer.filters * layer.elements for layer in network)


@pytest.mark.parametrize("answer", [True, 1, "stop", object()])
def test_progress_cancels(network: list[Tensor], answer: object) -> None:
    for call in (lowlevel.profile_many, lowlevel.rank_tensors):
        with pytest.raises(errors.CancelledError, match="cancelled"):
            call(network, progress=lambda done, total: answer)


@pytest.mark.parametrize("raised", [ZeroDivisionError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_what_progress_raises_comes_through(network: list[Tensor], raised: BaseException) -> None:
    def progress(done: int, total: int) -> None:
        raise raised

    with pytest.raises(type(raised)) as caught:
        lowlevel.pairwise_cosine(network[0], progress=progress)
    assert caught.value is raised
    with pytest.raises(type(raised)):
        lowlevel.rank_tensors(network, progress=progress)
    assert len(lowlevel.rank_tensors(network)) == 4  # the next call knows nothing of it


# What comes back


def test_ranking_has_a_row_for_each_layer(network: list[Tensor]) -> None:
    ranking = lowlevel.rank_tensors(network, select_count=2)
    assert isinstance(ranking, LayerRanking)
    assert len(ranking) == len(ranking.ranks) == len(ranking.selected) == len(ranking.reasons) == 4
    assert sorted(ranking.order) == [0, 1, 2, 3]
    assert ranking.order[3] == 2
    assert math.isnan(ranking.scores[2])
    assert ranking.reasons == (Reason.NONE, Reason.NONE, Reason.TOO_FEW_FILTERS, Reason.NONE)
    assert sum(ranking.selected) == 2
    assert all(type(value) is bool for value in ranking.selected)
    with pytest.raises(AttributeError):
        ranking.scores = ()  # type: ignore[misc]


def test_given_layers(network: list[Tensor]) -> None:
    others: list[Tensor | None] = [tensor(5, 6, 7), None, tensor(), tensor(1, 9)]
    ranking = lowlevel.rank_tensors(network, reference=Reference.GIVEN, given=others)
    assert ranking.scores[0] > 0
    assert [reason.name for reason in ranking.reasons] == [
        "NONE",
        "NOT_GIVEN",
        "TOO_FEW_FILTERS",
        "NEIGHBOUR_TOO_SMALL",
    ]
    itself = lowlevel.rank_tensors(network, reference="given", given=network)
    assert itself.scores[:2] == (0.0, 0.0)


def test_profiles_pickle_copy_and_compare(network: list[Tensor]) -> None:
    profiles = lowlevel.profile_many(network, reference="within")
    for made in profiles:
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(made, protocol)) == made
        assert Profile.from_export(made.export()) == made
        assert Profile.from_export(list(made.export())) == made
        assert copy.deepcopy(made) == made
        assert hash(pickle.loads(pickle.dumps(made))) == hash(made)
    assert len(set(profiles)) == 4
    assert profiles[0] != profiles[1]
    assert profiles[0] != 5
    travelled = pickle.loads(pickle.dumps(profiles))
    assert repr(lowlevel.rank_profiles(travelled)) == repr(lowlevel.rank_profiles(profiles))
    assert (profiles[0].filters, profiles[0].elements) == (4, 6)
    assert repr(profiles[0]) == "<kldsel.Profile: 4 filters of 6 elements>"


def test_a_profile_needs_neither_tensor_nor_weights() -> None:
    weights = array("d", [1, 2, 3, -4, 5, 6])
    view = Tensor(memoryview(weights).cast("B").cast("d", (3, 2)))
    made = lowlevel.profile(view)
    values = list(made.values("all"))
    del view
    gc.collect()
    weights[:] = array("d", [0] * 6)
    assert list(made.values("all")) == values


def test_tensors_do_not_travel() -> None:
    with pytest.raises(TypeError, match="pickle its Profile"):
        pickle.dumps(tensor())
    view = tensor()
    assert copy.copy(view) is view


def test_results_are_arrays_of_what_is_there() -> None:
    numpy = numpy_or_none()
    results = {
        "vector": [lowlevel.softmax([1, 2]), lowlevel.profile(tensor()).values("all")],
        "matrix": [lowlevel.pairwise_cosine(tensor()), tensor().values()],
        "empty": [lowlevel.profile(tensor(1, 5)).values("all")],
    }
    for kind, found in results.items():
        for result in found:
            if numpy is not None:
                assert isinstance(result, numpy.ndarray)
                assert result.dtype == numpy.float64
                assert result.ndim == (2 if kind == "matrix" else 1)
                assert result.flags.writeable
            else:
                assert isinstance(result, memoryview if kind == "matrix" else array)
            assert (len(result) == 0) == (kind == "empty")


def test_numbers_go_in_from_anything_that_holds_them() -> None:
    expected = list(lowlevel.softmax([1.0, 2.0, 4.0]))
    for values in (
        (1, 2, 4),
        array("d", [1, 2, 4]),
        array("f", [1, 2, 4]),
        array("i", [1, 2, 4]),
        memoryview(array("d", [4, 2, 1]))[::-1],
        (float(number) for number in (1, 2, 4)),
        {1: None, 2: None, 4: None},
    ):
        assert list(lowlevel.softmax(values)) == expected


# The rest


def test_about_the_build() -> None:
    assert lowlevel.version() == kldsel.__version__
    info = lowlevel.build_info()
    assert info.startswith(f"libkldsel {lowlevel.version()} level=")
    level = re.search(r" level=(\w+) ", info)
    assert level is not None
    assert level[1] in (name_of(lowlevel.cpu_level()), "neon")  # which is the baseline of aarch64
    assert lowlevel.blas_better_core() == info.partition(" better=")[2]
    assert "blas=" in info


def test_names() -> None:
    assert lowlevel.status_name(Status.CANCELLED) == "KLDSEL_ERROR_CANCELLED"
    assert lowlevel.status_name(12345) == "unknown status"
    assert len({lowlevel.reason_text(reason) for reason in Reason}) == len(Reason)
    assert lowlevel.kind(()) is Kind.OTHER
    for option in Option:
        lowest, highest = lowlevel.bounds(option)
        assert lowest < highest
    assert lowlevel.bounds(Option.ORDER) == (0, max(Order))


def test_everything_is_reachable() -> None:
    for name in kldsel.__all__:
        assert getattr(kldsel, name) is not None
        assert name in dir(kldsel)
    for name in lowlevel.__all__:
        assert hasattr(lowlevel, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kldsel.nothing  # noqa: B018
