# SPDX-License-Identifier: BSD-3-Clause
"""From a model to a ranking."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kldsel.grouping import labels
from kldsel.layers import (
    Network,
    NothingToRankError,
    Skipped,
    Weight,
    choose_layers,
    count_skipped,
    unmatched,
)
from kldsel.methods import DEFAULT
from kldsel.patterns import Patterns, as_patterns
from kldsel.profiles import Progress, make_profiles
from kldsel.progress import showing
from kldsel.ranking import Ranking, rank_weights
from kldsel.settings import Settings
from kldsel.sources import read

if TYPE_CHECKING:
    from kldsel.grouping import GroupBy

ADDED_DENSE = "fewer than two convolutions, so the dense layers are ranked, too (dense=False leaves them out)"


def choose(
    network: Network, dense: bool | None, include: Patterns, exclude: Patterns
) -> tuple[tuple[Weight, ...], tuple[Skipped, ...], tuple[str, ...]]:
    """The layers to rank, the other tensors, and what to tell about the choice."""
    notes: tuple[str, ...] = ()
    if dense is None:
        convolutions, others = choose_layers(network, dense=False)
        # One convolution, such as the patch embedding of a transformer, leaves nothing to choose from.
        dense = len(convolutions) < 2 and any(one.why == "dense" for one in others)
        notes = (ADDED_DENSE,) if dense else ()
        if convolutions and not dense and not include and not exclude:
            return convolutions, others, notes
    for argument, patterns in (("include", include), ("exclude", exclude)):
        idle = unmatched(network.weights, as_patterns(patterns, argument))
        notes += tuple(f"{argument} '{pattern}' matches no tensor" for pattern in idle)
    weights, skipped = choose_layers(network, dense=dense, include=include, exclude=exclude)
    if not weights:
        why = "; ".join([_why(network, skipped), *notes])
        raise NothingToRankError(f"{network.name}: no layer to rank: {why}")
    return weights, skipped, notes


def _why(network: Network, skipped: Sequence[Skipped]) -> str:
    if not network.weights:
        return "it has no tensors"
    text = count_skipped(skipped)
    examples = [f"'{one.name}' ({one.reason})" for one in skipped if one.why != "rank-below"][:3]
    return f"{text}; for example {', '.join(examples)}" if examples else text


def given_profiles(
    weights: Sequence[Weight], given: Any, settings: Settings, layout: str | None, threads: int | None
) -> list[Any]:
    """Profiles of the layers of the same name in another network; None where it has none."""
    if isinstance(given, Ranking):
        known = given.profiles
        if not any(weight.name in known for weight in weights):
            raise ValueError(f"given is a ranking of {given.model}, which has no layer of the same name")
        return [known.get(weight.name) for weight in weights]
    by_name = {one.name: one for one in read(given, layout).weights if one.reason is None and one.rank >= 2}
    found = [by_name.get(weight.name) for weight in weights]
    there = [one for one in found if one is not None and one.readable]
    if not there:
        raise ValueError(
            "given has no layer of the same name as the model's: it has "
            f"'{next(iter(by_name), '')}', the model '{weights[0].name}'"
        )
    made = dict(zip((one.name for one in there), make_profiles(there, settings, threads=threads)))
    return [made.get(weight.name) for weight in weights]


def rank(
    model: Any,
    method: str = DEFAULT,
    *,
    k: int | None = None,
    share: float | None = None,
    budget: int | None = None,
    dense: bool | None = None,
    include: Patterns = None,
    exclude: Patterns = None,
    group_by: GroupBy = None,
    layout: str | None = None,
    reference: str | None = None,
    order: str | None = None,
    granularity: str = "filter",
    distribution: str = "profile",
    alignment: str = "quantile",
    temperature: float = 1.0,
    given: Any = None,
    keep: str = "method",
    threads: int | None = None,
    progress: bool | Progress = False,
) -> Ranking:
    """Ranks the layers of a network from its weights alone.

    `model` is a `torch.nn.Module`, a Keras 3 model, a state dict or another mapping of names to arrays, or
    the path of a file: `.safetensors` (or the `.index.json` of a sharded one, or the folder), `.pt`, `.pth`,
    `.onnx`, `.keras`, `.h5`, `.npz`. No weight is copied that lies in the host's memory or in a file that can
    be mapped.

    `method` is a measure and a sign, `kl-positive-negative` say, or `all`: the ten of `kldsel.METHODS`,
    ranked by the default. `k` layers, a `share` of them or all that fit a `budget` of weights are selected,
    of each group if there are groups.

    Convolutions are ranked, and dense layers too if `dense` is true or if there are fewer than two
    convolutions. `include` and `exclude` are patterns of names as of the shell; `group_by` is `type` (the
    class of the layer), `kind`, `stage`, `role`, a regular expression, a mapping or a function. `layout` is
    needed only for weights that come without their layers and are not what their names and shapes suggest.

    `reference` is what kl compares with: `uniform` (default), `others`, `previous`, `next`, `within`,
    or `given`: the layers of the same names in `given`, another network or an earlier ranking.

    What is kept of each layer is what the `method` reads; `keep="all"` takes a little longer, and lets
    `Ranking.again()` and `Ranking.plot()` turn to every other method without the weights.

    >>> import numpy as np
    >>> weights = {f"conv{i}.weight": np.random.default_rng(i).normal(size=(8, 4, 3, 3)) for i in range(3)}
    >>> ranking = rank(weights, k=1)
    >>> ranking.selected == (ranking[0].name,)
    True
    """
    if given is not None and reference != "given":
        raise ValueError(f"given goes with reference='given', but reference is {reference!r}")
    if given is None and reference == "given":
        raise ValueError("reference is 'given', but given is None; it is a model or a ranking")
    settings = Settings(
        method=method,
        reference=reference or "uniform",
        order=order,
        granularity=granularity,
        distribution=distribution,
        alignment=alignment,
        temperature=temperature,
        layout=layout,
        keep=keep,
        k=k,
        share=share,
        budget=budget,
    )
    started = time.perf_counter()
    network = read(model, layout)
    weights, skipped, notes = choose(
        network, dense, as_patterns(include, "include"), as_patterns(exclude, "exclude")
    )
    groups = None if group_by is None else labels(weights, group_by)
    with showing(progress) as tell:
        profiles = make_profiles(weights, settings, threads=threads, progress=tell)
    others = None if given is None else given_profiles(weights, given, settings, layout, threads)
    ranking = rank_weights(
        network.name, weights, skipped, profiles, settings, given=others, groups=groups, notes=notes,
        seconds=time.perf_counter() - started,
    )  # fmt: skip
    return ranking


def compare(start: Any, now: Any, sign: str = "positive-negative", **options: Any) -> Ranking:
    """Ranks layers by how far they have moved: KL(now || start) of the distributions of each layer.

    Both are whatever `kldsel.rank()` takes, and so are the options; the layer that moved most is first.
    """
    options.setdefault("order", "high")
    return rank(now, f"kl-{sign}", reference="given", given=start, **options)
