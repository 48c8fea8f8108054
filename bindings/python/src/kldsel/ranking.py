# SPDX-License-Identifier: BSD-3-Clause
"""A ranking of a network's layers: small, immutable, and readable by people and programs."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

from kldsel import lowlevel
from kldsel.errors import MissingError
from kldsel.layers import Skipped, Weight, count_skipped
from kldsel.methods import ALL, METHODS, Method
from kldsel.settings import Settings

if TYPE_CHECKING:
    from kldsel.freezing import Frozen

Profiles = Sequence["lowlevel.Profile"]
Given = Sequence["lowlevel.Profile | None"]


@dataclass(frozen=True)
class RankedLayer:
    """A layer with its score and rank."""

    name: str
    """The framework's own name of the weight, as `layer1.0.conv1.weight`."""
    layer: str
    """The framework's own name of the layer, as `layer1.0.conv1`."""
    type: str
    """Its class, as `Conv2d`; empty if the source does not tell."""
    kind: str
    """`convolution` or `dense`."""
    shape: tuple[int, ...]
    layout: str
    """Order of the axes; `axes` where no named one fits."""
    filters: int
    elements: int
    """Weights in each filter."""
    score: float
    """NaN where undefined."""
    rank: int
    """1 for the best (of its group)."""
    selected: bool
    reason: str | None
    """Why it has no score."""
    group: str | None = None

    @property
    def parameters(self) -> int:
        """Weights in all filters."""
        return self.filters * self.elements


def _scores(
    method: Method, profiles: Profiles, settings: Settings, given: Given | None, groups: Sequence[str] | None
) -> lowlevel.LayerRanking:
    try:
        return lowlevel.rank_profiles(
            profiles,
            given=given if settings.reference == "given" and settings.wants_reference else None,
            groups=groups,
            **settings.for_ranking(method),
        )
    except MissingError as error:
        hint = (
            "" if settings.keep == "all" else "; rank with keep='all' (or method='all') to have every method"
        )
        raise MissingError(f"{method.name}: {error}{hint}") from None


