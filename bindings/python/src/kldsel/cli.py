# SPDX-License-Identifier: BSD-3-Clause
"""The command line: `python -m kldsel`.

`rank` has the options and the JSON of the program kldsel-rank, so that either can stand for the other.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from kldsel import errors, lowlevel
from kldsel.cli_rank import CommandError, add_rank_options, run_rank
from kldsel.json_text import dumps
from kldsel.patterns import as_patterns
from kldsel.table import Column, lay_out, printable

PROGRAM = "kldsel"
WRONG = 2


class _Parser(argparse.ArgumentParser):
    """One line for wrong usage, as for every other problem."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(message)


def _version_text() -> str:
    version, library = lowlevel.version(), lowlevel.library_file()
    return (
        f"kldsel-rank {version} with libkldsel {version}\n{lowlevel.build_info()}\n"
        f"{library.path} ({library.origin})"
    )


def _parser() -> _Parser:
    parser = _Parser(
        prog=PROGRAM,
        description="Which layers of a pretrained network to train, told from its weights.",
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print versions, and which library runs")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    rank = commands.add_parser("rank", help="rank the layers of a network", allow_abbrev=False)
    add_rank_options(rank)
    rank.add_argument("--png", metavar="FILE", help="draw the scores by depth, too")
    rank.set_defaults(run=run_rank)

    compare = commands.add_parser(
        "compare", help="how far each layer of B is from that of A", allow_abbrev=False
    )
    compare.add_argument("start", metavar="A")
    compare.add_argument("now", metavar="B")
    compare.add_argument(
        "--sign", default="positive-negative", metavar="NAME", help="sign part (default: %(default)s)"
    )
    compare.add_argument("--png", metavar="FILE", help="draw the divergences by depth, too")
    _add_choice(compare)
    compare.set_defaults(run=_run_compare)

    plot = commands.add_parser("plot", help="draw the scores of a network's layers", allow_abbrev=False)
    plot.add_argument("file", metavar="FILE")
    plot.add_argument("--png", required=True, metavar="FILE", help="where to write the picture")
    plot.add_argument(
        "--kind",
        default="depth",
        choices=("depth", "methods"),
        help="scores by depth, or ranks by all six methods",
    )
    plot.add_argument("-m", "--method", default="kl-positive-negative", metavar="MEASURE-SIGN")
    plot.add_argument(
        "-s", "--select", metavar="N|P%%", help="colour the best N layers, or the best P percent"
    )
    _add_choice(plot, formats=False)
    plot.set_defaults(run=_run_plot)

    info = commands.add_parser("info", help="what a file holds, and what would be ranked", allow_abbrev=False)
    info.add_argument("file", metavar="FILE")
    _add_choice(info)
    info.set_defaults(run=_run_info)
    return parser


def _add_choice(parser: argparse.ArgumentParser, formats: bool = True) -> None:
    parser.add_argument(
        "-l", "--layout", metavar="NAME", help="axes of the convolutions, where they are not told"
    )
    parser.add_argument("-d", "--dense", action="store_true", default=None, help="dense layers, too")
    parser.add_argument(
        "-i", "--include", action="append", metavar="PATTERN", help="layers of these names only"
    )
    parser.add_argument(
        "-e", "--exclude", action="append", metavar="PATTERN", help="leave layers of these names out"
    )
    if formats:
        kinds = parser.add_mutually_exclusive_group()
        kinds.add_argument("--json", action="store_true", help="print JSON")
        kinds.add_argument("--csv", action="store_true", help="print CSV")


def _choice(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "layout": options.layout,
        "dense": options.dense,
        "include": as_patterns(options.include),
        "exclude": as_patterns(options.exclude),
        "progress": sys.stderr.isatty(),
    }


def _run_compare(options: argparse.Namespace) -> str:
    from kldsel.api import compare

    ranking = compare(options.start, options.now, options.sign, **_choice(options))
    if options.png:
        save_png(ranking, options.png, "depth")
    if options.json:
        return ranking.to_json() + "\n"
    return ranking.to_csv() if options.csv else f"{ranking!r}\n"


def save_png(ranking: Any, path: str, kind: str) -> None:
    """Draws without a display."""
    try:
        import matplotlib
    except ImportError:
        raise CommandError("--png needs matplotlib, which is not installed") from None
    matplotlib.use("Agg")
    ranking.plot(kind).figure.savefig(path, dpi=144)


def _run_plot(options: argparse.Namespace) -> str:
    from kldsel.api import rank
    from kldsel.cli_rank import read_select

    keep = "all" if options.kind == "methods" else "method"
    ranking = rank(options.file, options.method, keep=keep, **read_select(options.select), **_choice(options))
    save_png(ranking, options.png, options.kind)
    return ""


def _run_info(options: argparse.Namespace) -> str:
    from kldsel.layers import choose_layers
    from kldsel.sources import read

    network = read(options.file, options.layout)
    chosen, skipped = choose_layers(
        network, dense=bool(options.dense), include=options.include, exclude=options.exclude
    )
    why = {one.name: one.reason for one in skipped}
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "shape": list(one.shape),
            "dtype": one.dtype,
            "type": one.type or None,
            "layout": (one.layout or ("axes" if one.axes else None)) if one.name not in why else None,
            "reason": why.get(one.name),
        }
        for one in network.weights
    ]
    if options.json:
        return dumps({"model": network.name, "tensors": rows}) + "\n"
    if options.csv:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["name", "shape", "dtype", "type", "layout", "reason"])
        for row in rows:
            writer.writerow(["x".join(map(str, v)) if k == "shape" else v for k, v in row.items()])
        return text.getvalue()
    table = [
        Column("tensor", [printable(str(row["name"])) for row in rows], left=True),
        Column("shape", ["×".join(map(str, one.shape)) or "-" for one in network.weights], left=True),
        Column("dtype", [str(row["dtype"]) for row in rows], left=True),
        Column("layout", [str(row["layout"] or "") for row in rows], left=True),
        Column("not ranked because", [printable(str(row["reason"] or "")) for row in rows], left=True),
    ]
    found = lowlevel.version()
    return "\n".join(
        [
            *lay_out(table),
            "",
            f"{len(chosen)} of {len(rows)} tensors are layers to rank",
            f"libkldsel {found}: {lowlevel.build_info()}",
            "",
        ]
    )


def _problem(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return str(error) or type(error).__name__


def _write(text: str) -> None:
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        stream.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0, or 2 with one line on stderr and nothing on stdout."""
    try:
        options = _parser().parse_args(arguments)
        if options.version:
            text = _version_text() + "\n"
        elif options.command is None:
            raise CommandError("no command is named; see --help")
        else:
            text = options.run(options)
        _write(text)
    except BrokenPipeError:
        # Whoever read has seen enough; nothing more may be written at the end, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except (OSError, ValueError, TypeError, ImportError, MemoryError, errors.KldselError) as error:
        sys.stderr.write(f"{PROGRAM}: {printable(_problem(error))}\n")
        return WRONG
    except KeyboardInterrupt:
        return 130
    return 0
