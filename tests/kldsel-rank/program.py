# SPDX-License-Identifier: BSD-3-Clause
"""Runs kldsel-rank and checks what must hold for every run."""

import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from typing import ClassVar

# What the program runs under, "valgrind -q --error-exitcode=99" say.
WRAPPER = shlex.split(os.environ.get("KLDSEL_RANK_WRAPPER", ""))


def some(runs, step):
    """All of them; under a wrapper, where each takes most of a second, every step-th."""
    return runs[:: step if WRAPPER else 1]


class ProgramTest(unittest.TestCase):
    executable = None
    # Where OpenBLAS chooses badly, it is told better, so that no advice is given.
    environment: ClassVar[dict] = {}

    @classmethod
    def setUpClass(cls):
        version = cls().run_program("--version").stdout.decode()
        better = re.search(r" better=(\w+)$", version, re.M)
        cls.environment = {"OPENBLAS_CORETYPE": better[1]} if better else {}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, content, name="net.safetensors"):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def run_program(self, *arguments, stdout=subprocess.PIPE, **variables):
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **self.environment, **variables}
        if "COLUMNS" not in variables:
            environment.pop("COLUMNS", None)
        return subprocess.run(
            [*WRAPPER, self.executable, *arguments],
            stdout=stdout,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=120,
            check=False,
        )

    def most_memory(self, *arguments):
        """Most resident memory of a run, in bytes, and how it ended."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            started = subprocess.Popen(
                [self.executable, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=errors
            )
            _, status, usage = os.wait4(started.pid, 0)
            started.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            done = subprocess.CompletedProcess(arguments, started.returncode, b"", errors.read())
        return 1024 * usage.ru_maxrss, done

    def good(self, *arguments, **variables):
        """The output of a run that must succeed and say nothing on stderr."""
        done = self.run_program(*arguments, **variables)
        self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
        return done.stdout.decode()

    def report(self, *arguments):
        return json.loads(self.good("--json", *arguments))

    def check_failure(self, done):
        """Exit status 2, nothing on stdout, one clean line on stderr, which is returned."""
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout or b"", b"")
        text = done.stderr.decode()
        self.assertTrue(text.startswith("kldsel-rank: ") and text.endswith("\n"), text)
        self.assertTrue(text[:-1].isprintable(), repr(text))
        return text

    def bad(self, *arguments, says=""):
        text = self.check_failure(self.run_program(*arguments))
        self.assertIn(says, text)
        return text
