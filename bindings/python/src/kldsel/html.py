# SPDX-License-Identifier: BSD-3-Clause
"""A ranking as HTML, for notebooks. Colours are the notebook's own, so that it reads on light and dark."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from kldsel.table import score_text, summary_lines

if TYPE_CHECKING:
    from kldsel.ranking import RankedLayer, Ranking

_CELL = "text-align:right;padding:0 .8em 0 0;white-space:nowrap"
_TEXT = "text-align:left;padding:0 .8em 0 0;white-space:nowrap"
_SHOWN = 60


def _row(layer: RankedLayer, measure: str, largest: float, grouped: bool) -> str:
    share = abs(layer.score) / largest if largest > 0 and math.isfinite(layer.score) else 0.0
    if layer.reason is not None:
        bar = f"<i>{escape(layer.reason)}</i>"
    else:
        colour = "#0072b2" if layer.selected else "#999999"
        bar = (
            f'<div style="background:{colour};height:.8em;width:{100 * share:.1f}%;min-width:1px" '
            f'title="{layer.score!r}"></div>'
        )
    weight = "bold" if layer.selected else "normal"
    group = f'<td style="{_TEXT}">{escape(layer.group or "")}</td>' if grouped else ""
    return (
        f'<tr style="font-weight:{weight}"><td style="{_CELL}">{layer.rank}</td>{group}'
        f'<td style="{_TEXT}"><code>{escape(layer.name)}</code></td>'
        f'<td style="{_TEXT}">{escape(layer.type or layer.kind)}</td>'
        f'<td style="{_CELL}">{layer.filters} × {layer.elements}</td>'
        f'<td style="{_CELL}">{score_text(layer.score, measure)}</td>'
        f'<td style="min-width:12em;text-align:left">{bar}</td></tr>'
    )


def ranking_html(ranking: Ranking) -> str:
    """A table with bars; those of the selected layers are coloured. Long rankings are cut in the middle."""
    layers = list(ranking)
    finite = [abs(one.score) for one in layers if math.isfinite(one.score)]
    largest = max(finite, default=0.0)
    measure = ranking.settings.ranking_method.measure
    grouped = any(one.group is not None for one in layers)
    rows = [_row(one, measure, largest, grouped) for one in layers]
    if len(rows) > _SHOWN:
        half = _SHOWN // 2
        cut = f'<tr><td colspan="7" style="{_TEXT}">… {len(rows) - 2 * half} more …</td></tr>'
        rows = [*rows[:half], cut, *rows[-half:]]
    heads = ["rank", *(["group"] if grouped else []), "layer", "type", "filters × elements", "score", ""]
    head = "".join(f'<th style="{_TEXT}">{one}</th>' for one in heads)
    notes = "<br>".join(escape(line) for line in summary_lines(ranking))
    return (
        f"<div><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f'<p style="opacity:.8">{notes}</p></div>'
    )
