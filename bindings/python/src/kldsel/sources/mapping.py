# SPDX-License-Identifier: BSD-3-Clause
"""A mapping of names to arrays: a state dict, a checkpoint, the parameters of a Flax module."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from kldsel.layers import Network, Weight
from kldsel.sources.naming import infer

_READABLE = {"float64", "float32", "float16", "bfloat16"}
# Where training programs keep the weights in a checkpoint, the surest first.
_USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "params", "weights")


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _flatten(tree: Mapping[Any, Any], prefix: str, separator: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = f"{prefix}{separator}{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from _flatten(value, name, separator)
        else:
            yield name, value


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, Mapping) and any(_is_array(one) for _, one in _flatten(value, "", "."))


def _find_weights(checkpoint: Mapping[Any, Any], left: list[Weight]) -> Mapping[Any, Any]:
    """A checkpoint's weights, where they lie beside the optimizer's state and the like, which are `left`."""
    # The number of an epoch may be an array of no axes.
    if any(_is_array(value) and len(value.shape) > 1 for value in checkpoint.values()):
        return checkpoint
    found = next((key for key in _USUAL if key in checkpoint and _holds_arrays(checkpoint[key])), None)
    weights: dict[Any, Any] = {}
    others: dict[Any, Any] = {}
    for key, value in checkpoint.items():
        beside = key != found if found is not None else "optim" in str(key).lower()
        (others if beside else weights)[key] = value
    where = f", which are in '{found}'" if found is not None else ""
    left.extend(_no_weight(str(key), value, f"beside the weights{where}") for key, value in others.items())
    return weights if found is None else _find_weights(weights[found], left)


def _no_weight(name: str, value: Any, reason: str) -> Weight:
    return Weight(name, (), type(value).__name__, lambda: None, reason=reason)


def _identity(array: Any) -> Hashable:
    """What two names of one array have in common: state_dict() makes an object of its own for each."""
    if hasattr(array, "requires_grad"):
        from kldsel.sources.torch_tensor import identity

        return identity(array)
    return id(array)


def weight_of(name: str, array: Any, type_name: str = "") -> Weight:
    """A named array, of whatever framework."""
    if type(array).__module__.split(".")[0] == "torch" or hasattr(array, "requires_grad"):
        from kldsel.sources.torch_tensor import describe, on_host

        told = describe(array)
        return Weight(
            name=name,
            shape=told.shape,
            dtype=told.dtype,
            load=lambda: on_host(array),
            type=type_name,
            readable=told.readable,
            reason=told.reason,
            nbytes=told.copied_bytes,
        )
    dtype = str(getattr(array.dtype, "name", array.dtype))
    return Weight(
        name=name,
        shape=tuple(int(extent) for extent in array.shape),
        dtype=dtype,
        load=lambda: array,
        type=type_name,
        readable=dtype in _READABLE,
    )


def read_mapping(mapping: Mapping[Any, Any], layout: str | None = None, name: str = "mapping") -> Network:
    """All arrays of a mapping, in its order; nested mappings give names joined by a dot."""
    weights: list[Weight] = []
    left: list[Weight] = []
    seen: dict[Hashable, str] = {}
    names: set[str] = set()
    for key, value in _flatten(_find_weights(mapping, left), "", "."):
        if key in names:
            raise ValueError(f"{name}: two entries have the name '{key}'")
        names.add(key)
        if not _is_array(value):
            weights.append(_no_weight(key, value, f"a {type(value).__name__}, no array"))
            continue
        weight = weight_of(key, value)
        same = _identity(value)
        if same in seen:
            weight = Weight(key, weight.shape, weight.dtype, weight.load, reason=f"shared with {seen[same]}")
        seen.setdefault(same, key)
        weights.append(weight)
    return Network(name, tuple(infer([*weights, *left], layout)))


def read_pairs(pairs: Iterable[Any], layout: str | None = None) -> Network:
    """Names and arrays, as `named_parameters()` gives them."""
    found: dict[str, Any] = {}
    for at, pair in enumerate(pairs):
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], str)):
            raise TypeError(
                f"model is a {type(pairs).__name__}, whose entry {at} is a {type(pair).__name__}, no pair of "
                "a name and an array; pass a model, its state_dict() or its named_parameters()"
            )
        if pair[0] in found:
            raise ValueError(f"model: two entries have the name '{pair[0]}'")
        found[pair[0]] = pair[1]
    return read_mapping(found, layout)