@dataclass(frozen=True, repr=False, eq=False)
class Ranking:
    """The layers of a network, ranked: made by `kldsel.rank()`.

    Iterating gives the layers best first; an index is a layer's name, its place from 0 on, or a slice.
    """

    model: str
    """What was ranked: a file's name, a module's class."""
    layers: tuple[RankedLayer, ...]
    """In network order."""
    skipped: tuple[Skipped, ...]
    """Every other tensor, with the reason why it is no layer to rank."""
    settings: Settings
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """What reading the weights and ranking took."""
    _order: tuple[int, ...] = ()
    _profiles: tuple[lowlevel.Profile, ...] = ()
    _given: tuple[lowlevel.Profile | None, ...] | None = None
    _cache: dict[str, Any] = field(default_factory=dict)

    # --- as a collection

    def __iter__(self) -> Iterator[RankedLayer]:
        return (self.layers[index] for index in self._order)

    def __len__(self) -> int:
        return len(self.layers)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    @overload
    def __getitem__(self, key: str | int) -> RankedLayer: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[RankedLayer, ...]: ...

    def __getitem__(self, key: str | int | slice) -> RankedLayer | tuple[RankedLayer, ...]:
        if isinstance(key, slice):
            return tuple(self.layers[index] for index in self._order[key])
        if isinstance(key, str):
            found = self._find(key)
            if found is None:
                raise KeyError(self._why_missing(key))
            return found
        at = operator.index(key)
        if not -len(self) <= at < len(self):
            raise IndexError(f"place {at} of {len(self)} layers")
        return self.layers[self._order[at]]

    def _find(self, name: str) -> RankedLayer | None:
        if "names" not in self._cache:
            names = {one.name: one for one in self.layers}
            by_layer: dict[str, list[RankedLayer]] = {}
            for one in self.layers:
                by_layer.setdefault(one.layer, []).append(one)
            for layer, owned in by_layer.items():
                if len(owned) == 1:
                    names.setdefault(layer, owned[0])
            self._cache["names"] = names
        found: RankedLayer | None = self._cache["names"].get(name)
        return found

    def _why_missing(self, name: str) -> str:
        for skip in self.skipped:
            if skip.name == name:
                return f"'{name}' is not ranked: {skip.reason}"
        owned = [one.name for one in self.layers if one.layer == name]
        if owned:
            return f"'{name}' has several weights: {', '.join(owned)}"
        return f"no layer '{name}'"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranking):
            return NotImplemented
        return self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self.to_json())

    # --- what it says

    @property
    def method(self) -> str:
        """Name of the method, or `all`."""
        return self.settings.method

    @property
    def names(self) -> tuple[str, ...]:
        """Best first."""
        return tuple(one.name for one in self)

    @property
    def scores(self) -> Mapping[str, float]:
        """By name, in network order; NaN where undefined."""
        return MappingProxyType({one.name: one.score for one in self.layers})

    @property
    def ranks(self) -> Mapping[str, int]:
        """By name, in network order; 1 for the best (of its group)."""
        return MappingProxyType({one.name: one.rank for one in self.layers})

    @property
    def selected(self) -> tuple[str, ...]:
        """Names of the selected layers, best first."""
        return tuple(one.name for one in self if one.selected)

    @property
    def profiles(self) -> Mapping[str, lowlevel.Profile]:
        """What is kept of each layer, by name."""
        return MappingProxyType({one.name: made for one, made in zip(self.layers, self._profiles)})

    def scores_by(self, method: str) -> Mapping[str, float]:
        """The scores of another method, by name; the weights are not read again."""
        if method not in METHODS:
            raise ValueError(f"method is '{method}'; must be one of {', '.join(METHODS)}")
        if method not in self._cache:
            settings = replace(self.settings, k=None, share=None, budget=None)
            if settings.reference == "given" and METHODS[method].measure != "kl":
                settings = replace(settings, reference="uniform")
            ranked = _scores(METHODS[method], self._profiles, settings, self._given, self._groups())
            self._cache[method] = ranked.scores
        return MappingProxyType({one.name: score for one, score in zip(self.layers, self._cache[method])})

    def _groups(self) -> list[str] | None:
        groups = [one.group for one in self.layers]
        return None if None in groups else [str(one) for one in groups]

    def again(self, method: str | None = None, **changes: Any) -> Ranking:
        """The same layers ranked otherwise, by another method or selection; the weights are not read again.

        What profiles are made with cannot change: granularity, distribution, layout, the reference `within`;
        and methods other than the one ranked by need what only `keep="all"` keeps.
        """
        made_with = ("granularity", "distribution", "layout", "keep")
        wrong = sorted(name for name in changes if name in made_with)
        if wrong:
            raise ValueError(f"{wrong[0]} is what the profiles were made with; call kldsel.rank() again")
        allowed = [one.name for one in fields(Settings) if one.name not in (*made_with, "method")]
        for name in changes:
            if name not in allowed:
                raise TypeError(f"again() has no option {name}; it has {', '.join(allowed)}")
        if {"k", "share", "budget"} & changes.keys():
            changes = {"k": None, "share": None, "budget": None, **changes}
        settings = replace(self.settings, method=method or self.method, **changes)
        return _assemble(
            self.model, self.layers, self.skipped, settings, self.notes, 0.0, self._profiles, self._given,
            self._groups(),
        )  # fmt: skip

    @property
    def parameters(self) -> int:
        """Weights of all ranked layers."""
        return sum(one.parameters for one in self.layers)

    @property
    def skipped_text(self) -> str:
        """How many tensors are no layers to rank, by the kind of reason."""
        return count_skipped(self.skipped)

    # --- as data

    def to_dict(self) -> dict[str, Any]:
        """What `to_json()` writes: the keys of the program kldsel-rank."""
        from kldsel.report_data import as_dict

        return as_dict(self)

    def to_json(self) -> str:
        """The JSON of the program kldsel-rank."""
        from kldsel.json_text import dumps

        return dumps(self.to_dict())

    def to_csv(self) -> str:
        """The CSV of the program kldsel-rank: RFC 4180, a row for each layer in network order."""
        from kldsel.report_data import as_csv

        return as_csv(self)

    def to_pandas(self) -> Any:
        """A pandas DataFrame with a row for each layer, best first, indexed by name."""
        import pandas as pd

        from kldsel.report_data import COLUMNS, row

        columns = [*COLUMNS, *(("group",) if self._groups() is not None else ())]
        frame = pd.DataFrame([row(one) for one in self], columns=["name", *columns])
        if self.method == ALL:
            for at, method in enumerate(METHODS):
                scores = self.scores_by(method)
                frame.insert(frame.columns.get_loc("score") + at, method, [scores[one.name] for one in self])
        return frame.set_index("name")

    def __repr__(self) -> str:
        from kldsel.table import ranking_table

        return ranking_table(self)

    def _repr_html_(self) -> str:
        from kldsel.html import ranking_html

        return ranking_html(self)

    # --- to use it

    def plot(self, kind: str = "depth", ax: Any = None) -> Any:
        """Draws the scores by depth (`depth`), or those of the six methods as a heat map (`methods`).

        Needs matplotlib; gives the Axes.
        """
        from kldsel.plot import plot_ranking

        return plot_ranking(self, kind, ax)

    def apply(self, model: Any, **options: Any) -> Frozen:
        """Freezes all of a model but the layers selected; `kldsel.freeze()` has the options."""
        from kldsel.freezing import freeze

        return freeze(model, self, **options)

    def export(self, target: str, path: Any = None) -> Any:
        """The selection as a trainer's own configuration: `peft`, `axolotl`, `timm`, `keras`, `names`.

        See `kldsel.export`. With a path it is also written there.
        """
        from kldsel.export import export

        return export(self, target, path)


