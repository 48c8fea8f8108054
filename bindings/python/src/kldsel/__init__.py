# SPDX-License-Identifier: BSD-3-Clause
"""kldsel: which layers of a pretrained network to train, told from its weights alone.

`kldsel.lowlevel` has the C library function by function, `kldsel.errors` its exceptions.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kldsel import errors
from kldsel._abi import VERSION
from kldsel.errors import KldselError

__version__ = ".".join(str(number) for number in VERSION)

# High level: what each name is imported from when it is first asked for, so that `import kldsel` stays quick.
_LAZY: dict[str, str] = {
    "lowlevel": "kldsel.lowlevel",
    "METHODS": "kldsel.methods",
    "Frozen": "kldsel.freezing",
    "NothingToRankError": "kldsel.layers",
    "RankedLayer": "kldsel.ranking",
    "Ranking": "kldsel.ranking",
    "Skipped": "kldsel.layers",
    "Weight": "kldsel.layers",
    "compare": "kldsel.api",
    "freeze": "kldsel.freezing",
    "rank": "kldsel.api",
}

if TYPE_CHECKING:
    from kldsel import lowlevel
    from kldsel.api import compare, rank
    from kldsel.freezing import Frozen, freeze
    from kldsel.layers import NothingToRankError, Skipped, Weight
    from kldsel.methods import METHODS
    from kldsel.ranking import RankedLayer, Ranking

__all__ = [
    "METHODS",
    "Frozen",
    "KldselError",
    "NothingToRankError",
    "RankedLayer",
    "Ranking",
    "Skipped",
    "Weight",
    "__version__",
    "compare",
    "errors",
    "freeze",
    "lowlevel",
    "rank",
]


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'kldsel' has no attribute {name!r}")
    loaded = importlib.import_module(module)
    value = loaded if module == f"kldsel.{name}" else getattr(loaded, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
