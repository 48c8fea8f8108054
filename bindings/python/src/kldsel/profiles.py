# SPDX-License-Identifier: BSD-3-Clause
"""Weights to profiles: loads layer after layer, and lets go of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kldsel import lowlevel
from kldsel.errors import KldselError, NotFiniteError
from kldsel.layers import Weight
from kldsel.settings import Settings

BATCH_BYTES = 1 << 29
"""Weights that are loaded at a time, where they are neither in memory nor mapped from a file."""

Progress = Callable[[int, int], Any]
"""Told how many of how many weights are done; what is true cancels."""


def tensor_of(weight: Weight) -> lowlevel.Tensor:
    """A view of a layer's weights."""
    try:
        array = weight.load()
        if weight.groups > 1:
            shape = weight.shape
            array = array.reshape((weight.groups, shape[0] // weight.groups, *shape[1:]))
        if weight.axes is not None:
            return lowlevel.Tensor.with_axes(array, *weight.axes)
        return lowlevel.Tensor(array, weight.layout or "oihw")
    except (KldselError, TypeError) as error:
        raise type(error)(f"layer '{weight.name}': {error}") from error
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # what a damaged file makes its package raise is of any type
        text = str(error) or type(error).__name__
        raise ValueError(f"layer '{weight.name}': {text}") from error


def _elements(weight: Weight) -> int:
    product = 1
    for extent in weight.shape:
        product *= extent
    return product


def _batches(weights: Sequence[Weight]) -> Iterator[list[Weight]]:
    batch: list[Weight] = []
    loaded = 0
    for weight in weights:
        if batch and loaded + weight.nbytes > BATCH_BYTES:
            yield batch
            batch, loaded = [], 0
        batch.append(weight)
        loaded += weight.nbytes
    if batch:
        yield batch


def _name_bad_layer(
    weights: Sequence[Weight], tensors: Sequence[lowlevel.Tensor], settings: Settings
) -> None:
    """The library's message numbers the layers; one alone tells which has the weight."""
    for weight, tensor in zip(weights, tensors):
        try:
            lowlevel.profile(tensor, **settings.for_profiles())
        except NotFiniteError as error:
            raise NotFiniteError(f"layer '{weight.name}': {error}") from None


def make_profiles(
    weights: Sequence[Weight],
    settings: Settings,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[lowlevel.Profile]:
    """Makes the profiles of layers, of which no more are in memory at a time than the batch holds."""
    total = sum(_elements(weight) for weight in weights)
    before = 0
    profiles: list[lowlevel.Profile] = []
    for batch in _batches(weights):
        elements = sum(_elements(weight) for weight in batch)

        def tell(done: int, of: int, before: int = before, elements: int = elements) -> Any:
            # The library also counts similarities, where it computes them.
            return progress(before + elements * done // max(of, 1), total) if progress is not None else None

        tensors = [tensor_of(weight) for weight in batch]
        try:
            profiles += lowlevel.profile_many(
                tensors,
                threads=threads,
                progress=tell if progress is not None else None,
                **settings.for_profiles(),
            )
        except NotFiniteError:
            _name_bad_layer(batch, tensors, settings)
            raise
        before += elements
    return profiles
