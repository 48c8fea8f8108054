# SPDX-License-Identifier: BSD-3-Clause
"""What can be said of each layer without data: the library's scores, others', and plain shape."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import kldsel
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kldsel_study import places
from kldsel_study.chain import Chain
from kldsel_study.standard import standardised

FILE = places.RESULTS / "scores.csv"
COST = places.RESULTS / "cost.csv"
REFERENCES = ("others", "previous", "within")
"""Of the divergences, beside uniform."""
SHAPE = ("depth", "middle", "filters", "elements", "parameters")
"""What a layer's shape and place alone say; the controls."""
_SIGNS = ("all", "positive", "negative", "positive-negative")


def signal_to_noise(weights: NDArray[np.floating]) -> float:
    """Spectrum's ratio (arXiv 2406.06623) of a filter matrix, (M, K).

    Singular values above the edge of Marchenko and Pastur over those below, divided by the largest one; the noise's
    deviation is taken from the quartiles of the singular values. As in the authors' program: 1 stands for no noise.
    """
    values = np.linalg.svd(weights.astype(np.float64), compute_uv=False)
    low, high = np.quantile(values, [0.25, 0.75])
    sides = sorted(weights.shape)
    edge = (high - low) / 1.349 * (1 + np.sqrt(sides[0] / sides[1]))
    signal, noise = values[values > edge].sum(), values[values <= edge].sum()
    return float(signal / (noise or 1.0) / values[0])


def of(chain: Chain) -> pd.DataFrame:
    """A row for each layer in network order, a column for each score.

    Columns are the library's methods by name, with `/others` and so on for another reference than uniform, `/kernel`
    for that granularity, `/z` for units of an untrained layer's spread; `snr`; and what `SHAPE` names, elements being
    those of one filter.
    """
    base = kldsel.rank(chain, "all")
    names = [one.name for one in base.layers]
    if names != chain.layers():
        raise ValueError(f"the package ranks {names}; the network has {chain.layers()}")
    columns: dict[str, list[float]] = {
        "depth": [float(at) for at in range(len(names))],
        # Layers that are as near to either end, the largest being in the middle.
        "middle": [float(min(at, len(names) - 1 - at)) for at in range(len(names))],
        "filters": [float(one.filters) for one in base.layers],
        "elements": [float(one.elements) for one in base.layers],
        "parameters": [float(one.parameters) for one in base.layers],
    }
    for method in kldsel.METHODS:
        columns[method] = list(base.scores_by(method).values())
    for reference in REFERENCES:
        for sign in _SIGNS:
            ranking = kldsel.rank(chain, f"kl-{sign}", reference=reference)
            columns[f"kl-{sign}/{reference}"] = list(ranking.scores.values())
    kernel = kldsel.rank(chain, "all", granularity="kernel")
    for measure in ("cosine", "kl"):
        for sign in _SIGNS:
            columns[f"{measure}-{sign}/kernel"] = list(kernel.scores_by(f"{measure}-{sign}").values())
    weights = dict(chain.named_parameters())
    columns["snr"] = [
        signal_to_noise(weights[one.name].detach().numpy().reshape(one.filters, one.elements)) for one in base.layers
    ]
    table = pd.DataFrame({"layer": names, **columns})
    return pd.concat([table, standardised(table)], axis=1)


def cost(chain: Chain, repeats: int = 7) -> dict[str, float]:
    """Seconds of processor time that scoring a network takes, the shortest of some tries."""
    weights = dict(chain.named_parameters())
    layers = kldsel.rank(chain).layers
    matrices = [weights[one.name].detach().numpy().reshape(one.filters, one.elements) for one in layers]
    timed: dict[str, Callable[[], object]] = {
        "one_method": lambda: kldsel.rank(chain, threads=1),
        "all_methods": lambda: kldsel.rank(chain, "all", threads=1),
        "snr": lambda: [signal_to_noise(one) for one in matrices],
    }
    found = {}
    for name, call in timed.items():
        seconds = []
        for _ in range(repeats):
            started = time.process_time()
            call()
            seconds.append(time.process_time() - started)
        found[name] = min(seconds)
    return found


def save_cost(tables: dict[str, dict[str, float]]) -> None:
    """Writes the seconds of these networks; the rows of others stay."""
    fresh = pd.DataFrame.from_dict(tables, orient="index")
    if COST.exists():
        fresh = _replaced(pd.read_csv(COST).set_index("network"), fresh)
    fresh.to_csv(COST, index_label="network", float_format="%.6f", lineterminator="\n")


def _replaced(old: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Rows of the networks in `fresh` from there, of others from `old`; both have the network as index."""
    return pd.concat([old[~old.index.isin(fresh.index)], fresh])


def save(tables: dict[str, pd.DataFrame]) -> None:
    """Writes the scores of these networks, to the digits in which processors agree; the rows of others stay."""
    fresh = pd.concat(tables, names=["network", None]).reset_index(level=1, drop=True)
    if FILE.exists():
        # As they stand there: to read a number and write it again may change its last digit.
        fresh = _replaced(pd.read_csv(FILE, dtype=str).set_index("network"), fresh.map(_text))
    fresh.to_csv(FILE, float_format="%.12g", lineterminator="\n")


def _text(value: float | str) -> str | float:
    return f"{value:.12g}" if isinstance(value, float) and math.isfinite(value) else value


def networks() -> list[str]:
    """Those whose scores are saved."""
    return list(dict.fromkeys(pd.read_csv(FILE).network))


def saved(network: str) -> pd.DataFrame:
    """The scores of a network, as of the last save."""
    table = pd.read_csv(FILE)
    found = table[table.network == network].drop(columns="network").reset_index(drop=True)
    if found.empty:
        raise ValueError(f"{FILE}: has no network {network}")
    return found
