# SPDX-License-Identifier: BSD-3-Clause
"""A BLAS far below the processor: told by --version, and not where the library multiplies itself."""

import re

from program import ProgramTest, some
from safetensors import network

# Slowest first: the core type of OpenBLAS that each level of the library calls for.
CORES = {"sse": "Prescott", "avx2": "Haswell", "avx512": "SkylakeX"}

# What multiplies matrices, and what does not although its words occur.
WITH_BLAS = [
    ["--reference", "within"],
    ["--distribution", "pairs"],
    ["--method", "all", "--reference", "within"],
    ["--method", "cosine-all", "--distribution", "pairs", "--json"],
]
WITHOUT_BLAS = [
    [],
    ["--method", "all", "--reference", "others"],
    ["--method", "cosine-all", "--reference", "within"],
    ["--granularity", "kernel", "--csv"],
]


class BlasTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.path = self.write(network(("a", "F32", [2, 1, 2], [1.0, -2.0, 3.0, -4.0])))

    def version(self, **variables):
        return self.good("--version", **variables)

    def test_best_core(self):
        """Also the builtin BLAS: nothing to say."""
        self.assertNotIn("better", self.version())
        for arguments in WITH_BLAS + WITHOUT_BLAS:
            self.good(*arguments, self.path)

    def test_slower_cores(self):
        version = self.version()
        if "blas=OpenBLAS" not in version:
            self.skipTest("built without OpenBLAS")
        level = re.search(r" level=(\w+) ", version)[1]
        if level not in CORES:
            self.skipTest(f"nothing is known of {level}")
        best = CORES[level]
        if f" core={CORES['sse']} " not in self.version(OPENBLAS_CORETYPE=CORES["sse"]):
            self.skipTest("OpenBLAS has one core type")
        names = list(CORES.values())
        for core in some(names[: names.index(best)], 2):
            with self.subTest(core=core):
                self.check_slower_core(core, best)
        self.assertNotIn("better", self.version(OPENBLAS_CORETYPE=best))

    def check_slower_core(self, core, best):
        self.assertRegex(self.version(OPENBLAS_CORETYPE=core), f" core={core} integers=\\d+ better={best}\n$")
        # At these levels the library multiplies itself, so that there is nothing to advise.
        for arguments in WITH_BLAS + WITHOUT_BLAS:
            self.good(*arguments, self.path, OPENBLAS_CORETYPE=core)

    def test_a_failing_run_says_one_thing(self):
        path = self.write(b"")
        failed = self.run_program("--reference", "within", path, OPENBLAS_CORETYPE=CORES["sse"])
        self.assertIn("0 bytes", self.check_failure(failed))
