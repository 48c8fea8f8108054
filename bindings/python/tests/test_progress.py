# SPDX-License-Identifier: BSD-3-Clause
"""The bar of long work: silent in the first second, wiped at the end."""

from __future__ import annotations

import sys

import pytest

import kldsel
from kldsel import progress
from networks import TRAINED


@pytest.fixture(params=["tqdm", "plain"])
def kind(request, monkeypatch):
    if request.param == "tqdm":
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    return request.param


def test_says_nothing_in_the_first_second(kind, capsys):
    kldsel.rank(TRAINED, progress=True)
    assert capsys.readouterr() == ("", "")


def test_shows_how_far_it_is_and_goes_away(kind, capsys, monkeypatch):
    monkeypatch.setattr(progress, "DELAY", -1.0)
    kldsel.rank(TRAINED, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "weights" in err
    assert ("100 %" if kind == "plain" else "248k") in err
    # The line is wiped, and the cursor at its beginning.
    assert err.endswith("\r\033[K" if kind == "plain" else "\r")


def test_goes_away_when_the_work_fails(kind, capsys, monkeypatch):
    monkeypatch.setattr(progress, "DELAY", -1.0)
    error = ZeroDivisionError("work")
    with pytest.raises(ZeroDivisionError), progress.showing(True) as tell:  # noqa: PT012
        tell(1, 4)
        raise error
    assert capsys.readouterr().err.endswith("\r\033[K" if kind == "plain" else "\r")
