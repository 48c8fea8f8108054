# SPDX-License-Identifier: BSD-3-Clause
"""Writes what is made of the results into docs/study.md, or prints the one table of the quick form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kldsel_study import gradients, places, scores, search_table
from kldsel_study.analysis import compare, frames, paper, plots, shape_free, tables, tau
from kldsel_study.arms import SIZES
from kldsel_study.results import Runs

DOCUMENT = places.REPOSITORY / "docs" / "study.md"
QUICK_CELL = ("fashion_vgg", "mnist", 200)
QUICK_SEEDS = 3
TOLD_SIZES = ("1", "3")
FEW_IMAGES = 200
"""What is told of several networks together is of this many images to train on."""
IMAGES = places.REPOSITORY / "docs" / "images"
DETAILS = places.RESULTS / "details"
"""Where tables go that are made of the runs and too long for the document."""


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


@dataclass(frozen=True)
class Made:
    """What is made of a table of runs."""

    runs: Runs
    scores: frames.Scores
    arms: pd.DataFrame
    means: pd.DataFrame
    gains: pd.DataFrame
    taus: pd.DataFrame
    over: dict[str, pd.DataFrame]
    """Each arm less a baseline, per cell, by the baseline's name."""


def made_of(runs: Runs) -> Made:
    """All frames that tables and plots are drawn from."""
    of = _saved_scores()
    arms = frames.whole(frames.by_arm(runs, of, gradients.saved()))
    layer_gains = frames.gains(frames.tested(runs), lambda network: len(of(network)))
    baselines = {"random layers": frames.RANDOM, "the last": "last", "most parameters": "most parameters"}
    return Made(
        runs, of, arms, compare.means(arms), layer_gains, tau.taus(layer_gains, of, gradients.saved()),
        {name: compare.against(arms, baseline) for name, baseline in baselines.items()},
    )  # fmt: skip


def few(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of cells with few images."""
    return table[table.images == FEW_IMAGES]


def blocks(made: Made) -> dict[str, str]:
    """The tables of the document, by name."""
    over = {name: compare.over_networks(few(one)) for name, one in made.over.items()}
    random = made.over["random layers"]
    found = {
        "coverage": tables.coverage(made.runs, made.arms),
        "pretrained": tables.pretrained(),
        "claims": paper.claims(),
        "ours": paper.ours(few(made.means)),
        "orders": paper.orders(few(made.arms)),
        "shape": tables.shape(tau.with_parameters(made.scores, scores.networks())),
        "cost": tables.cost(made.runs, made.gains),
        "quick": quick_table(made.runs),
        "gains": tables.per_layer(made.gains),
        "held out": tables.held_out(shape_free.held_out(few(made.taus), few(random))),
        "images": tables.by_images(made.means, random),
        "cifar100": tables.over_random(made.means[made.means.target == "cifar100"], random),
        "searches": tables.searches(search_table.saved(), made.means),
    }
    found["cells 1"] = tables.by_cell(made.means, ("1",))
    found["cells more"] = tables.by_cell(made.means, tuple(size for size in SIZES if size != "1"))
    whole, inside = tau.summary(few(made.taus)), tau.summary(few(made.taus), "tau_shape")
    further = whole.arm.str.contains("/")
    found["taus"] = tables.tau_summary(whole[~further], inside)
    found["taus more"] = tables.tau_summary(whole[further], inside)
    for size in TOLD_SIZES:
        found[f"over {size}"] = tables.over(over, size)
    return found


def details(made: Made) -> dict[str, str]:
    """What is too long for the document, as CSV, by the file's name."""
    found = {
        "arms": made.means,
        "gains": made.gains,
        "taus": made.taus,
        **{f"over_{name.split()[-1]}": one for name, one in made.over.items()},
    }
    return {
        f"{name}.csv": one.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        for name, one in found.items()
    }


def _draw(made: Made) -> None:
    differences = few(made.over["random layers"])
    over = compare.over_networks(differences)
    plots.answer(differences, over, IMAGES / "study-answer.svg")
    for size in TOLD_SIZES:
        plots.arms(differences, over, size, IMAGES / f"study-arms-{size}.svg")
    plots.sizes(made.means, IMAGES / "study-sizes.svg")
    plots.gains(made.gains, IMAGES / "study-gains.svg")
    plots.taus(few(made.taus), IMAGES / "study-taus.svg")


def write(path: Path, only_quick: bool) -> None:
    """From a table of runs, tables and plots; in the quick form one table, printed."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; `run` makes it")
    runs = Runs(path)
    if only_quick:
        print(quick_table(runs))
        return
    made = made_of(runs)
    text = fill(DOCUMENT.read_text(encoding="utf-8"), blocks(made))
    DOCUMENT.write_text(text, encoding="utf-8")
    DETAILS.mkdir(exist_ok=True)
    for name, content in details(made).items():
        (DETAILS / name).write_text(content, encoding="utf-8")
    _draw(made)
