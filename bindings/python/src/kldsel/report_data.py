# SPDX-License-Identifier: BSD-3-Clause
"""A ranking as plain data, with the names and the order of the program kldsel-rank."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kldsel import lowlevel
from kldsel.methods import ALL, METHODS

if TYPE_CHECKING:
    from kldsel.ranking import RankedLayer, Ranking

COLUMNS = (
    "layer", "type", "kind", "shape", "layout", "filters", "elements", "parameters", "score", "rank",
    "selected", "reason",
)  # fmt: skip


def row(layer: RankedLayer) -> dict[str, Any]:
    """A layer as a flat record."""
    names = ("name", *COLUMNS, "group")
    return {name: getattr(layer, name) for name in names}


def shown_methods(ranking: Ranking) -> tuple[str, ...]:
    """The methods whose scores a report shows."""
    return tuple(METHODS) if ranking.method == ALL else (ranking.method,)


def as_dict(ranking: Ranking) -> dict[str, Any]:
    """The object that the program's README documents."""
    scores = {method: ranking.scores_by(method) for method in shown_methods(ranking)}
    settings = ranking.settings
    grouped = any(layer.group is not None for layer in ranking.layers)
    return {
        "model": ranking.model,
        "method": ranking.method,
        "reference": settings.reference,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "filters": layer.filters,
                "elements": layer.elements,
                "scores": {method: of[layer.name] for method, of in scores.items()},
                "rank": layer.rank,
                "selected": layer.selected,
                "reason": layer.reason,
                **({"group": layer.group} if grouped else {}),
            }
            for layer in ranking.layers
        ],
        "skipped": [{"name": one.name, "reason": one.reason} for one in ranking.skipped],
        "order": settings.first,
        "granularity": settings.granularity,
        "distribution": settings.distribution,
        "alignment": settings.alignment,
        "temperature": float(settings.temperature),
        "layout": settings.layout or "auto",
        "version": lowlevel.version(),
    }


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(one in text for one in ',"\r\n') else text


def as_csv(ranking: Ranking) -> str:
    """Lines end in CRLF; an undefined score is an empty field."""
    methods = shown_methods(ranking)
    scores = [ranking.scores_by(method) for method in methods]
    lines = [",".join(("name", "kind", "filters", "elements", *methods, "rank", "selected", "reason"))]
    for layer in ranking.layers:
        values = [of[layer.name] for of in scores]
        fields = (
            _field(layer.name),
            layer.kind,
            str(layer.filters),
            str(layer.elements),
            *(f"{value:.17g}" if math.isfinite(value) else "" for value in values),
            str(layer.rank),
            "true" if layer.selected else "false",
            _field(layer.reason or ""),
        )
        lines.append(",".join(fields))
    return "\r\n".join(lines) + "\r\n"
