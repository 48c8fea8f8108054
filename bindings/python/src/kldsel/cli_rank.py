# SPDX-License-Identifier: BSD-3-Clause
"""The command `rank`: the options, the JSON and the CSV of the program kldsel-rank."""

from __future__ import annotations

import argparse
import math
import re
import sys
from dataclasses import replace
from typing import Any

from kldsel import lowlevel
from kldsel.errors import KldselError
from kldsel.layers import CLASSES, NothingToRankError, Skipped, choose_layers, count_skipped, name_of
from kldsel.methods import ALL, DEFAULT, METHODS
from kldsel.profiles import make_profiles
from kldsel.progress import showing
from kldsel.ranking import Ranking, rank_weights
from kldsel.settings import CHOICES, Settings
from kldsel.sources import read, tells_types
from kldsel.table import printable

AUTO = "auto"
# As the program says it; only how to ask for what was left out differs from Python's words.
_REASONS = {"dense": "dense: ranked with --dense only", "name": "left out by --include or --exclude"}
_CLASSES = {**CLASSES, "dense": "dense (--dense)"}
_REFERENCES = tuple(name for name in CHOICES["reference"] if name != "given")


class CommandError(ValueError):
    """Wrong usage of the command line."""


def add_rank_options(parser: argparse.ArgumentParser) -> None:
    """The options of kldsel-rank, by the same names."""
    add = parser.add_argument
    add("file", metavar="FILE")
    add(
        "-m",
        "--method",
        default=DEFAULT,
        metavar="MEASURE-SIGN",
        help="cosine-SIGN, kl-SIGN or share-SIGN with SIGN all, positive, negative or positive-negative "
        "(share: positive or negative); or all, which shows them all and ranks by the default, " + DEFAULT,
    )
    add(
        "-r",
        "--reference",
        default="uniform",
        metavar="NAME",
        help="what kl compares with: uniform (default), others, previous, next, within",
    )
    add(
        "-o",
        "--order",
        metavar="NAME",
        help="what ranks first: low (default of kl and share-negative) or high (default of the others)",
    )
    add(
        "-s",
        "--select",
        metavar="N|P%",
        help="mark the best N layers, or the best P percent".replace("%", "%%"),
    )
    add(
        "-l",
        "--layout",
        metavar="NAME",
        help="axes of the convolutions: oihw (PyTorch, default for .safetensors and .pt), hwio (Keras), ohwi "
        "(TensorFlow Lite), iohw (PyTorch transposed), hwoi (Keras transposed), hwim (Keras depthwise); or "
        "auto, what each layer's type, name and shape tell (default for .onnx, .keras and .h5)",
    )
    add("-d", "--dense", action="store_true", help="rank dense layers, too")
    add(
        "-i",
        "--include",
        action="append",
        metavar="PATTERN",
        help="rank layers of these names only (repeatable)",
    )
    add(
        "-e",
        "--exclude",
        action="append",
        metavar="PATTERN",
        help="leave layers of these names out (repeatable)",
    )
    add("--granularity", default="filter", metavar="NAME", help="filter (default) or kernel")
    add("--distribution", default="profile", metavar="NAME", help="profile (default) or pairs")
    add("--alignment", default="quantile", metavar="NAME", help="quantile (default) or index")
    add("-t", "--temperature", default="1", metavar="T", help="of the softmax, default 1")
    add("-j", "--threads", default="0", metavar="N", help="0 (default) for all cores")
    # The last one holds, as in the program.
    add("--json", dest="format", action="store_const", const="json", default="table", help="print JSON")
    add("--csv", dest="format", action="store_const", const="csv", help="print CSV")
    add("-v", "--verbose", action="store_true", help="list the skipped tensors")


def _choose(option: str, text: str | None, allowed: tuple[str, ...]) -> str | None:
    if text is None or text in allowed:
        return text
    raise CommandError(f"--{option} '{text}': must be one of {', '.join(allowed)}")


