# SPDX-License-Identifier: BSD-3-Clause
"""A checkpoint ranked on the machines of a Dask cluster: each makes profiles of some files, this one ranks.

What travels is the names of the files there and profiles back, a few numbers for each filter; the weights are
read where they are mapped. Every worker must see the files under the same path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kldsel.api import choose
from kldsel.grouping import labels
from kldsel.layers import Network
from kldsel.methods import DEFAULT
from kldsel.patterns import Patterns
from kldsel.profiles import make_profiles
from kldsel.ranking import Ranking, rank_weights
from kldsel.settings import Settings
from kldsel.sources import read
from kldsel.sources.safetensors import shard_paths

if TYPE_CHECKING:
    from kldsel import lowlevel
    from kldsel.grouping import GroupBy


def profile_file(
    path: str, layers: Sequence[tuple[str, dict[str, Any]]], settings: Settings, threads: int | None = None
) -> dict[str, lowlevel.Profile]:
    """Make the profiles of a file's layers, told by name and by what a Weight has; what a worker runs."""
    told = dict(layers)
    weights = [replace(one, **told[one.name]) for one in read(path).weights if one.name in told]
    made = make_profiles(weights, settings, threads=threads)
    return {weight.name: profile for weight, profile in zip(weights, made)}


def _index(model: Any) -> Path | None:
    """The index of a sharded checkpoint, if it is one."""
    if not isinstance(model, (str, os.PathLike)):
        return None
    path = Path(model)
    if path.is_dir():
        found = sorted(path.glob("*.safetensors.index.json"))
        return found[0] if found else None
    return path if path.name.endswith(".index.json") else None


def _read_all(model: Any, layout: str | None) -> tuple[Network, dict[str, str]]:
    """Reads the headers: all tensors, and which file each is in."""
    index = _index(model)
    if index is not None:
        files = shard_paths(index)
    else:
        files = [Path(one) for one in ([model] if isinstance(model, (str, os.PathLike)) else model)]
    networks = [read(file, layout) for file in files]
    where: dict[str, str] = {}
    for file, network in zip(files, networks):
        for weight in network.weights:
            if weight.name in where:
                raise ValueError(f"'{weight.name}' is in {where[weight.name]} and in {file}")
            where[weight.name] = str(file)
    if index is not None:
        return read(index, layout), where
    name = networks[0].name if len(files) == 1 else os.path.commonpath([str(file) for file in files])
    return Network(name, tuple(weight for network in networks for weight in network.weights)), where


def rank(
    model: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    client: Any,
    method: str = DEFAULT,
    *,
    dense: bool | None = None,
    include: Patterns = None,
    exclude: Patterns = None,
    group_by: GroupBy = None,
    threads: int | None = None,
    **options: Any,
) -> Ranking:
    """Rank a checkpoint's layers by a Dask cluster; gives what `kldsel.rank()` gives, to the bit.

    `model` is an index of safetensors files, the folder of one, or a list of files of any kind that
    `kldsel.rank()` reads; `client` is a `dask.distributed.Client`. Each file is a task, which uses so many
    `threads` (default: all cores of its worker). The other options are those of `kldsel.rank()`, but for the
    reference given.
    """
    settings = Settings(method=method, **options)
    if settings.reference == "given":
        raise ValueError("reference is 'given'; a cluster ranks one network")
    started = time.perf_counter()
    network, where = _read_all(model, settings.layout)
    weights, skipped, notes = choose(network, dense, include, exclude)
    by_file: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for weight in weights:
        told = {"layout": weight.layout, "axes": weight.axes, "groups": weight.groups}
        by_file.setdefault(where[weight.name], []).append((weight.name, told))
    tasks = [
        client.submit(profile_file, path, layers, settings, threads, pure=False)
        for path, layers in by_file.items()
    ]
    profiles: dict[str, lowlevel.Profile] = {}
    for made in client.gather(tasks):
        profiles.update(made)
    return rank_weights(
        network.name,
        weights,
        skipped,
        [profiles[weight.name] for weight in weights],
        settings,
        groups=None if group_by is None else labels(weights, group_by),
        notes=notes,
        seconds=time.perf_counter() - started,
    )
