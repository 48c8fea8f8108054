# SPDX-License-Identifier: BSD-3-Clause
"""Faults that an instrument or another build alone is to notice, each tried with it: `told_by` in survivors.toml."""

import platform
from pathlib import Path

from harness import LEVELS_TOO, Harness, Instrument

INSTRUMENTS = {
    # What is preloaded does not find the address sanitizer in the first place.
    "sanitizers": Instrument(
        ("prlimit", "--core=0"),
        {"ASAN_OPTIONS": "verify_asan_link_order=0:strict_string_checks=1", "UBSAN_OPTIONS": "halt_on_error=1"},
    ),
    # Its runtime cannot place its shadow where the kernel randomises addresses widely.
    "threads": Instrument(("setarch", platform.machine(), "-R"), {"TSAN_OPTIONS": "halt_on_error=1"}),
    "valgrind": Instrument(("valgrind", "--quiet", "--error-exitcode=99")),
    "levels": LEVELS_TOO,
    "openblas": LEVELS_TOO,
}


class Instrumented:
    """The tests of a build, watched by one of the instruments."""

    def __init__(self, root, name, build, work):
        self.harness = Harness(root, build, work / name, INSTRUMENTS[name])
        self.tellers = set()

    def teller(self, mutant, tests):
        """The test that is red for the fault; none if all are green."""
        folder, nothing = self.harness.prepare(0, mutant)
        if nothing:
            return None
        first = {f"test_{Path(mutant.file).stem}", *self.tellers}
        for test in sorted(self.harness.having(folder, tests), key=lambda test: (test not in first, test)):
            if test not in self.harness.seconds:
                self.harness.measure([test])
            if not self.harness.passes(folder, test):
                self.tellers.add(test)
                return test
        return None


def check(root, chosen, told_by, builds, work, tests_with, reaching):
    """Tries each of the faults; prints which test tells, and returns how many are not told."""
    watched, silent, total = {}, 0, 0
    for one in chosen:
        name = told_by.get(one.key)
        if name is None:
            continue
        if name not in watched:
            watched[name] = Instrumented(root, name, builds[name], work)
        total += 1
        tests = tests_with(name)
        found = watched[name].teller(one, tests & (reaching.get(f"{one.file}:{one.line}") or tests))
        if found is None:
            silent += 1
        told = f"by {found}" if found else "do not tell"
        print(f"{one.file}:{one.line}: {name} {told}\n- {one.before}\n+ {one.after}")
    print(f"{total} faults that an instrument is to tell: {total - silent} are told, {silent} are not")
    return silent