_WHOLE = r"[+-]?\d+"
_DECIMAL = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def _read(text: str, whole: bool) -> float:
    """A decimal number as the program kldsel-rank reads it; NaN if it is none.

    >>> _read("2.5", False), _read("0x1p-1", False), _read("2.5", True)
    (2.5, nan, nan)
    """
    return float(text) if re.fullmatch(_WHOLE if whole else _DECIMAL, text, re.ASCII) else math.nan


def _number(option: str, text: str, whole: bool) -> float:
    key = lowlevel.Option.THREADS if whole else lowlevel.Option.TEMPERATURE
    lowest, highest = lowlevel.bounds(key)
    value = _read(text, whole)
    if not lowest <= value <= highest:
        raise CommandError(f"--{option} '{text}': must be a number from {lowest:g} to {highest:g}")
    return value


def read_select(text: str | None) -> dict[str, Any]:
    """The selection as arguments of `kldsel.rank()`.

    >>> read_select("25%"), read_select("3"), read_select(None)
    ({'share': 0.25}, {'k': 3}, {})
    """
    if text is None:
        return {}
    if text.endswith("%") and 0 <= _read(text[:-1], whole=False) <= 100:
        return {"share": _read(text[:-1], whole=False) / 100}
    if 0 <= _read(text, whole=True) <= 2**53:
        return {"k": int(text)}
    raise CommandError(f"--select '{text}': must be a count of layers or a share as in 25%")


def _settings(options: argparse.Namespace) -> Settings:
    if options.method != ALL and options.method not in METHODS:
        raise CommandError(
            f"--method '{options.method}': must be all, cosine-SIGN or kl-SIGN with SIGN all, positive, "
            "negative or positive-negative, share-positive or share-negative"
        )
    if options.reference == "given":
        raise CommandError("--reference 'given': needs a second network; see the command compare")
    layout = _choose("layout", options.layout, (*CHOICES["layout"], AUTO))
    if layout is None and not tells_types(options.file):
        layout = "oihw"
    return Settings(
        method=options.method,
        reference=str(_choose("reference", options.reference, _REFERENCES)),
        order=_choose("order", options.order, CHOICES["order"]),
        granularity=str(_choose("granularity", options.granularity, CHOICES["granularity"])),
        distribution=str(_choose("distribution", options.distribution, CHOICES["distribution"])),
        alignment=str(_choose("alignment", options.alignment, CHOICES["alignment"])),
        temperature=_number("temperature", options.temperature, whole=False),
        layout=None if layout == AUTO else layout,
        **read_select(options.select),
    )


def _in_options(skipped: tuple[Skipped, ...]) -> tuple[Skipped, ...]:
    return tuple(replace(one, reason=_REASONS.get(one.why, one.reason)) for one in skipped)


def _rank(options: argparse.Namespace) -> Ranking:
    settings = _settings(options)
    threads = int(_number("threads", options.threads, whole=True))
    network = read(options.file, settings.layout)
    weights, skipped = choose_layers(
        network, dense=options.dense, include=options.include, exclude=options.exclude, named=name_of
    )
    skipped = _in_options(skipped)
    if not weights:
        raise NothingToRankError(f"{options.file}: no layer to rank: {count_skipped(skipped, _CLASSES)}")
    if settings.k is not None and settings.k > len(weights):
        raise CommandError(f"{options.file}: --select {settings.k}: more than the {len(weights)} layers")
    try:
        with showing(sys.stderr.isatty()) as tell:
            profiles = make_profiles(weights, settings, threads=threads, progress=tell)
        return rank_weights(options.file, weights, skipped, profiles, settings)
    except KldselError as error:
        raise type(error)(f"{options.file}: {error}") from error


def run_rank(options: argparse.Namespace) -> str:
    """The report to print."""
    ranking = _rank(options)
    if options.png:
        from kldsel.cli import save_png

        save_png(ranking, options.png, "depth")
    if options.format == "json":
        return ranking.to_json() + "\n"
    if options.format == "csv":
        return ranking.to_csv()
    lines = [repr(ranking)]
    if options.verbose:
        lines += [f"  {printable(one.name)}: {printable(one.reason)}" for one in ranking.skipped]
    return "\n".join(lines) + "\n"
