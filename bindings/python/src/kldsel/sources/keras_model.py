# SPDX-License-Identifier: BSD-3-Clause
"""A Keras 3 model of any backend: layouts by the type of each layer."""

from __future__ import annotations

from typing import Any

from kldsel.layers import Network, Weight
from kldsel.sources.keras_layers import fields_of

_READABLE = {"float64", "float32", "float16", "bfloat16"}


def _value(variable: Any) -> Any:
    """The backend's own array, on the host."""
    value = variable.value
    if type(value).__module__.split(".")[0] == "torch" or hasattr(value, "requires_grad"):
        from kldsel.sources.torch_tensor import on_host

        return on_host(value)
    if type(value).__module__.startswith("tensorflow"):
        return value.numpy()
    return value


def owners(model: Any) -> dict[int, Any]:
    """By id of each variable, the innermost layer that holds it."""
    found: dict[int, Any] = {}
    # Composite layers come before what they are made of.
    for layer in reversed(list(model._flatten_layers())):
        for variable in layer.weights:
            found.setdefault(id(variable), layer)
    return found


def variable_names(model: Any) -> dict[int, str]:
    """By id of each variable its path, which a number makes unique where two are the same."""
    names: dict[int, str] = {}
    taken: dict[str, int] = {}
    for variable in model.weights:
        path = str(variable.path)
        taken[path] = taken.get(path, 0) + 1
        names[id(variable)] = path if taken[path] == 1 else f"{path}#{taken[path]}"
    return names


def read_model(model: Any) -> Network:
    """All variables of a model or layer, in the order of `model.weights`."""
    if not getattr(model, "built", True) or not model.weights:
        raise ValueError(f"the Keras model '{model.name}' has no weights yet: build it, or call it once")
    weights: list[Weight] = []
    names = variable_names(model)
    owner = owners(model)
    for variable in model.weights:
        layer = owner.get(id(variable), model)
        shape: tuple[int, ...] = tuple(int(extent) for extent in variable.shape)
        dtype = str(variable.dtype)
        reason: str | None = None
        fields: dict[str, Any] = {}
        if len(shape) >= 2:
            equation = getattr(layer, "equation", None)
            fields = fields_of(type(layer).__name__, variable.name, shape, equation)
            reason = fields.pop("reason", None)
        weights.append(
            Weight(
                name=names[id(variable)],
                shape=shape,
                dtype=dtype,
                load=lambda variable=variable: _value(variable),  # type: ignore[misc]
                layer=str(getattr(layer, "path", None) or layer.name),
                type=type(layer).__name__,
                readable=dtype in _READABLE,
                reason=reason,
                **fields,
            )
        )
    return Network(str(model.name), tuple(weights))
