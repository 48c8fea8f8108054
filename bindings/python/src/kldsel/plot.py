# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of a ranking, by matplotlib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kldsel.methods import METHODS, PAPER, random_value
from kldsel.table import fit

if TYPE_CHECKING:
    from kldsel.ranking import Ranking

# Okabe and Ito's colours, told apart by everybody.
_SELECTED = "#0072b2"
_OTHER = "#999999"
_RANDOM = "#d55e00"
_MOST_TICKS = 60


def _axes(ax: Any, size: tuple[float, float]) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _short(names: list[str]) -> list[str]:
    """Names without the part that all of them end in."""
    for end in (".weight", "/kernel"):
        if all(name.endswith(end) for name in names):
            return [fit(name[: -len(end)], 32) for name in names]
    return [fit(name, 32) for name in names]


def _label_layers(ax: Any, names: list[str], axis: str) -> None:
    step = math.ceil(len(names) / _MOST_TICKS)
    places = list(range(0, len(names), step))
    labels = [_short(names)[place] for place in places]
    if axis == "x":
        ax.set_xticks(places, labels, rotation=90, fontsize=8)
    else:
        ax.set_yticks(places, labels, fontsize=8)


def plot_depth(ranking: Ranking, ax: Any = None) -> Any:
    """The score of each layer by its place in the network, against that of a layer of random weights."""
    layers = ranking.layers
    width = min(16.0, max(7.2, 2.0 + 0.16 * len(layers)))
    ax = _axes(ax, (width, 4.8))
    method = ranking.settings.ranking_method
    places = [at for at, one in enumerate(layers) if math.isfinite(one.score)]
    scores = [layers[at].score for at in places]
    colours = [_SELECTED if layers[at].selected else _OTHER for at in places]
    ax.vlines(places, random_value(method), scores, colors=colours, linewidth=1.5, zorder=2)
    for selected, label in ((True, "selected"), (False, "not selected")):
        at = [place for place in places if layers[place].selected == selected]
        if at:
            colour = _SELECTED if selected else _OTHER
            ax.scatter(at, [layers[one].score for one in at], c=colour, s=22, zorder=3, label=label)
    ax.axhline(
        random_value(method),
        color=_RANDOM,
        linewidth=1,
        linestyle="--",
        label="random gaussian weights",
        zorder=1,
    )
    _label_layers(ax, [one.name for one in layers], "x")
    reference = f", reference {ranking.settings.reference}" if ranking.settings.wants_reference else ""
    ax.set_ylabel("divergence [nats]" if method.measure == "kl" else method.measure)
    ax.set_xlabel("layer, in network order")
    ax.set_title(f"{method.name}{reference}", fontsize=10, loc="left", pad=22)
    ax.set_xlim(-0.8, len(layers) - 0.2)
    ax.margins(y=0.08)
    # Above the axes, where no layer can be under it.
    ax.legend(
        fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=3, columnspacing=1
    )
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_methods(ranking: Ranking, ax: Any = None) -> Any:
    """The ranks by the six methods of the paper, as a heat map; the scores have no common scale."""
    names = [one.name for one in ranking.layers]
    count = len(names)
    grid = []
    for method in PAPER:
        scores = ranking.scores_by(method)
        sign = 1.0 if METHODS[method].order == "low" else -1.0
        values = [sign * scores[name] for name in names]
        order = sorted((at for at in range(count) if math.isfinite(values[at])), key=lambda at: values[at])
        ranks = [math.nan] * count
        for place, at in enumerate(order, start=1):
            ranks[at] = float(place)
        grid.append(ranks)
    height = min(14.0, max(3.0, 1.5 + 0.22 * min(count, _MOST_TICKS)))
    ax = _axes(ax, (7.0, height))
    rows = [[ranks[at] for ranks in grid] for at in range(count)]
    image = ax.imshow(rows, aspect="auto", cmap="viridis_r", interpolation="nearest", vmin=1, vmax=count)
    ax.set_xticks(range(len(PAPER)), [_two_lines(name) for name in PAPER], fontsize=8)
    _label_layers(ax, names, "y")
    if count <= 30:
        for at, ranks in enumerate(rows):
            for column, rank in enumerate(ranks):
                if math.isfinite(rank):
                    dark = rank > 0.55 * count
                    ax.text(
                        column, at, str(int(rank)), ha="center", va="center", fontsize=7,
                        color="white" if dark else "black",
                    )  # fmt: skip
    bar = ax.figure.colorbar(image, ax=ax, label="rank (1 is trained first)")
    bar.ax.invert_yaxis()
    ax.set_title("ranks by method, in network order from the top", fontsize=10)
    return ax


def _two_lines(method: str) -> str:
    measure, _, sign = method.partition("-")
    return f"{measure}\n{sign.replace('positive-negative', 'pos-neg')}"


def plot_ranking(ranking: Ranking, kind: str = "depth", ax: Any = None) -> Any:
    """One of the two pictures."""
    if kind == "depth":
        return plot_depth(ranking, ax)
    if kind == "methods":
        return plot_methods(ranking, ax)
    raise ValueError(f"kind is {kind!r}; must be depth or methods")
