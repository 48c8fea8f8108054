# SPDX-License-Identifier: BSD-3-Clause
"""The processes that are measured: libkldsel's worker and the contenders, each alive for the whole run."""

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TUNING = ("OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_")


class Process:
    """A process that answers each line with a line of JSON."""

    def __init__(self, name: str, command: list[str], core: str | None = None) -> None:
        """Start it; core is OpenBLAS's core type, None for the one that it chooses itself."""
        # As shipped means that no setting of the caller's reaches the libraries.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(TUNING)}
        if core is not None:
            environment["OPENBLAS_CORETYPE"] = core
        # A processor for each thread, as for the library's (placement.c).
        environment |= {"OMP_PROC_BIND": "true", "OMP_PLACES": "threads"}
        self.name = name
        # A file, not a pipe: nobody empties it while the process talks.
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )

    def ask(self, line: str) -> dict:
        """Send a request and wait for the answer."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.process.wait()
            self.errors.seek(0)
            errors = self.errors.read().strip().splitlines()
            raise RuntimeError(f"{self.name} ended: {errors[-1] if errors else 'no message'}")
        return json.loads(answer)

    def close(self) -> None:
        """Let it end."""
        if self.errors.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Library(Process):
    """libkldsel, in the worker written in C; a layer set is named by a number."""

    def __init__(self, worker: Path, core: str | None = None) -> None:
        """Start the worker."""
        super().__init__("libkldsel", [str(worker)], core)

    def command(self, *words: object) -> dict:
        """Send a command."""
        return self.ask(" ".join(str(word) for word in words))

    def network(
        self, name: str, dtype: str = "f32", layout: str = "oihw", times: int = 1, most_mib: int = 0
    ) -> dict:
        """Draw a network's weights as set 0."""
        return self.command("network", 0, name, times, dtype, layout, most_mib)

    def shape(self, filters: int, channels: int, kernel: int, layers: int, dtype: str = "f32") -> dict:
        """Draw layers of one shape as set 0."""
        return self.command("shape", 0, filters, channels, kernel, layers, dtype)

    def copy(self, mib: int) -> int:
        """Lay copies beside set 0 until all together take so much; return how many there are."""
        return self.command("copy", 0, mib)["copies"]

    def drop(self) -> None:
        """Forget set 0."""
        self.command("drop", 0)

    def time(self, methods: int, threads: int, rounds: int) -> dict:
        """Time the first so many methods on set 0, in turn with reading it once, each on the next copy."""
        return self.command("time", 0, methods, threads, rounds)


class Contender(Process):
    """Another way to the six methods, or to a scan, in a process of its own."""

    def __init__(self, module: str, python: str, core: str | None = None) -> None:
        """Start the module of contenders/ with this Python."""
        super().__init__(module, [python, str(HERE / "contenders" / "serve.py"), module], core)

    def request(self, op: str, **arguments: object) -> dict:
        """Send a request."""
        return self.ask(json.dumps({"op": op, **arguments}))