def _assemble(
    model: str,
    layers: Sequence[RankedLayer],
    skipped: tuple[Skipped, ...],
    settings: Settings,
    notes: tuple[str, ...],
    seconds: float,
    profiles: Profiles,
    given: Given | None,
    groups: Sequence[str] | None,
) -> Ranking:
    if settings.k is not None and settings.k > len(layers):
        raise ValueError(f"k is {settings.k}; there are {len(layers)} layers to choose from")
    method = settings.ranking_method
    ranked = _scores(method, profiles, settings, given, groups)
    made = [
        replace(
            layer,
            score=ranked.scores[at],
            rank=ranked.ranks[at] + 1,
            selected=bool(ranked.selected[at]),
            reason=lowlevel.reason_text(ranked.reasons[at]) if int(ranked.reasons[at]) else None,
            group=None if groups is None else groups[at],
        )
        for at, layer in enumerate(layers)
    ]
    cache: dict[str, Any] = {method.name: ranked.scores}
    return Ranking(
        model, tuple(made), skipped, settings, notes, seconds, tuple(ranked.order), tuple(profiles),
        None if given is None else tuple(given), cache,
    )  # fmt: skip


def rank_weights(
    model: str,
    weights: Sequence[Weight],
    skipped: Sequence[Skipped],
    profiles: Profiles,
    settings: Settings,
    *,
    given: Given | None = None,
    groups: Sequence[str] | None = None,
    notes: Sequence[str] = (),
    seconds: float = 0.0,
) -> Ranking:
    """A ranking of layers whose profiles are made, here or on another machine."""
    layers = [
        RankedLayer(
            name=weight.name,
            layer=weight.layer,
            type=weight.type,
            kind=weight.layer_kind,
            shape=weight.shape,
            layout=weight.layout or ("axes" if weight.axes else "oihw"),
            filters=profile.filters,
            elements=profile.elements,
            score=math.nan,
            rank=0,
            selected=False,
            reason=None,
        )
        for weight, profile in zip(weights, profiles)
    ]
    return _assemble(model, layers, tuple(skipped), settings, tuple(notes), seconds, profiles, given, groups)
