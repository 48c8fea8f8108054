#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Test the benchmark: it catches wrong numbers, judges aims the right way round, and its worker obeys.

Usage: test_bench.py WORKER [UNITTEST ARGUMENT...]
"""

import copy
import itertools
import math
import sys
import tempfile
import types
import unittest
from pathlib import Path

import agreement
import bench
import machine
import targets
from processes import HERE, Library
from samples import slope, spread

sys.path.append(str(HERE / "contenders"))
import serve

WORKER = Path(sys.argv.pop(1))
LAYERS = [[64, 32, 3, 3], [128, 64, 1, 1]]
SCORES = {"cosine-positive": [0.33, 0.34], "kl-positive": [1e-5, 2e-5]}


class Agreement(unittest.TestCase):
    """A contender that computes something else is found out."""

    def compare(self, method: str, layer: int, change: float, precision: str = "f64") -> dict:
        """Compare with one score changed."""
        got = copy.deepcopy(SCORES)
        got[method][layer] += change
        return agreement.compare(SCORES, got, LAYERS, precision)

    def test_rounding_passes(self) -> None:
        """A few units in the last place are no error."""
        found = self.compare("cosine-positive", 0, 4 * math.ulp(0.33))
        self.assertTrue(found["agrees"])
        self.assertGreater(found["largest_difference"], 0)

    def test_errors_are_found(self) -> None:
        """What is beyond the bound of its precision is an error, in any method and layer."""
        for method in SCORES:
            for layer, shape in enumerate(LAYERS):
                for precision in ("f64", "f32"):
                    bound = agreement.bound(shape[0], math.prod(shape[1:]), precision)
                    self.assertFalse(self.compare(method, layer, 1.01 * bound, precision)["agrees"])
                    self.assertTrue(self.compare(method, layer, 0.99 * bound, precision)["agrees"])

    def test_not_a_number_is_an_error(self) -> None:
        """NaN compares with nothing, and must not slip through."""
        self.assertFalse(self.compare("kl-positive", 1, math.nan)["agrees"])

    def test_missing_scores_are_errors(self) -> None:
        """Another set of methods, or of layers, cannot be compared."""
        with self.assertRaisesRegex(RuntimeError, "methods"):
            agreement.compare(SCORES, {"cosine-positive": [0.33, 0.34]}, LAYERS, "f64")
        with self.assertRaisesRegex(RuntimeError, "1 scores for 2 layers"):
            agreement.compare(SCORES, {**SCORES, "kl-positive": [1e-5]}, LAYERS, "f64")

    def test_disagreement_is_told(self) -> None:
        """The run names who is wrong."""
        record = {"contender": "A", "precision": "f64", "network": "n", "threads": 1}
        wrong = self.compare("cosine-positive", 0, 1e-3)
        lines = bench.disagreements({"contenders": [{**record, "agreement": wrong}]})
        self.assertEqual(len(lines), 1)
        self.assertIn("A, f64, on n, 1 thread", lines[0])

    def test_places(self) -> None:
        """Two layers that change places are two places changed."""
        self.assertEqual(agreement.places_changed([1, 2, 3], [1, 3, 2]), 2)
        self.assertEqual(agreement.places_changed([1, 2, 3], [10, 20, 30]), 0)


class Samples(unittest.TestCase):
    """Medians and exponents."""

    def test_slope(self) -> None:
        """A power law is recovered exactly, and its noise is told."""
        exact = slope([(x, 3 * x**1.25) for x in (1, 2, 4, 8, 16)])
        self.assertAlmostEqual(exact["exponent"], 1.25, places=12)
        self.assertAlmostEqual(exact["factor"], 3, places=12)
        self.assertLess(exact["error"], 1e-12)
        noisy = slope([(1, 1), (2, 2.2), (4, 3.8), (8, 8.4), (16, 15)])
        self.assertGreater(noisy["error"], 0.01)

    def test_spread(self) -> None:
        """Also of one measurement."""
        self.assertEqual(
            spread([3.0, 1.0, 2.0, 5.0, 4.0]), {"n": 5, "median": 3, "q1": 2, "q3": 4, "min": 1, "max": 5}
        )
        self.assertEqual(spread([2.0])["median"], 2)


class Targets(unittest.TestCase):
    """Aims are upper or lower limits, and the worst measurement counts."""

    def test_direction(self) -> None:
        """The limit itself is met."""
        self.assertTrue(targets.target("a", 3, [1, 3])["met"])
        self.assertFalse(targets.target("a", 3, [1, 3.1])["met"])
        self.assertTrue(targets.target("a", 3, [3, 9], at_least=True)["met"])
        self.assertFalse(targets.target("a", 3, [2.9, 9], at_least=True)["met"])
        self.assertIsNone(targets.target("a", 3, []))


class Copies(unittest.TestCase):
    """Weights come from memory, whoever is measured."""

    def test_size(self) -> None:
        """Copies are several times the cache, but no more than half of the memory for all who have them."""
        memory = int(machine.first_value("/proc/meminfo", "MemTotal").split()[0]) / 1024
        self.assertLessEqual(machine.copies_mib(1), 8 * machine.cache_mib())
        self.assertLessEqual(1000 * machine.copies_mib(1000), max(1000, memory / 2))
        self.assertGreaterEqual(machine.copies_mib(10**9), 1)

    def test_contenders_turn(self) -> None:
        """Each run of a contender has the next copy, also from one request to the next."""
        seen = []
        contender = types.SimpleNamespace(run=lambda layers, _: seen.append(layers))
        copies = itertools.cycle("abc")
        for _ in range(4):
            serve.run(contender, copies, "f64", 0)
        self.assertEqual("".join(seen), "abca")


class Worker(unittest.TestCase):
    """The worker's answers."""

    def setUp(self) -> None:
        """Start it."""
        self.library = Library(WORKER)
        self.addCleanup(self.library.close)

    def test_networks(self) -> None:
        """The layer lists have the published lengths."""
        networks = self.library.command("info")["networks"]
        counts = {name: len(layers) for name, layers in networks.items()}
        expected = {"vgg16": 13, "resnet50": 53, "inception-v3": 94, "densenet169": 168, "mobilenet-v2": 52}
        self.assertEqual({**counts, **expected}, counts)

    def test_weights_and_scores(self) -> None:
        """Weights are saved whole, and are not those of noise: positive parts are more alike than 1/pi."""
        size = self.library.network("mobilenet-v2")
        self.assertEqual(size["bytes"], 4 * size["weights"])
        with tempfile.NamedTemporaryFile() as file:
            self.library.command("save", 0, file.name)
            self.assertEqual(Path(file.name).stat().st_size, size["bytes"])
        scores = self.library.command("scores", 0, 1)
        self.assertEqual(len(scores), 6)
        self.assertTrue(all(len(values) == size["layers"] for values in scores.values()))
        self.assertGreater(sum(scores["cosine-positive"]) / size["layers"], 0.35)
        self.assertEqual(self.library.command("scores", 0, 2), scores)

    def test_times(self) -> None:
        """As many times as rounds, all positive; the floor is measured beside."""
        self.library.shape(64, 16, 3, 4)
        found = self.library.time(6, 1, 3)
        self.assertEqual([len(values) for values in found.values()], [3, 3, 3])
        self.assertGreater(min(found["seconds"] + found["floor"]), 0)
        for command in ("grow", "others"):
            found = self.library.command(command, 0, 2)
            self.assertEqual(len(found["seconds"]), 2)
            self.assertGreater(min(found["seconds"]), 0)

    def test_copies(self) -> None:
        """Copies hold the same weights in memory of their own, and are read in turn: the floor's, then ours."""
        size = self.library.network("mobilenet-v2")
        scores = self.library.command("scores", 0, 1)
        status = f"/proc/{self.library.process.pid}/status"
        before = int(machine.first_value(status, "VmRSS").split()[0])
        count = self.library.copy(56)
        self.assertEqual(count, math.ceil((56 << 20) / size["buffer"]))
        grown = int(machine.first_value(status, "VmRSS").split()[0]) - before
        self.assertGreater(grown, 0.9 * (count - 1) * size["buffer"] / 1024)
        read = self.library.time(3, 1, count + 1)["copies"]
        self.assertEqual(read, [(4 + 2 * number) % count for number in range(count + 1)])
        for _ in range(count):
            self.library.time(3, 1, 1)
            self.assertEqual(self.library.command("scores", 0, 1), scores)

    def test_element_types(self) -> None:
        """16-bit weights are the same weights, rounded: scores differ by no more than that."""
        scores = {}
        for dtype in ("f32", "f16", "bf16"):
            self.library.shape(64, 16, 3, 1, dtype)
            scores[dtype] = self.library.command("scores", 0, 1)["cosine-positive"][0]
            self.library.drop()
        self.assertNotEqual(scores["f16"], scores["f32"])
        self.assertAlmostEqual(scores["f16"], scores["f32"], delta=2**-11)
        self.assertAlmostEqual(scores["bf16"], scores["f32"], delta=2**-8)

    def test_peak(self) -> None:
        """Profiles are kept by their call, and a ranking is smaller than they are."""
        self.library.network("mobilenet-v2")
        ranking = self.library.command("peak", 0, "rank_tensors", 1)
        profiles = self.library.command("peak", 0, "profile_create_many", 1)
        self.assertLessEqual(profiles["kept"], profiles["heap"])
        self.assertLess(ranking["kept"], profiles["kept"])

    def test_shared_buffer(self) -> None:
        """A buffer that is too small for all layers is used over and over, weights without NaN throughout."""
        size = self.library.network("resnet50", "bf16", most_mib=10)
        self.assertLessEqual(size["buffer"], 10 * 2**20)
        self.assertGreater(size["bytes"], size["buffer"])
        self.assertNotIn(None, self.library.command("scores", 0, 1)["kl-positive"])

    def test_pairwise(self) -> None:
        """Both are timed."""
        found = self.library.command("pairwise", 64, 32, 1, 2)
        self.assertEqual([len(values) for values in found.values()], [2, 2])
        self.assertGreater(min(found["cosine"]), 0)

    def test_errors_end_it(self) -> None:
        """What it cannot do ends it with a reason."""
        for words, reason in (
            (("dance",), "unknown command: dance"),
            (("drop", 3), "no set: 3"),
            (("network", 0, "lenet", 1, "f32", "oihw", 0), "no such network: lenet"),
            (("shape", 0, 4, 4, 1, 1, "f64"), "no such weights: f64"),
            (("drop",), "too few words after: drop"),
            (("time", 0, 7, 1, 1), "no set: 0"),
        ):
            library = Library(WORKER)
            with self.assertRaisesRegex(RuntimeError, reason):
                library.command(*words)
            library.close()


if __name__ == "__main__":
    unittest.main()
