# SPDX-License-Identifier: BSD-3-Clause
"""A bar for long work: tqdm's if it is installed, else a line on stderr. Silent in the first second."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Tell = Callable[[int, int], Any]
DELAY = 1.0


class _Bar:
    """tqdm's bar, made when the first second is over."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._bar: Any = None
        self._begin = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.monotonic() - self._begin < DELAY:
                return
            self._bar = self._tqdm(
                total=total, unit=" weights", unit_scale=True, leave=False, file=sys.stderr
            )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Line:
    """Percents on stderr, wiped at the end."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._percent = -1

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        if percent == self._percent or time.monotonic() - self._begin < DELAY:
            return
        self._percent = percent
        sys.stderr.write(f"\r{percent:3d} % of the weights")
        sys.stderr.flush()

    def close(self) -> None:
        if self._percent >= 0:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _make() -> _Bar | _Line:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Line()
    return _Bar(tqdm)


@contextlib.contextmanager
def showing(progress: bool | Tell) -> Iterator[Tell | None]:
    """What to tell how far the work is; True for a bar."""
    if progress is not True:
        if progress and not callable(progress):
            raise TypeError(f"progress is {progress!r}; must be True, False or callable with (done, total)")
        yield progress or None
        return
    bar = _make()
    try:
        yield bar
    finally:
        bar.close()
