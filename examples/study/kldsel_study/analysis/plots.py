# SPDX-License-Identifier: BSD-3-Clause
"""The pictures of docs/study.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kldsel_study.analysis.frames import ALONE, CELL, EVERYTHING, HEAD_ONLY, NO_SIZE, RANDOM
from kldsel_study.analysis.tables import DEFAULT, SHOWN, cell_name

_BLUE, _GREY, _RED = "#2a6f97", "#8d99ae", "#bc4749"


def _new(rows: int, columns: int, figsize: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=figsize)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Figure, path: Path) -> None:
    # The same table gives the same file.
    with mpl.rc_context({"svg.hashsalt": "kldsel"}):
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def arms(differences: pd.DataFrame, over: pd.DataFrame, size: str, path: Path) -> None:
    """Points over random layers: a dot each cell, a bar the mean over them; the best on top."""
    table = over[(over["size"] == size) & over.arm.isin(SHOWN)].sort_values("difference")
    figure, panels = _new(1, 1, figsize=(8, 0.26 * len(table) + 1.2))
    axes = panels[0, 0]
    for place, row in enumerate(table.itertuples()):
        colour = _BLUE if row.arm.startswith(("kl-", "cosine-", "share-")) else _GREY
        axes.barh(place, row.difference, color=colour, alpha=0.45)
        cells = differences[(differences["size"] == size) & (differences.arm == row.arm)].difference
        axes.plot(cells, np.full(len(cells), place), "o", color=colour, markersize=4)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(table)), list(table.arm), fontsize=8)
    axes.set_xlabel(f"points of accuracy over random layers, {size} of each; a dot each network and target")
    axes.margins(y=0.01)
    _save(figure, path)


_PALETTE = (
    "#2a6f97",
    "#bc4749",
    "#386641",
    "#e09f3e",
    "#6a4c93",
    "#00838f",
    "#8d6e63",
    "#c2185b",
    "#555555",
    "#9e9d24",
)
_ANSWER = (EVERYTHING, ALONE, "most parameters", "middle", "kl-positive low", DEFAULT, "SNR", "last", "first",
           f"{DEFAULT.removesuffix('low')}high", HEAD_ONLY)  # fmt: skip


def answer(differences: pd.DataFrame, over: pd.DataFrame, path: Path) -> None:
    """One layer trained: points over a random layer, a dot each network and target, a bar their mean."""
    table = over[over["size"] == "1"].set_index("arm")
    shown = [arm for arm in _ANSWER if arm in table.index]
    networks = list(dict.fromkeys(differences.network))
    figure, panels = _new(1, 1, figsize=(8, 0.4 * len(shown) + 1.6))
    axes = panels[0, 0]
    single = differences[differences["size"] == "1"]
    for place, arm in enumerate(reversed(shown)):
        mean = table.difference[arm]
        axes.barh(place, mean, color=_BLUE if arm.startswith("kl-") else _GREY, alpha=0.35)
        for at, network in enumerate(networks):
            dots = single[(single.arm == arm) & (single.network == network)].difference
            # Beside each other, so that none hides another.
            height = place + 0.5 * ((at + 0.5) / len(networks) - 0.5)
            axes.plot(dots, np.full(len(dots), height), "o", color=_PALETTE[at % len(_PALETTE)], markersize=4.5,
                      label=network if place == 0 else None)  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.8)
    names = [f"{arm} (default)" if arm == DEFAULT else arm for arm in reversed(shown)]
    axes.set_yticks(range(len(shown)), names, fontsize=9)
    axes.set_xlabel("points of accuracy over a random layer; bars are means over the networks")
    axes.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _save(figure, path)


def gains(table: pd.DataFrame, path: Path) -> None:
    """What each layer gains if it is trained alone, by its depth; a panel a cell."""
    cells = list(table.groupby(CELL, sort=False))
    columns = min(3, len(cells))
    rows = -(-len(cells) // columns)
    figure, axes = _new(rows, columns, figsize=(4 * columns, 2.6 * rows))
    for panel in axes.flat[len(cells) :]:
        panel.axis("off")
    for panel, (values, group) in zip(axes.flat, cells, strict=False):
        panel.errorbar(group["index"], group.gain, yerr=2 * group.error, fmt="o", color=_BLUE, markersize=3.5)
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set_title(cell_name(*values), fontsize=9)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.supxlabel("layer, in network order", fontsize=9)
    figure.supylabel("points over the head alone (± 2 standard errors)", fontsize=9)
    figure.tight_layout()
    _save(figure, path)


def taus(table: pd.DataFrame, path: Path) -> None:
    """Kendall's tau of every score with the gains, a column a cell."""
    wide = table.assign(cell=[cell_name(*one) for one in table[CELL].to_numpy()])
    wide = wide.pivot_table(index="score", columns="cell", values="tau", sort=False)
    figure, panels = _new(1, 1, figsize=(1.1 * wide.shape[1] + 3, 0.22 * len(wide) + 1.5))
    axes = panels[0, 0]
    picture = axes.imshow(wide, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    axes.set_yticks(range(len(wide)), list(wide.index), fontsize=7)
    axes.set_xticks(range(wide.shape[1]), list(wide.columns), fontsize=7, rotation=40, ha="right")
    for (row, column), value in np.ndenumerate(wide.to_numpy()):
        if np.isfinite(value):
            axes.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=6)
    figure.colorbar(picture, ax=axes, shrink=0.5, label="Kendall's tau with the gain")
    _save(figure, path)


def sizes(means: pd.DataFrame, path: Path) -> None:
    """Accuracy by the number of layers: the default method, the last, the first, random ones; a panel a cell."""
    shown = {RANDOM: _GREY, "last": _RED, "first": "#e09f3e", "kl-positive-negative low": _BLUE,
             "most parameters": "#386641"}  # fmt: skip
    counts = ["1", "2", "3"]
    cells = [(one, group) for one, group in means.groupby(CELL, sort=False) if set(counts) <= set(group["size"])]
    if not cells:
        return
    figure, axes = _new(1, len(cells), figsize=(3.4 * len(cells), 3))
    for panel, (values, group) in zip(axes.flat, cells, strict=True):
        for arm, colour in shown.items():
            line = group[(group.arm == arm) & group["size"].isin(counts)].sort_values("size")
            panel.plot(line["size"].astype(int), line.accuracy, "o-", color=colour, label=arm, markersize=4)
        for arm, style in ((HEAD_ONLY, ":"), (EVERYTHING, "--")):
            level = group[(group.arm == arm) & (group["size"] == NO_SIZE)].accuracy
            panel.axhline(level.mean(), color="black", linewidth=0.8, linestyle=style, label=arm)
        panel.set_title(cell_name(*values), fontsize=9)
        panel.set_xticks([1, 2, 3])
    axes[0, 0].set_ylabel("accuracy, %")
    axes[0, -1].legend(fontsize=6)
    figure.supxlabel("layers trained", fontsize=9)
    figure.tight_layout()
    _save(figure, path)
