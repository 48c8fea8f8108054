# SPDX-License-Identifier: BSD-3-Clause
"""Tables of plain text, as wide as the terminal allows."""

from __future__ import annotations

import math
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from kldsel.methods import ALL, METHODS

if TYPE_CHECKING:
    from kldsel.ranking import RankedLayer, Ranking

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEAST_NAME = 12
_USUAL_BAR = 24
_MOST_BAR = 40


def printable(text: str) -> str:
    r"""Text of unknown origin, made fit for a terminal.

    >>> print(printable("a\x1b[31m\n"))
    a\x1b[31m\x0a
    """
    return "".join(
        one if one.isprintable() else (f"\\x{ord(one):02x}" if ord(one) < 0x80 else f"\\u{ord(one):04x}")
        for one in text
    )


def columns(text: str) -> int:
    """Columns that printable text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def fit(text: str, width: int) -> str:
    """The text, its middle cut out where it is wider; the end of a name tells more than its beginning.

    >>> fit("layer1.0.conv1.weight", 12)
    'la…v1.weight'
    """
    if columns(text) <= width:
        return text
    head = (width - 1) // 4
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def terminal_width() -> int | None:
    """Columns of the terminal that is printed to; None for no limit."""
    if os.environ.get("COLUMNS", "").isdigit():
        return int(os.environ["COLUMNS"]) or None
    try:
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    except (AttributeError, ValueError):
        return None


class Column(NamedTuple):
    """A column of text."""

    head: str
    cells: Sequence[str]
    left: bool = False

    @property
    def width(self) -> int:
        """Columns of the terminal that it takes."""
        return max((columns(one) for one in (self.head, *self.cells)), default=0)


def lay_out(table: Sequence[Column]) -> list[str]:
    """The lines of a table, the head first."""
    widths = [column.width for column in table]
    lines = []
    for at in range(len(table[0].cells) + 1):
        parts = []
        for column, width in zip(table, widths):
            text = column.cells[at - 1] if at else column.head
            padding = " " * (width - columns(text))
            parts.append(text + padding if column.left else padding + text)
        lines.append("  ".join(parts).rstrip())
    return lines


def bar(share: float, width: int) -> str:
    """A bar of so much of the width.

    >>> bar(0.5, 3)
    '█▌'
    """
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def score_text(score: float, measure: str) -> str:
    """A divergence spans powers of ten, the other measures do not."""
    if math.isnan(score):
        return "-"
    return f"{score:.5e}" if measure == "kl" else f"{score:.6f}"


def _name_cells(names: Sequence[str], limit: int | None, others: int) -> list[str]:
    texts = [printable(name) for name in names]
    if limit is None:
        return texts
    most = max(_LEAST_NAME, limit - others)
    return [fit(text, most) for text in texts]


def _scores(ranking: Ranking, layers: Sequence[RankedLayer]) -> list[Column]:
    if ranking.method != ALL:
        measure = ranking.settings.ranking_method.measure
        return [Column("score", [score_text(one.score, measure) for one in layers])]
    made = []
    for name, method in METHODS.items():
        scores = ranking.scores_by(name)
        texts = [
            f"{scores[one.name]:.2e}" if method.measure == "kl" else f"{scores[one.name]:.4f}"
            for one in layers
        ]
        made.append(Column(name.replace("positive", "pos").replace("negative", "neg"), texts))
    return made


def ranking_lines(ranking: Ranking) -> list[str]:
    """The layers, best first, with bars."""
    layers = list(ranking)
    limit = terminal_width()
    table = [Column("rank", [str(one.rank) for one in layers])]
    if any(one.selected for one in layers):
        table.append(Column("", ["*" if one.selected else "" for one in layers]))
    if any(one.group is not None for one in layers):
        table.append(Column("group", [printable(one.group or "") for one in layers], left=True))
    numbers = [
        Column(
            "kind",
            [one.type or ("conv" if one.kind == "convolution" else "dense") for one in layers],
            left=True,
        ),
        Column("filters", [str(one.filters) for one in layers]),
        Column("elements", [str(one.elements) for one in layers]),
        *_scores(ranking, layers),
    ]
    taken = sum(column.width + 2 for column in (*table, *numbers))
    names = Column("layer", _name_cells([one.name for one in layers], limit, taken + 10), left=True)
    lines = lay_out([*table, names, *numbers])
    if ranking.method == ALL:
        return lines
    width = _USUAL_BAR if limit is None else min(_MOST_BAR, max(0, limit - max(map(columns, lines)) - 2))
    largest = max((abs(one.score) for one in layers if math.isfinite(one.score)), default=0.0)
    for at, one in enumerate(layers, start=1):
        if one.reason is not None:
            lines[at] += f"  {one.reason}"
        elif largest > 0 and math.isfinite(one.score):
            lines[at] = f"{lines[at]}  {bar(abs(one.score) / largest, width)}".rstrip()
    return lines


def summary_lines(ranking: Ranking) -> list[str]:
    """What stands below the table."""
    settings = ranking.settings
    time = f", {1e3 * ranking.seconds:.1f} ms" if 0 < ranking.seconds < 1 else ""
    time = time or (f", {ranking.seconds:.2f} s" if ranking.seconds else "")
    count = len(ranking.layers)
    lines = [f"{count} layer{'' if count == 1 else 's'}, {ranking.parameters} weights{time}"]
    text = "ranked by " if ranking.method == ALL else ""
    text += settings.ranking_method.name
    if settings.wants_reference:
        text += f", reference {settings.reference}"
    text += f", {settings.first} first"
    selected = sum(one.selected for one in ranking.layers)
    lines.append(text + (f"; {selected} selected (*)" if selected else ""))
    lines.extend(ranking.notes)
    if ranking.skipped:
        lines.append(ranking.skipped_text)
    return lines


def ranking_table(ranking: Ranking) -> str:
    """The table and what stands below it."""
    return "\n".join([*ranking_lines(ranking), "", *summary_lines(ranking)])
