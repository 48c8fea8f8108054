# SPDX-License-Identifier: BSD-3-Clause
"""Writes what is made of the results into docs/study.md, or prints the one table of the quick form."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kldsel_study import gradients, places, scores
from kldsel_study.analysis import compare, frames, paper, plots, tables, tau
from kldsel_study.networks import SOURCES
from kldsel_study.results import Runs

DOCUMENT = places.REPOSITORY / "docs" / "study.md"
QUICK_CELL = ("fashion_vgg", "mnist", 200)
QUICK_SEEDS = 3
TOLD_SIZES = ("1", "3")
IMAGES = places.REPOSITORY / "docs" / "images"


def fill(text: str, blocks: dict[str, str]) -> str:
    """The text with each block between its two comments; ValueError if it has no place for one."""
    for name, block in blocks.items():
        start, end = f"<!-- made: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{DOCUMENT.name} has no place for the table {name}")
        text = f"{before}{start}{block}\n{end}{after}"
    return text


def _saved_scores() -> frames.Scores:
    known: dict[str, pd.DataFrame] = {}

    def of(network: str) -> pd.DataFrame:
        if network not in known:
            known[network] = scores.saved(network)
        return known[network]

    return of


def quick(runs: Runs) -> Runs:
    """The runs of the quick form, which are some of those of the whole."""
    some = Runs(runs.path)
    some.rows = {
        key: outcome
        for key, outcome in runs.rows.items()
        if (key.network, key.target, key.images) == QUICK_CELL and key.seed <= QUICK_SEEDS
    }
    return some


def quick_table(runs: Runs) -> str:
    """Accuracy of the arms at one layer, and Kendall's tau of the scores that the arms are made of."""
    of = _saved_scores()
    runs = quick(runs)
    none = pd.DataFrame(columns=gradients.COLUMNS)
    layer_gains = frames.gains(frames.tested(runs), lambda network: len(of(network)))
    found = tau.taus(layer_gains, of, none)
    parts = (
        tables.accuracy(compare.means(frames.by_arm(runs, of, none)), "1"),
        tables.taus(found[~found.score.str.contains("/")]),
    )
    return "\n\n".join(parts)


def blocks(runs: Runs) -> dict[str, str]:
    """The tables of the document, by name."""
    of = _saved_scores()
    arms = frames.by_arm(runs, of, gradients.saved())
    means = compare.means(arms)
    layer_gains = frames.gains(frames.tested(runs), lambda network: len(of(network)))
    made = {"coverage": tables.coverage(runs)}
    for baseline in (frames.RANDOM, "last"):
        each = compare.against(arms, baseline)
        for size in TOLD_SIZES:
            made[f"over {baseline} {size}"] = tables.differences(each, compare.over_cells(each), size)
    for size in TOLD_SIZES:
        made[f"accuracy {size}"] = tables.accuracy(means, size)
    made["claims"] = paper.claims()
    made["orders"] = paper.orders(arms)
    made["shape"] = tables.shape(tau.with_parameters(of, list(SOURCES)))
    made["cost"] = tables.cost(runs)
    made["quick"] = quick_table(runs)
    made["gains"] = tables.per_layer(layer_gains)
    made["taus"] = tables.taus(tau.taus(layer_gains, of, gradients.saved()))
    return made


def _draw(runs: Runs) -> None:
    of = _saved_scores()
    arms = frames.by_arm(runs, of, gradients.saved())
    differences = compare.against(arms, frames.RANDOM)
    plots.arms(differences, compare.over_cells(differences), "3", IMAGES / "study-arms.svg")
    plots.sizes(compare.means(arms), IMAGES / "study-sizes.svg")
    layer_gains = frames.gains(frames.tested(runs), lambda network: len(of(network)))
    plots.gains(layer_gains, IMAGES / "study-gains.svg")
    plots.taus(tau.taus(layer_gains, of, gradients.saved()), IMAGES / "study-taus.svg")


def write(path: Path, only_quick: bool) -> None:
    """From a table of runs, tables and plots; in the quick form one table, printed."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; `run` makes it")
    runs = Runs(path)
    if only_quick:
        print(quick_table(runs))
        return
    made = fill(DOCUMENT.read_text(encoding="utf-8"), blocks(runs))
    DOCUMENT.write_text(made, encoding="utf-8")
    _draw(runs)
