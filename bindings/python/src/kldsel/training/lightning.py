# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks for Lightning, of the package `lightning` or `pytorch_lightning`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from kldsel.methods import DEFAULT
from kldsel.training import Drift, Record, Reselection, check_optimizer

# Whichever the program uses already; a callback of one is none of the other.
if "lightning" in sys.modules or "pytorch_lightning" not in sys.modules:
    from lightning.pytorch import Callback
else:
    from pytorch_lightning import Callback

__all__ = ["LayerDrift", "LayerSelection"]


class _Callback(Callback):
    """Steps at the end of epochs, or after so many batches."""

    def __init__(self, every_n_epochs: int | None, every_n_steps: int | None) -> None:
        super().__init__()
        if every_n_epochs is not None and every_n_steps is not None:
            raise ValueError("every_n_epochs and every_n_steps are given; one of them is possible")
        self._by_steps = every_n_steps is not None
        self.every: int = every_n_steps or every_n_epochs or 1
        self.tracker: Any = None

    @property
    def history(self) -> list[Record]:
        """The rankings so far."""
        return [] if self.tracker is None else list(self.tracker.history)

    @property
    def seconds(self) -> float:
        """What they cost together."""
        return 0.0 if self.tracker is None else float(self.tracker.seconds)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Count a batch."""
        if self._by_steps:
            self._step(pl_module)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Count an epoch."""
        if not self._by_steps:
            self._step(pl_module)

    def _step(self, pl_module: Any) -> None:
        record = self.tracker.step()
        if record is not None:
            self._log(pl_module, record)

    def _log(self, pl_module: Any, record: Record) -> None:
        raise NotImplementedError


class LayerSelection(_Callback):
    """Trains the best layers only, and chooses them anew every so many epochs or steps.

    Logs `kldsel/changed`, the number of layers that came or went, and `kldsel/seconds`. The options are those
    of `kldsel.training.Reselection`.
    """

    def __init__(
        self,
        method: str = DEFAULT,
        *,
        every_n_epochs: int | None = None,
        every_n_steps: int | None = None,
        freezing: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(every_n_epochs, every_n_steps)
        self.method = method
        self.freezing = freezing
        self.options = options

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Make the first selection, when the optimizers hold all parameters."""
        for optimizer in trainer.optimizers[:1] if len(trainer.optimizers) == 1 else []:
            check_optimizer(pl_module, optimizer)
        self.tracker = Reselection(
            pl_module, self.method, every=self.every, freezing=self.freezing, **self.options
        )

    def _log(self, pl_module: Any, record: Record) -> None:
        changed = len(record.added) + len(record.removed)
        pl_module.log_dict({"kldsel/changed": float(changed), "kldsel/seconds": record.seconds})


class LayerDrift(_Callback):
    """Logs as `drift/NAME` how far each layer has moved from where it was when training started.

    The options are those of `kldsel.training.Drift`.
    """

    def __init__(
        self,
        sign: str = "positive-negative",
        *,
        every_n_epochs: int | None = None,
        every_n_steps: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(every_n_epochs, every_n_steps)
        self.sign = sign
        self.options = options

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Note where the layers are."""
        self.tracker = Drift(pl_module, self.sign, every=self.every, **self.options)

    def _log(self, pl_module: Any, record: Record) -> None:
        scores = {f"drift/{name}": score for name, score in record.ranking.scores.items()}
        pl_module.log_dict({**scores, "kldsel/seconds": record.seconds})
