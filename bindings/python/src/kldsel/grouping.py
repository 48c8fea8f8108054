# SPDX-License-Identifier: BSD-3-Clause
"""Groups of layers that are ranked and selected from each by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Union

from kldsel.layers import Weight

if TYPE_CHECKING:
    GroupBy = Union[str, "Mapping[str, Any]", Callable[[Weight], Any], None]

_SEPARATORS = re.compile(r"[./]")


def stage(layer: str) -> str:
    """The part of a layer's name that tells its stage or block.

    >>> [stage(name) for name in ("layer1.0.conv1", "model.layers.12.mlp.up_proj", "features.28", "fc")]
    ['layer1', 'model.layers.12', 'features', 'fc']
    >>> stage("conv2_block3_1_conv")
    'conv2'
    """
    found = re.search(r"\d+", layer)
    if found is None:
        return layer
    whole = layer[: found.end()]
    if whole == layer and _SEPARATORS.split(whole)[-1].isdigit():
        return (
            _SEPARATORS.split(layer)[0]
            if whole.count(".") + whole.count("/") == 1
            else whole[: found.start() - 1]
        )
    return whole


def role(layer: str) -> str:
    """What the layer is for, whatever its block: its name without the numbers of blocks.

    >>> role("model.layers.12.mlp.up_proj")
    'model.layers.mlp.up_proj'
    """
    return ".".join(part for part in _SEPARATORS.split(layer) if not part.isdigit())


def _by_pattern(pattern: str) -> Callable[[Weight], str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"group_by is {pattern!r}: no regular expression: {error}") from None

    def label(weight: Weight) -> str:
        found = compiled.search(weight.name)
        if found is None:
            return ""
        return found.group(1) if compiled.groups and found.group(1) is not None else found.group(0)

    return label


_KNOWN: dict[str, Callable[[Weight], str]] = {
    "type": lambda weight: weight.type or weight.layer_kind,
    "kind": lambda weight: weight.layer_kind,
    "stage": lambda weight: stage(weight.layer or weight.name),
    "role": lambda weight: role(weight.layer or weight.name),
}


def _by_names(names: Mapping[str, Any]) -> Callable[[Weight], Any]:
    return lambda weight: names.get(weight.name, names.get(weight.layer, ""))


def labels(weights: Sequence[Weight], group_by: GroupBy) -> list[str]:
    """Each layer's group; what a pattern or mapping does not name is the group ''."""
    label: Callable[[Weight], Any]
    if isinstance(group_by, str):
        label = _KNOWN.get(group_by) or _by_pattern(group_by)
    elif isinstance(group_by, Mapping):
        label = _by_names(group_by)
    elif callable(group_by):
        label = group_by
    else:
        raise TypeError(
            f"group_by is {group_by!r}; must be type, kind, stage, role, a regular expression, a mapping of "
            "names or a function of a layer"
        )
    return [str(label(weight)) for weight in weights]
