# SPDX-License-Identifier: BSD-3-Clause
"""What a network is made of: every tensor of it, and which of them are layers to rank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from kldsel.patterns import Patterns, as_patterns, matches

MAX_RANK = 8


# Not frozen, as frozen ones take three times as long to make, and a network has hundreds.
@dataclass
class Weight:
    """A tensor of a network, as its source found it. Its array is loaded when it is needed.

    A weight is no layer if `reason` says why not, or if its shape or dtype rules it out.
    """

    name: str
    """The framework's own name of the tensor, as `layer1.0.conv1.weight`."""
    shape: tuple[int, ...]
    dtype: str
    """As the source spells it."""
    load: Callable[[], Any] = field(repr=False)
    """Gives the array, without a copy where the source allows."""
    layer: str = ""
    """The framework's own name of the layer that the tensor belongs to, as `layer1.0.conv1`."""
    type: str = ""
    """The class of that layer, as `Conv2d`; empty if the source does not tell."""
    layout: str | None = None
    axes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """Filter axes and channel axes, where no named layout fits."""
    groups: int = 1
    """Groups of a transposed convolution, [in, out / groups, ...]: the axes are those of its array with the
    groups as an axis of their own, the first one."""
    kind: str = ""
    """`convolution` or `dense`; empty for what the shape says."""
    readable: bool = True
    """Whether the library reads the dtype."""
    reason: str | None = None
    """Why the tensor is no layer, where the source knows."""
    nbytes: int = 0
    """Memory that `load` takes; 0 if the array is there already or mapped from a file."""

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def layer_kind(self) -> str:
        """`convolution` or `dense`, by the source or by the shape."""
        return self.kind or ("convolution" if self.rank > 2 else "dense")


@dataclass(frozen=True)
class Network:
    """All tensors of a network, in its order."""

    name: str
    weights: tuple[Weight, ...]
    close: Callable[[], None] = field(default=lambda: None, repr=False)


@dataclass(frozen=True)
class Skipped:
    """A tensor that is not ranked, and why."""

    name: str
    reason: str
    why: str = field(default="", repr=False)
    """The class of the reason, a key of `CLASSES`."""


# The classes of reasons in the order in which they are counted up.
CLASSES = {
    "rank-below": "of rank 0 or 1",
    "rank-above": "of too many axes",
    "empty": "without elements",
    "dense": "dense (dense=True)",
    "dtype": "of an unread dtype",
    "name": "left out by name",
    "source": "that are no layers",
}


class NothingToRankError(ValueError):
    """No tensor of the network is a layer to rank; the message counts up why."""


def count_skipped(skipped: Sequence[Skipped], classes: dict[str, str] = CLASSES) -> str:
    """`3 tensors skipped: 2 of rank 0 or 1, 1 of an unread dtype`."""
    counts = Counter(one.why for one in skipped)
    text = f"{len(skipped)} tensor{'' if len(skipped) == 1 else 's'} skipped"
    parts = [f"{counts[why]} {words}" for why, words in classes.items() if counts[why]]
    return f"{text}: {', '.join(parts)}" if parts else text


def names_of(weight: Weight) -> tuple[str, ...]:
    """What patterns are matched with: the name of the tensor and that of its layer."""
    return (weight.name, weight.layer) if weight.layer else (weight.name,)


def name_of(weight: Weight) -> tuple[str, ...]:
    """What the program kldsel-rank matches patterns with."""
    return (weight.name,)


Named = Callable[[Weight], "tuple[str, ...]"]


def _matches(patterns: Sequence[str], names: tuple[str, ...]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)


def unmatched(weights: Sequence[Weight], patterns: Sequence[str]) -> tuple[str, ...]:
    """The patterns that match no tensor at all: most likely they are misspelt."""
    return tuple(
        pattern for pattern in patterns if not any(_matches((pattern,), names_of(one)) for one in weights)
    )


def _skip(
    weight: Weight, dense: bool, include: Sequence[str], exclude: Sequence[str], named: Named
) -> Skipped | None:
    """Check as the program kldsel-rank does, in its order; what only a source knows comes first."""
    if weight.reason is not None:
        return Skipped(weight.name, weight.reason, "source")
    if weight.rank < 2:
        return Skipped(weight.name, f"rank {weight.rank}: a bias or normalisation, no layer", "rank-below")
    if weight.rank > MAX_RANK:
        return Skipped(weight.name, f"rank {weight.rank}: more than {MAX_RANK} axes", "rank-above")
    for axis, extent in enumerate(weight.shape):
        if extent == 0:
            return Skipped(weight.name, f"no elements: shape[{axis}] is 0", "empty")
    if weight.layer_kind == "dense" and not dense:
        return Skipped(weight.name, "dense: ranked with dense=True only", "dense")
    if not weight.readable:
        return Skipped(weight.name, f"dtype {weight.dtype} is not read", "dtype")
    names = named(weight)
    if (include and not _matches(include, names)) or _matches(exclude, names):
        return Skipped(weight.name, "left out by include or exclude", "name")
    return None


def choose_layers(
    network: Network,
    *,
    dense: bool,
    include: Patterns = None,
    exclude: Patterns = None,
    named: Named = names_of,
) -> tuple[tuple[Weight, ...], tuple[Skipped, ...]]:
    """Sorts a network's tensors into layers to rank and others, each of which has a reason."""
    chosen, skipped = [], []
    included, excluded = as_patterns(include, "include"), as_patterns(exclude, "exclude")
    for weight in network.weights:
        skip = _skip(weight, dense, included, excluded, named)
        if skip is None:
            chosen.append(weight)
        else:
            skipped.append(skip)
    return tuple(chosen), tuple(skipped)
