# SPDX-License-Identifier: BSD-3-Clause
"""The tests of Keras on the other backends: a process has one, taken when Keras is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ALL = ("jax", "torch")


@pytest.mark.parametrize("backend", ALL)
def test_on_the_other_backends(backend):
    pytest.importorskip("keras")
    pytest.importorskip(backend)
    if os.environ["KERAS_BACKEND"] == backend:
        return  # the tests themselves run on it
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    files = [str(TESTS / name) for name in ("test_freezing_keras.py", "test_training_keras.py")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(TESTS.parent),
            *files,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout
