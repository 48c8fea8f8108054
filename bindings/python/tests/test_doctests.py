# SPDX-License-Identifier: BSD-3-Clause
"""The examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kldsel

MODULES = ["kldsel", *(module.name for module in pkgutil.walk_packages(kldsel.__path__, "kldsel."))]
# What a module's callbacks or examples are of.
NEEDS = {
    "kldsel.api": "numpy",
    "kldsel.training.keras": "keras",
    "kldsel.training.lightning": "lightning.pytorch",
}


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_docstrings(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    assert doctest.testmod(importlib.import_module(name)).failed == 0
