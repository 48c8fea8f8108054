# SPDX-License-Identifier: BSD-3-Clause
"""Freezing a Keras 3 model: trainable of its variables and layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kldsel.freezing import Frozen, Trainable, check_names, head_names
from kldsel.sources.keras_model import owners, variable_names

_NORM = ("Normalization", "Norm")
_NOTE = "compile the model again before training"


def _is_norm(layer: Any) -> bool:
    return type(layer).__name__.endswith(_NORM)


def _path(layer: Any) -> str:
    return str(getattr(layer, "path", None) or layer.name)


def _resolve(name: str, known: Sequence[str]) -> str:
    """Finds a variable whose path begins with the name of its model here, but not where it was ranked."""
    if name in known:
        return name
    found = [one for one in known if one.endswith(f"/{name}") or name.endswith(f"/{one}")]
    return found[0] if len(found) == 1 else name


def _size(variable: Any) -> int:
    return math.prod(int(extent) for extent in variable.shape)


class _Plan:
    """Which variables of a model are to be trained, and why."""

    def __init__(
        self,
        model: Any,
        selected: Sequence[str],
        norm: str,
        biases: str,
        head: bool | str | Sequence[str],
    ) -> None:
        self.names = variable_names(model)
        self.owner = owners(model)
        known = list(self.names.values())
        self.weights = {_resolve(name, known) for name in selected}
        check_names(sorted(self.weights), known, "variable")
        self.layers = {id(self.owner[key]) for key, name in self.names.items() if name in self.weights}
        own = [self.owner[key] for key in self.names]
        dense = [layer for layer in own if type(layer).__name__ == "Dense"]
        paths = head_names(head, _path(dense[-1]) if dense else None, [_path(one) for one in own])
        self.head = {id(layer) for layer in own if _path(layer) in paths}
        self.norm, self.biases = norm, biases

    def why(self, variable: Any) -> str:
        """Why a variable is to be trained; empty if it is not."""
        layer = self.owner[id(variable)]
        if id(layer) in self.head:
            return "head"
        if _is_norm(layer):
            return "norm" if self.norm == "trained" else ""
        if "bias" in variable.name:
            wanted = self.biases == "all" or (self.biases == "selected" and id(layer) in self.layers)
            return "bias" if wanted else ""
        chosen = self.names[id(variable)] in self.weights or len(variable.shape) < 2
        return "selected" if id(layer) in self.layers and chosen else ""


def freeze_model(
    model: Any, selected: Sequence[str], norm: str, biases: str, head: bool | str | Sequence[str]
) -> Frozen:
    """See `kldsel.freeze()`."""
    plan = _Plan(model, selected, norm, biases, head)
    layers = list(model._flatten_layers())
    variables = {id(one): one for one in model.weights}

    # Of a layer, trainable sets all its variables: layers first, and the state of both to be restored.
    layer_state = [(layer, layer.trainable) for layer in layers]
    state = [(one, one.trainable) for one in variables.values()]
    before = sum(_size(one) for one, wanted in state if wanted)
    model.trainable = True
    # Running statistics and the like are not trainable, whatever their layer is.
    parameters = [one for one in variables.values() if one.trainable]
    for layer in layers:
        if _is_norm(layer) and norm == "frozen" and id(layer) not in plan.head:
            # A frozen BatchNormalization uses its statistics and leaves them alone.
            layer.trainable = False
    rows = []
    for one in parameters:
        why = plan.why(one)
        one.trainable = bool(why)
        rows.append(Trainable(plan.names[id(one)], _size(one), bool(why), why))

    def restore() -> None:
        for layer, wanted in layer_state:
            layer.trainable = wanted
        for one, wanted in state:
            one.trainable = wanted

    total = sum(row.parameters for row in rows)
    return Frozen(total, before, tuple(rows), _NOTE, restore)
