# SPDX-License-Identifier: BSD-3-Clause
"""While a model trains: choose the layers anew every so often, or follow how far each has moved.

`Reselection` and `Drift` know no framework's loop: call `step()` in yours, or let a PyTorch optimizer call it
by `attach(optimizer)`. `kldsel.training.lightning` and `kldsel.training.keras` have callbacks of both. Either
costs a ranking each time, two passes over the weights; `seconds` tells how much it was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kldsel.api import compare, rank
from kldsel.freezing import Frozen, freeze
from kldsel.methods import DEFAULT
from kldsel.ranking import Ranking

__all__ = ["Drift", "Record", "Reselection"]


@dataclass(frozen=True)
class Record:
    """One ranking during training."""

    step: int
    """Steps, of whatever kind are counted, before it."""
    ranking: Ranking
    seconds: float
    """What it cost, with freezing."""
    added: tuple[str, ...] = ()
    """Layers that are trained from now on."""
    removed: tuple[str, ...] = ()
    """Layers that are frozen from now on."""


class _Every:
    """Counts steps, and does its work at every so manieth."""

    def __init__(self, every: int) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(f"every is {every!r}; must be a whole number >= 1")
        self.every = every
        self.steps = 0
        self.history: list[Record] = []

    @property
    def seconds(self) -> float:
        """What all rankings cost together."""
        return sum(record.seconds for record in self.history)

    def step(self) -> Record | None:
        """Count a step; give the record if one was due."""
        self.steps += 1
        return self.now() if self.steps % self.every == 0 else None

    def now(self) -> Record:
        """Rank, whether due or not."""
        started = time.perf_counter()
        record = self._work(started)
        self.history.append(record)
        return record

    def _work(self, started: float) -> Record:
        raise NotImplementedError

    def attach(self, optimizer: Any) -> Any:
        """Step after each step of a PyTorch optimizer; the handle's `remove()` ends that."""
        return optimizer.register_step_post_hook(lambda *_: self.step() and None)


class Reselection(_Every):
    """Ranks a model anew at every so many steps, and freezes all but the best layers of that ranking.

    The first selection is made at once. The options are those of `kldsel.rank()` and, as `freezing`, those of
    `kldsel.freeze()`. An optimizer must hold all parameters that may ever be trained: make it before, of
    `model.parameters()`. It passes over those that have no gradient.
    """

    def __init__(
        self,
        model: Any,
        method: str = DEFAULT,
        *,
        every: int = 1,
        freezing: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(every)
        if not any(options.get(name) is not None for name in ("k", "share", "budget")):
            raise ValueError("how many layers are to be trained? Give k, share or budget")
        self.model = model
        self.method = method
        self.options = options
        self.freezing = dict(freezing or {})
        self.selected: tuple[str, ...] = ()
        self.frozen: Frozen | None = None
        self.now()

    def _work(self, started: float) -> Record:
        ranking = rank(self.model, self.method, **self.options)
        before, self.selected = self.selected, ranking.selected
        if self.frozen is None or set(before) != set(self.selected):
            self.undo()
            self.frozen = freeze(self.model, ranking, **self.freezing)
        return Record(
            self.steps,
            ranking,
            time.perf_counter() - started,
            tuple(name for name in self.selected if name not in before),
            tuple(name for name in before if name not in self.selected),
        )

    def attach(self, optimizer: Any) -> Any:
        """Step after each step of a PyTorch optimizer, which must hold all of the model's parameters."""
        check_optimizer(self.model, optimizer)
        return super().attach(optimizer)

    def undo(self) -> None:
        """Make the model trainable as it was before."""
        if self.frozen is not None:
            self.frozen.undo()
            self.frozen = None


class Drift(_Every):
    """Follows how far each layer has moved from where it was: KL(now || start), as `kldsel.compare()`.

    The start is when this is made. `history` has a ranking for every so many steps, the layer that moved most
    first; the options are those of `kldsel.rank()`.
    """

    def __init__(
        self, model: Any, sign: str = "positive-negative", *, every: int = 1, **options: Any
    ) -> None:
        super().__init__(every)
        self.model = model
        self.sign = sign
        self.options = options
        self.start = rank(model, f"kl-{sign}", **options)

    def _work(self, started: float) -> Record:
        ranking = compare(self.start, self.model, self.sign, **self.options)
        return Record(self.steps, ranking, time.perf_counter() - started)

    def scores(self) -> dict[str, list[float]]:
        """The divergences of each layer, record after record."""
        return {
            layer.name: [record.ranking[layer.name].score for record in self.history]
            for layer in self.start.layers
        }


def check_optimizer(model: Any, optimizer: Any) -> None:
    """A parameter that the optimizer does not know would be chosen, and never move."""
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    for name, parameter in model.named_parameters():
        if id(parameter) not in known:
            raise ValueError(
                f"the optimizer lacks the parameter '{name}', which may be selected later; make it of all of "
                "model.parameters(), it passes over what is frozen"
            )
