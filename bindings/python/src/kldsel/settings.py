# SPDX-License-Identifier: BSD-3-Clause
"""How a network is ranked, with every choice by its name."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from kldsel._options import real
from kldsel.methods import ALL, DEFAULT, Method, check_method, ranking_method

CHOICES = {
    "reference": ("uniform", "others", "previous", "next", "within", "given"),
    "order": ("low", "high"),
    "granularity": ("filter", "kernel"),
    "distribution": ("profile", "pairs"),
    "alignment": ("quantile", "index"),
    "keep": ("method", "all"),
    "layout": ("oihw", "hwio", "ohwi", "iohw", "hwim", "hwoi"),
}

_OPTIONAL = ("order", "layout")
_CONTENT = {"kl": "values", "cosine": "means", "share": "counts"}


def _whole(argument: str, value: Any) -> int:
    """A whole number, also one of NumPy's."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0 or isinstance(value, bool):
        raise ValueError(f"{argument} is {value!r}; must be a whole number >= 0")
    # More than there can be of anything, and the most that the library takes.
    return min(number, 2**63 - 1)


@dataclass(frozen=True)
class Settings:
    """None stands for the default of the method. See `kldsel.rank()` for what each one means."""

    method: str = DEFAULT
    reference: str = "uniform"
    order: str | None = None
    granularity: str = "filter"
    distribution: str = "profile"
    alignment: str = "quantile"
    temperature: float = 1.0
    layout: str | None = None
    keep: str = "method"
    k: int | None = None
    share: float | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        check_method(self.method)
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if (value is not None and value not in allowed) or (value is None and name not in _OPTIONAL):
                raise ValueError(f"{name} is {value!r}; must be one of {', '.join(allowed)}")
        chosen = [name for name in ("k", "share", "budget") if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} are given; one kind of selection is possible")
        for name in ("k", "budget"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _whole(name, value))
        if self.share is not None:
            object.__setattr__(self, "share", real("share", self.share))
            if not 0 <= self.share <= 1:
                raise ValueError(f"share is {self.share!r}; must be from 0 to 1")
        object.__setattr__(self, "temperature", real("temperature", self.temperature))

    @property
    def ranking_method(self) -> Method:
        """The method that the layers are ranked by."""
        return ranking_method(self.method)

    @property
    def first(self) -> str:
        """Which end of the scores ranks first."""
        return self.order or self.ranking_method.order

    @property
    def wants_reference(self) -> bool:
        """Only kl reads it, and some references cost quadratic time."""
        return self.ranking_method.measure == "kl"

    def for_profiles(self) -> dict[str, Any]:
        """Arguments of `kldsel.lowlevel.profile_many()`: no more than the method reads, or all."""
        narrow = self.keep == "method" and self.method != ALL
        return {
            "signs": (self.ranking_method.sign,) if narrow else None,
            "content": (_CONTENT[self.ranking_method.measure],) if narrow else None,
            "granularity": self.granularity,
            "distribution": self.distribution,
            "reference": self.reference if self.wants_reference else None,
            "temperature": self.temperature,
        }

    def for_ranking(self, method: Method) -> dict[str, Any]:
        """Arguments of `kldsel.lowlevel.rank_profiles()`."""
        return {
            "measure": method.measure,
            "sign": method.sign,
            "reference": self.reference if self.wants_reference else None,
            "order": self.order,
            "granularity": self.granularity,
            "distribution": self.distribution,
            "alignment": self.alignment,
            "temperature": self.temperature,
            "select_count": self.k,
            "select_share": self.share,
            "select_parameters": self.budget,
        }
