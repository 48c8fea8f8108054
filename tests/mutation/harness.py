# SPDX-License-Identifier: BSD-3-Clause
"""The library with one file changed, and the tests against it."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

# Of a compile command, what names files, and what makes it slow.
DROPPED = re.compile(r"-c|-MD|-g|-Werror|-O\w|-U?_FORTIFY_SOURCE.*|-D_FORTIFY_SOURCE.*")
LEVELS = "-DKLDSEL_HAVE_X86_LEVELS"
KERNELS = re.compile(r"libkldsel-kernels-(\w+)\.a")
WITH_VALUE = ("-o", "-MQ", "-MF")
KERNEL_TESTS = ("test_kernels_convert", "test_kernels_exponential", "test_kernels_lines", "test_kernels_products")
QUICK = "KLDSEL_TEST_QUICK"
LONGEST = 900  # seconds, of a test with all its sizes
MEMORY = 8 << 30
LIMITS = ("prlimit", "--core=0", f"--as={MEMORY}")


@dataclass(frozen=True)
class Instrument:
    """What watches the tests as they run; or what is in the build that they run in."""

    wrapper: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    levels: bool = False
    """Of every CPU level, not of the baseline alone."""


BASELINE, LEVELS_TOO = Instrument(LIMITS), Instrument(LIMITS, levels=True)


def run(command, **options):
    return subprocess.run(
        [str(one) for one in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **options,
    )


def built(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        raise SystemExit(f"mutate: {shlex.join(map(str, command))}\n{done.stdout.decode()}")


def arguments_of(entry):
    """Compiler and arguments of an entry of compile_commands.json, independent of the folder."""
    words, kept = iter(shlex.split(entry["command"])), []
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif word.startswith("-I"):
            kept.append("-I" + str((Path(entry["directory"]) / word[2:]).resolve()))
        elif word != entry["file"] and not DROPPED.fullmatch(word):
            kept.append(word)
    return [*kept, "-g0", "-O1", "-w"]


class Harness:
    """Compiles mutants of the library, for the baseline level alone unless told otherwise, and runs the tests of a
    build folder."""

    def __init__(self, root, build, work, instrument=BASELINE):
        self.root, self.build, self.work, self.instrument = root, build, work, instrument
        levels = instrument.levels
        commands = json.loads((build / "compile_commands.json").read_text())
        self.entries, self.sources, self.kernels, tests = {}, {}, set(), {}
        for entry in commands:
            path = (Path(entry["directory"]) / entry["file"]).resolve()
            arguments = [one for one in arguments_of(entry) if levels or one != LEVELS]
            if path.parent == root / "libkldsel":
                level = KERNELS.search(entry["output"])
                above = level and level[1] != "baseline"
                if above and not levels:
                    continue
                name = f"{level[1]}-{path.name}" if above else path.name
                self.entries[name], self.sources[name] = arguments, path.name
                if level:
                    self.kernels.add(name)
            elif path.stem in KERNEL_TESTS:
                tests[path] = arguments
        self.libraries = [
            *shlex.split(subprocess.check_output(["pkg-config", "--libs", *self._packages()], text=True)),
            "-lm",
            "-pthread",
            *(one for one in self.entries["version.c"] if one.startswith("-fsanitize")),
        ]
        self.objects = work / ("objects-of-levels" if levels else "objects")
        self.objects.mkdir(parents=True, exist_ok=True)
        for name in self.entries:
            built(self._compile(name, self.objects / f"{name}.o"), cwd=root)
        for path, arguments in tests.items():
            built([*arguments, "-c", path, "-o", self.objects / f"{path.stem}.o"], cwd=root)
        self.dependents = self._dependents()
        self.order, self.lock = {}, threading.Lock()
        self.seconds = {}
        self.with_more_sizes = {
            path.stem for path in (root / "tests").glob("test_*.c") if "test_quick()" in path.read_text()
        }

    def _packages(self):
        return ["check", *(["openblas"] if "blas_openblas.c" in self.entries else [])]

    def _compile(self, name, output):
        return [*self.entries[name], "-c", f"libkldsel/{self.sources[name]}", "-o", output]

    def _dependents(self):
        """The C files that see each file of the library."""
        seen = {}
        for name, arguments in self.entries.items():
            done = run([*arguments, "-MM", f"libkldsel/{self.sources[name]}"], cwd=self.root)
            for word in done.stdout.decode().split():
                if word.startswith("libkldsel/"):
                    seen.setdefault(word, set()).add(name)
        return seen

    def weight(self, name):
        """Sorts C files by how much is to be read with them."""
        return name in self.kernels, name != self.sources[name], name

    def preprocessor(self, name):
        """What clang needs to know of a file."""
        return [one for one in self.entries[name] if one.startswith(("-I", "-D", "-std", "-isystem"))]

    # ---- one mutant ----

    def _farm(self, worker):
        """A folder that looks like the sources."""
        folder = self.work / f"worker-{worker}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "libkldsel").mkdir(parents=True)
        for path in (self.root / "libkldsel").iterdir():
            (folder / "libkldsel" / path.name).symlink_to(path)
        return folder

    def prepare(self, worker, mutant=None):
        """The folder with what has changed compiled; or, in a word, why there is nothing to run."""
        folder = self._farm(worker)
        changed = {}
        if mutant is not None:
            text = (self.root / mutant.file).read_bytes()
            (folder / mutant.file).unlink()
            (folder / mutant.file).write_bytes(text[: mutant.start] + mutant.text.encode() + text[mutant.end :])
            for name in sorted(self.dependents[mutant.file]):
                output = folder / f"{name}.o"
                if run(self._compile(name, output), cwd=folder).returncode != 0:
                    return folder, "invalid"
                if output.read_bytes() != (self.objects / f"{name}.o").read_bytes():
                    changed[name] = output
            if not changed:
                return folder, "equivalent"
        objects = {name: changed.get(name, self.objects / f"{name}.o") for name in self.entries}
        self._link(folder, objects, mutant is not None and not self.kernels & set(changed))
        return folder, None

    def _link(self, folder, objects, whole_kernels):
        library, version_script = folder / "libkldsel.so.1", self.root / "libkldsel" / "kldsel.map"
        built(
            [
                "gcc",
                "-shared",
                "-o",
                library,
                *objects.values(),
                "-Wl,-soname,libkldsel.so.1",
                f"-Wl,--version-script={version_script}",
                *self.libraries,
            ]
        )
        if whole_kernels:
            return
        kernels = [path for name, path in objects.items() if name in self.kernels]
        support = self.build / "tests" / "libtests-support.a"
        for name in KERNEL_TESTS:
            built(["gcc", "-o", folder / name, self.objects / f"{name}.o", *kernels, support, library, *self.libraries])

    @staticmethod
    def having(folder, tests):
        """Those of the tests that have the fault in them: of some there are programs where kernels have it."""
        return {test for test in tests if test not in KERNEL_TESTS or (folder / test).exists()}

    def program(self, folder, test):
        return folder / test if test in KERNEL_TESTS else self.build / "tests" / test

    def passes(self, folder, test, quick=True):
        """Whether a test is green, with few of its sizes or with all; what hangs is not."""
        variables = {
            **({QUICK: "1"} if quick else {}),
            "CK_FORK": "no",
            "CK_VERBOSITY": "silent",
            "LD_PRELOAD": str(folder / "libkldsel.so.1"),
            **self.instrument.variables,
        }
        process = subprocess.Popen(
            [*self.instrument.wrapper, self.program(folder, test)],
            env={**{name: value for name, value in os.environ.items() if name != QUICK}, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            # Where others use the processors, too, a test takes some times as long.
            return process.wait(5 + 10 * self.seconds.get(test, 60) if quick else LONGEST) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def measure(self, tests):
        """Runs the tests on what has no fault: all must be green."""
        folder, _ = self.prepare("whole")
        for test in tests:
            start = time.monotonic()
            if not self.passes(folder, test):
                raise SystemExit(f"mutate: {test} fails without a fault")
            self.seconds[test] = time.monotonic() - start

    def try_tests(self, worker, mutant, tests, every_size=True):
        """What becomes of a mutant: equivalent, invalid, survived, or the test that kills it."""
        folder, nothing = self.prepare(worker, mutant)
        if nothing:
            return nothing
        tests = self.having(folder, tests)
        stem = Path(mutant.file).stem
        with self.lock:
            killers = self.order.setdefault(mutant.file, [])
            first = [test for test in killers if test in tests]
        rest = sorted(tests - set(first), key=lambda test: (test != f"test_{stem}", self.seconds[test]))
        for test in (*first, *rest):
            if not self.passes(folder, test):
                with self.lock:
                    if test in killers:
                        killers.remove(test)
                    killers.insert(0, test)
                return test
        for test in sorted(tests & self.with_more_sizes if every_size else (), key=self.seconds.get):
            if not self.passes(folder, test, quick=False):
                return test
        return "survived"
