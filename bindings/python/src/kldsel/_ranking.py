# SPDX-License-Identifier: BSD-3-Clause
"""Rankings: the layers of a network with their scores, ranks and the selection."""

from __future__ import annotations

import ctypes
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kldsel._abi import (
    Alignment,
    CpuLevel,
    Distribution,
    Granularity,
    Measure,
    Order,
    Reason,
    Reference,
    Sign,
)
from kldsel._handle import Handle, pointers
from kldsel._library import check, library, text
from kldsel._numbers import group_numbers
from kldsel._options import Options, Progress, choose
from kldsel._profile import Profile
from kldsel._tensor import Tensor


@dataclass(frozen=True)
class LayerRanking:
    """A ranking; every tuple but `order` has an entry for each layer, as the layers were handed in."""

    scores: tuple[float, ...]  #: NaN where undefined
    ranks: tuple[int, ...]  #: in its group, 0 for the best
    selected: tuple[bool, ...]
    reasons: tuple[Reason, ...]  #: why a layer has no score
    order: tuple[int, ...]  #: layer indices, best first; groups by first appearance

    def __len__(self) -> int:
        return len(self.scores)


def rank_profiles(
    profiles: Iterable[Profile],
    *,
    measure: Measure | str | None = None,
    sign: Sign | str | None = None,
    reference: Reference | str | None = None,
    order: Order | str | None = None,
    granularity: Granularity | str | None = None,
    distribution: Distribution | str | None = None,
    alignment: Alignment | str | None = None,
    temperature: float | None = None,
    select_count: int | None = None,
    select_share: float | None = None,
    select_parameters: int | None = None,
    given: Sequence[Profile | None] | None = None,
    groups: Iterable[Hashable] | None = None,
) -> LayerRanking:
    """Score and rank the layers of a network from their profiles, in network order.

    `given` holds a profile or None for each layer and goes with the reference given. `groups` holds a label
    for each layer; every group is ranked and selected from as if it were a network of its own.
    """
    layers = list(profiles)
    with Options(
        measure=measure,
        sign=sign,
        reference=reference,
        order=order,
        granularity=granularity,
        distribution=distribution,
        alignment=alignment,
        temperature=temperature,
        select_count=select_count,
        select_share=select_share,
        select_parameters=select_parameters,
    ) as options:
        return _rank(library().kldsel_rank_profiles, "profiles", Profile, layers, given, groups, options)


def rank_tensors(
    tensors: Iterable[Tensor],
    *,
    measure: Measure | str | None = None,
    sign: Sign | str | None = None,
    reference: Reference | str | None = None,
    order: Order | str | None = None,
    granularity: Granularity | str | None = None,
    distribution: Distribution | str | None = None,
    alignment: Alignment | str | None = None,
    temperature: float | None = None,
    select_count: int | None = None,
    select_share: float | None = None,
    select_parameters: int | None = None,
    given: Sequence[Tensor | None] | None = None,
    groups: Iterable[Hashable] | None = None,
    threads: int | None = None,
    cpu_level: CpuLevel | str | None = None,
    progress: Progress | None = None,
) -> LayerRanking:
    """Score and rank the layers of a network from their weights: `profile_many()` and `rank_profiles()`."""
    layers = list(tensors)
    with Options(
        progress,
        measure=measure,
        sign=sign,
        reference=reference,
        order=order,
        granularity=granularity,
        distribution=distribution,
        alignment=alignment,
        temperature=temperature,
        select_count=select_count,
        select_share=select_share,
        select_parameters=select_parameters,
        threads=threads,
        cpu_level=cpu_level,
    ) as options:
        return _rank(library().kldsel_rank_tensors, "tensors", Tensor, layers, given, groups, options)


def reason_text(reason: Reason | str) -> str:
    """What a reason means, in words.

    >>> reason_text("no-neighbour")
    'no other layer to compare with'
    """
    return text(library().kldsel_reason_text(choose(Reason, "reason", reason)))


def _rank(
    function: Any,
    argument: str,
    kind: type[Handle],
    layers: Sequence[Handle],
    given: Sequence[Handle | None] | None,
    groups: Iterable[Hashable] | None,
    options: Options,
) -> LayerRanking:
    handles = pointers(argument, kind, layers)
    if given is not None and len(given) != len(layers):
        raise ValueError(f"given has {len(given)} entries for {len(layers)} layers")
    others = None if given is None else pointers("given", kind, given, optional=True)
    ranking = ctypes.c_void_p()
    options.check(
        function(
            handles, len(layers), others, group_numbers(groups, len(layers)), options, ctypes.byref(ranking)
        )
    )
    try:
        return _read(ranking)
    finally:
        library().kldsel_ranking_free(ranking)


def _read(ranking: ctypes.c_void_p) -> LayerRanking:
    size = int(library().kldsel_ranking_size(ranking))
    order = (ctypes.c_int64 * size)()
    check(library().kldsel_ranking_order(ranking, order, size))
    score, rank = ctypes.c_double(), ctypes.c_int64()
    selected, reason = ctypes.c_int32(), ctypes.c_int32()
    outputs = (ctypes.byref(score), ctypes.byref(rank), ctypes.byref(selected), ctypes.byref(reason))
    rows = []
    for layer in range(size):
        check(library().kldsel_ranking_layer(ranking, layer, *outputs))
        rows.append((score.value, rank.value, selected.value == 1, Reason(reason.value)))
    scores, ranks, chosen, reasons = zip(*rows)
    return LayerRanking(scores, ranks, chosen, reasons, tuple(order))
