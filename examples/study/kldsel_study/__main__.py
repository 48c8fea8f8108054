# SPDX-License-Identifier: BSD-3-Clause
"""`python -m kldsel_study`: check the networks, score their layers, train, and tell what came of it."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from kldsel_study import places
from kldsel_study.arms import COUNTS
from kldsel_study.networks import SOURCES
from kldsel_study.plan import PARTS, PASSES, SEEDS
from kldsel_study.targets import READERS

RUNS = places.RESULTS / "runs.csv"


def _share(text: str) -> tuple[int, int]:
    mine, of = (int(one) for one in text.split("/"))
    if not 1 <= mine <= of:
        raise ValueError(text)
    return mine, of


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kldsel_study", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    networks = argparse.ArgumentParser(add_help=False)
    networks.add_argument("--networks", nargs="+", choices=SOURCES, default=list(SOURCES), metavar="NAME",
                          help=f"of {', '.join(SOURCES)} (default: all)")  # fmt: skip

    commands.add_parser("check", parents=[networks], help="see whether the networks are wired right")
    commands.add_parser("pretrain", parents=[networks], help="train the four families that are sources themselves")
    commands.add_parser("scores", parents=[networks], help="score the layers, write results/scores.csv and cost.csv")

    which = argparse.ArgumentParser(add_help=False, parents=[networks])
    which.add_argument("--targets", nargs="+", choices=READERS, default=list(READERS), metavar="NAME",
                       help=f"of {', '.join(READERS)} (default: all)")  # fmt: skip
    which.add_argument("--images", nargs="+", type=int, choices=PASSES, default=[200, 1000])
    which.add_argument("--seeds", type=int, default=SEEDS, help="draws of images to report (default: %(default)s)")
    which.add_argument("--runs", type=Path, default=RUNS, help="the table of runs")

    run = commands.add_parser("run", parents=[which], help="train what is missing, append to results/runs.csv")
    run.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    run.add_argument("--counts", nargs="+", choices=COUNTS, default=list(COUNTS),
                     help="numbers of layers of the parts count and references")  # fmt: skip
    run.add_argument("--minutes", type=float, default=float("inf"), help="start no run after so long")
    run.add_argument("--share", type=_share, default=(1, 1), metavar="N/OF",
                     help="only every OF-th choice of layers, for one of so many processes")  # fmt: skip

    commands.add_parser("gradients", parents=[which], help="measure gradient norms, append to results/gradients.csv")

    commands.add_parser("search", parents=[which], help="choose layers by evolution, append to results/searches.csv")

    report = commands.add_parser("report", help="tables and plots from results/")
    report.add_argument("--runs", type=Path, default=RUNS)
    report.add_argument("--quick", action="store_true", help="print one table; write nothing")
    return parser


def main() -> int:
    """Runs a command; 2 if something is missing or wrong, which one line tells."""
    options = _parser().parse_args()
    try:
        if options.command == "check":
            from kldsel_study.check import check

            check([SOURCES[name] for name in options.networks])
        elif options.command == "pretrain":
            from kldsel_study.pretrain import pretrain

            pretrain(options.networks)
        elif options.command == "scores":
            from kldsel_study import scores

            chains = {name: SOURCES[name].load() for name in options.networks}
            scores.save({name: scores.of(chain) for name, chain in chains.items()})
            scores.save_cost({name: scores.cost(chain) for name, chain in chains.items()})
        elif options.command == "run":
            from kldsel_study.work import work

            work(options, time.monotonic() + 60 * options.minutes)
        elif options.command == "gradients":
            from kldsel_study.gradients import measure

            measure(options)
        elif options.command == "search":
            from kldsel_study.search import search

            search(options)
        else:
            from kldsel_study.analysis.report import write

            write(options.runs, options.quick)
    except (FileNotFoundError, ValueError) as error:
        print(f"kldsel_study: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kldsel_study: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
