# SPDX-License-Identifier: BSD-3-Clause
"""Freezes a model but for the layers that a ranking selects, or that a list names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kldsel.table import Column, lay_out, printable

if TYPE_CHECKING:
    from kldsel.ranking import Ranking

NORMS = ("frozen", "statistics", "trained")
BIASES = ("selected", "all", "none")


@dataclass(frozen=True)
class Trainable:
    """A parameter of a model after freezing."""

    name: str
    parameters: int
    trainable: bool
    why: str
    """Why it is trained: selected, bias, norm, head; empty if it is not."""


@dataclass
class Frozen:
    """What `kldsel.freeze()` did. Prints as a table; undoes it, also at the end of a `with`."""

    parameters: int
    """Of the whole model."""
    before: int
    """Trainable parameters before."""
    rows: tuple[Trainable, ...]
    note: str = ""
    _restore: Callable[[], None] = field(default=lambda: None, repr=False)
    _undone: bool = False

    @property
    def after(self) -> int:
        """Trainable parameters after."""
        return sum(row.parameters for row in self.rows if row.trainable)

    @property
    def trainable(self) -> tuple[str, ...]:
        """Names of what is trainable now."""
        return tuple(row.name for row in self.rows if row.trainable)

    def undo(self) -> None:
        """Makes trainable again what was; once is enough."""
        if not self._undone:
            self._restore()
            self._undone = True

    def __enter__(self) -> Frozen:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()

    def __repr__(self) -> str:
        shown = [row for row in self.rows if row.trainable]
        lines = []
        if shown:
            lines = lay_out(
                [
                    Column("trainable", [printable(row.name) for row in shown], left=True),
                    Column("parameters", [str(row.parameters) for row in shown]),
                    Column("because", [row.why for row in shown], left=True),
                ]
            )
            lines.append("")
        share = 100 * self.after / self.parameters if self.parameters else 0.0
        lines.append(
            f"{self.after} of {self.parameters} parameters are trainable ({share:.1f} %); "
            f"before: {self.before}"
        )
        return "\n".join([*lines, self.note] if self.note else lines)


def freeze(
    model: Any,
    ranking: Ranking | str | os.PathLike[str] | Iterable[str],
    k: int | None = None,
    *,
    share: float | None = None,
    budget: int | None = None,
    norm: str = "frozen",
    biases: str = "selected",
    head: bool | str | Sequence[str] = True,
) -> Frozen:
    """Freeze all of a model but the best layers of a ranking, or those that a list names.

    That is PyTorch's `requires_grad` and Keras's `trainable`.

    The layers are the best `k`, a `share` of them, or all that fit a `budget` of weights; without any of the
    three, those that the ranking selected. The model must have the layers by the names that the ranking has.

    In place of a ranking: names of the weights to train, or the path of a freeze list, as the converters write it
    (`kldsel-onnx --freeze-list FILE` and the like). Either has chosen already, without k, share and budget.

    `norm` tells what becomes of batch and other normalisation: `frozen` (default; batch normalisation then
    uses the running statistics that it has, and leaves them alone, also in training mode), `statistics` (its
    parameters are frozen, its running statistics go on), or `trained` (both go on, in all layers). `biases`
    are trained in the `selected` layers, in `all` or in `none`. The `head`, what a model of timm
    says is its classifier or else the last dense layer if there is one, is trained unless False; name it (a
    layer or several) where it is another one.

    Gives a handle that prints what is trainable now and can undo it. An optimizer made before may hold
    parameters that are frozen now; a Keras model must be compiled again.
    """
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; must be one of {', '.join(NORMS)}")
    if biases not in BIASES:
        raise ValueError(f"biases is {biases!r}; must be one of {', '.join(BIASES)}")
    from kldsel.ranking import Ranking

    if isinstance(ranking, Ranking):
        selected = selection(ranking, k, share, budget)
    else:
        given = {"k": k, "share": share, "budget": budget}
        for argument in (name for name, value in given.items() if value is not None):
            raise ValueError(f"{argument} goes with a ranking; a list has chosen already")
        selected = listed(ranking)
    from kldsel.sources import is_keras_model, is_torch_module

    if is_torch_module(model):
        from kldsel.freezing_torch import freeze_module

        return freeze_module(model, selected, norm, biases, head)
    if is_keras_model(model):
        from kldsel.freezing_keras import freeze_model

        return freeze_model(model, selected, norm, biases, head)
    raise TypeError(
        f"model is a {type(model).__module__}.{type(model).__qualname__}; must be a torch.nn.Module or a "
        "Keras model"
    )


def _as_names(names: Any, what: str) -> tuple[str, ...]:
    if not isinstance(names, Iterable) or isinstance(names, (bytes, bytearray)):
        raise TypeError(
            f"{what} is a {type(names).__name__}; must be what kldsel.rank() gave, names, or a freeze list's path"
        )
    found = tuple(names)
    for at, name in enumerate(found):
        if not isinstance(name, str):
            raise TypeError(f"{what}[{at}] is a {type(name).__name__}; must be the name of a weight")
    return found


def read_list(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The weights to train by a freeze list.

    That is a JSON object with `kldsel_freeze_list`, 1, and names of weights under `train` (and under `freeze`, which
    is for people).
    """
    file = os.fspath(path)
    try:
        with open(file, encoding="utf-8") as text:
            content = json.load(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{file}: is no freeze list: {error}") from None
    if not isinstance(content, dict) or content.get("kldsel_freeze_list") != 1:
        raise ValueError(f"{file}: is no freeze list: it has no kldsel_freeze_list of 1")
    names = content.get("train")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{file}: train is {type(names).__name__}; must be an array of names")
    return tuple(names)


def listed(names: str | os.PathLike[str] | Iterable[str]) -> tuple[str, ...]:
    """Names of the layers to train, given as they are or by a freeze list."""
    if isinstance(names, (str, os.PathLike)):
        return read_list(names)
    return _as_names(names, "ranking")


def selection(ranking: Ranking, k: int | None, share: float | None, budget: int | None) -> tuple[str, ...]:
    """Names of the layers to train."""
    if k is None and share is None and budget is None:
        if not any((ranking.settings.k is not None, ranking.settings.share is not None,
                    ranking.settings.budget is not None)):  # fmt: skip
            raise ValueError("how many layers are to be trained? Give k, share or budget")
        return ranking.selected
    return ranking.again(k=k, share=share, budget=budget).selected


def head_names(
    head: bool | str | Sequence[str], last_dense: str | None, layers: Iterable[str]
) -> frozenset[str]:
    """Names of the layers that make up the head; those inside a named one, too."""
    if head is False:
        return frozenset()
    if head is True:
        return frozenset(() if last_dense is None else (last_dense,))
    named = (head,) if isinstance(head, str) else head
    if not isinstance(named, Iterable) or not all(isinstance(name, str) for name in named):
        raise TypeError(f"head is {head!r}; must be True, False, the name of a layer or several")
    known = list(layers)
    found: set[str] = set()
    for name in named:
        inside = {one for one in known if one == name or one.startswith((f"{name}.", f"{name}/"))}
        if not inside:
            raise ValueError(f"head is '{name}', but the model has no such layer")
        found |= inside
    return frozenset(found)


def check_names(selected: Iterable[str], known: Iterable[str], what: str) -> None:
    """A ranking of another network must not freeze this one."""
    have = set(known)
    for name in selected:
        if name not in have:
            example = next(iter(have), "none")
            raise ValueError(
                f"the model has no {what} '{name}', which the ranking selects; it has '{example}'"
            )
