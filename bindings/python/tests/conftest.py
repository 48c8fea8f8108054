# SPDX-License-Identifier: BSD-3-Clause
"""How the tests run.

With Debian's packages alone, tests of other packages are skipped. `KLDSEL_TEST_ALL=1` makes a skipped test a
failure; `KLDSEL_TEST_WITHOUT_NUMPY=1` hides NumPy, as if it were not installed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Keras takes its backend when it is first imported; .ci/run chooses them in turn. No test opens a window.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "Agg")

if os.environ.get("KLDSEL_TEST_WITHOUT_NUMPY"):
    sys.modules["numpy"] = None  # type: ignore[assignment]  # makes every import of it fail

try:
    import hypothesis
except ImportError:
    pass
else:
    # The same examples in each run; no deadline on machines that do other work.
    hypothesis.settings.register_profile("kldsel", derandomize=True, deadline=None, database=None)
    hypothesis.settings.load_profile("kldsel")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Forking wants to come before JAX has started the threads that it never ends.
    items.sort(key=lambda item: item.path.name != "test_processes.py")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("KLDSEL_TEST_ALL") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("KLDSEL_TEST_ALL is set, and tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter is not None and reporter.stats.get("skipped")
    if os.environ.get("KLDSEL_TEST_ALL") and skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
