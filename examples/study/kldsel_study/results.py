# SPDX-License-Identifier: BSD-3-Clause
"""The runs' table: a CSV that only ever grows, by whole rows, from any number of processes."""

from __future__ import annotations

import csv
import fcntl
import io
import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path

RECIPE = 1
"""Of training. A change to what a run computes takes the next number, so that old rows do not stand for new ones."""


@dataclass(frozen=True)
class Key:
    """What makes a run; two runs of the same key give the same row, but for its seconds."""

    recipe: int
    network: str
    target: str
    images: int
    part: str
    """`search` is judged by the validation images, `test` by the test images."""
    seed: int
    rate: float
    layers: str
    """Trained ones by their numbers in network order, as `3+7`; `none` but the head, or `all`."""


@dataclass(frozen=True)
class Outcome:
    """What a run gave."""

    parameters: int
    """Trained, without the head's."""
    correct: int
    judged: int
    """Images that `correct` counts among."""
    loss: float
    """Mean cross-entropy over the last pass of the training images, in nats."""
    seconds: float
    """Of processor time, for training; neither what is kept for all runs nor judging is in it."""


COLUMNS = tuple(field.name for kind in (Key, Outcome) for field in fields(kind))


def name_layers(layers: tuple[int, ...], count: int) -> str:
    """The layers' column of a network with `count` layers.

    >>> name_layers((7, 3), 19), name_layers((), 19), name_layers((1, 0), 2)
    ('3+7', 'none', 'all')
    """
    if not layers:
        return "none"
    return "all" if len(layers) == count else "+".join(str(one) for one in sorted(layers))


def read_layers(name: str, count: int) -> tuple[int, ...]:
    """The layers that a column names.

    >>> read_layers("3+7", 19), read_layers("none", 19), read_layers("all", 2)
    ((3, 7), (), (0, 1))
    """
    if name == "none":
        return ()
    return tuple(range(count)) if name == "all" else tuple(int(one) for one in name.split("+"))


class Runs:
    """The rows of a file, known by their keys."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[Key, Outcome] = {}
        if path.exists():
            with path.open(newline="") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self._read(file.read())

    def _read(self, text: str) -> None:
        if text and not text.endswith("\n"):
            raise ValueError(f"{self.path}: the last line is not whole; delete it")
        rows = csv.reader(io.StringIO(text))
        header = next(rows, None)
        if header is not None and tuple(header) != COLUMNS:
            raise ValueError(f"{self.path}: the columns are {header}; must be {list(COLUMNS)}")
        for row in rows:
            recipe, network, target, images, part, seed, rate, layers, *rest = row
            key = Key(int(recipe), network, target, int(images), part, int(seed), float(rate), layers)
            parameters, correct, judged, loss, seconds = rest
            self.rows[key] = Outcome(int(parameters), int(correct), int(judged), float(loss), float(seconds))

    def add(self, key: Key, outcome: Outcome) -> None:
        """Appends a row: all of it or, if the machine stops, nothing or a last line that is seen to be cut."""
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, os.SEEK_END) == 0:
                writer.writerow(COLUMNS)
            writer.writerow((*astuple(key), outcome.parameters, outcome.correct, outcome.judged,
                             f"{outcome.loss:.6g}", f"{outcome.seconds:.3f}"))  # fmt: skip
            file.write(line.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
        self.rows[key] = outcome

    def __contains__(self, key: Key) -> bool:
        return key in self.rows
