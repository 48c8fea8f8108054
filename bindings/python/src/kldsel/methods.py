# SPDX-License-Identifier: BSD-3-Clause
"""The methods by name, MEASURE-SIGN, in the order of the reports."""

from __future__ import annotations

from typing import NamedTuple


class Method(NamedTuple):
    """What a layer is scored by, and which end of the scores ranks first by default."""

    measure: str
    sign: str
    order: str

    @property
    def name(self) -> str:
        """As `kl-positive`."""
        return f"{self.measure}-{self.sign}"


_SIGNS = ("all", "positive", "negative", "positive-negative")

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        *(Method("cosine", sign, "high") for sign in _SIGNS),
        *(Method("kl", sign, "low") for sign in _SIGNS),
        Method("share", "positive", "high"),
        Method("share", "negative", "low"),
    )
}
"""All ten methods."""

PAPER: tuple[str, ...] = tuple(
    f"{measure}-{sign}"
    for measure in ("cosine", "kl")
    for sign in ("positive", "negative", "positive-negative")
)
"""The six methods of the paper."""

DEFAULT = "kl-positive-negative"
ALL = "all"


def check_method(name: str) -> str:
    """The name itself, if it is one.

    >>> check_method("kl-positive")
    'kl-positive'
    """
    if name != ALL and name not in METHODS:
        raise ValueError(
            f"method is '{name}'; must be all, cosine-SIGN or kl-SIGN with SIGN all, positive, negative or "
            "positive-negative, share-positive or share-negative"
        )
    return name


def ranking_method(name: str) -> Method:
    """The method that the layers are ranked by; with `all` that is the default."""
    return METHODS[DEFAULT if name == ALL else name]


def random_value(method: Method) -> float:
    """Score of a layer of independent gaussian weights, in the limit of many elements per filter."""
    if method.measure == "kl":
        return 0.0
    if method.measure == "share":
        return 0.5
    one_over_pi = 0.3183098861837907
    return {"all": 0.0, "positive-negative": -one_over_pi}.get(method.sign, one_over_pi)
