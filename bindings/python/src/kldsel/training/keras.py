# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks for Keras 3, on every backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from kldsel.methods import DEFAULT
from kldsel.training import Drift, Record, Reselection

__all__ = ["LayerDrift", "LayerSelection"]


def _renew_optimizer(model: Any) -> None:
    """Give the model an optimizer of what is trainable now, which goes on where the old one was.

    An optimizer of Keras is bound to the variables that it was built for.
    """
    old = model.optimizer
    known = {variable.path: variable for variable in old.variables}
    new = type(old).from_config(old.get_config())
    new.build(model.trainable_variables)
    for variable in new.variables:
        before = known.get(variable.path)
        if before is not None and tuple(before.shape) == tuple(variable.shape):
            variable.assign(before)
    model.optimizer = new
    model.make_train_function(force=True)


class _Tracking(keras.callbacks.Callback):
    """What a callback tells of the tracker that it has once training has begun."""

    tracker: Reselection | Drift | None = None

    @property
    def history(self) -> list[Record]:
        """The rankings so far."""
        return [] if self.tracker is None else list(self.tracker.history)

    @property
    def seconds(self) -> float:
        """What they cost together."""
        return 0.0 if self.tracker is None else self.tracker.seconds


class LayerSelection(_Tracking):
    """Trains the best layers only, and chooses them anew every so many epochs.

    The options are those of `kldsel.training.Reselection`. What the optimizer knows of a variable, its
    momentum say, lasts while the variable is trained.
    """

    def __init__(
        self,
        method: str = DEFAULT,
        *,
        every: int = 1,
        freezing: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.method = method
        self.every = every
        self.freezing = freezing
        self.options = options

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Choose before the first epoch, and whenever it is due."""
        if self.tracker is None:
            self.tracker = Reselection(
                self.model, self.method, every=self.every, freezing=self.freezing, **self.options
            )
            _renew_optimizer(self.model)
            return
        record = self.tracker.step()
        if record is not None and (record.added or record.removed):
            _renew_optimizer(self.model)


class LayerDrift(_Tracking):
    """Follows how far each layer has moved since training began; see `kldsel.training.Drift`."""

    def __init__(self, sign: str = "positive-negative", *, every: int = 1, **options: Any) -> None:
        super().__init__()
        self.sign = sign
        self.every = every
        self.options = options

    def on_train_begin(self, logs: Any = None) -> None:
        """Note where the layers are."""
        self.tracker = Drift(self.model, self.sign, every=self.every, **self.options)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count an epoch."""
        if self.tracker is not None:
            self.tracker.step()
