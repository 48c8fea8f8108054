# SPDX-License-Identifier: BSD-3-Clause
"""JSON, CSV and table: right numbers, documented form, every tensor accounted for."""

import csv
import io
import itertools
import math
import random

from program import ProgramTest, some
from safetensors import network, pack

import definition

LAYER_KEYS = ["name", "kind", "filters", "elements", "scores", "rank", "selected", "reason"]
OTHER_KEYS = ["order", "granularity", "distribution", "alignment", "temperature", "layout", "version"]


def random_filters(seed, count, elements):
    source = random.Random(seed)
    # Multiples of 1/64 below 2 are exact in every dtype but bf16; see test_dtypes().
    return [[source.randrange(-127, 128) / 64 for _ in range(elements)] for _ in range(count)]


def flat(filters):
    return [w for row in filters for w in row]


# Rounding of the definition in doubles: sums of at most 300 terms of at most 1 (300 * 2^-53 = 3e-14), and a
# divergence is a difference of such sums, which is why the bound is absolute.
TOLERANCE = 1e-13

LAYERS = {
    "second": random_filters(1, 5, 12),
    "first": random_filters(2, 3, 8),
    "third": random_filters(3, 7, 18),
}
SHAPES = {"second": [5, 3, 2, 2], "first": [3, 2, 2, 2], "third": [7, 2, 3, 3]}


def example(extra=()):
    return network(*((name, "F64", SHAPES[name], flat(LAYERS[name])) for name in LAYERS), *extra)


class ReportTest(ProgramTest):
    def test_scores_are_the_definition(self):
        report = self.report("--method", "all", self.write(example()))
        for layer in report["layers"]:
            expected = definition.scores(LAYERS[layer["name"]])
            self.assertEqual(list(layer["scores"]), definition.METHODS)
            for method, score in layer["scores"].items():
                self.assertAlmostEqual(score, expected[method], delta=TOLERANCE, msg=method)

    def test_form(self):
        extra = [("bias", "F32", [2], [0.0, 1.0]), ("head", "F32", [2, 2], [1.0, 2.0, 3.0, 4.0])]
        path = self.write(example(extra))
        report = self.report("--method", "all", path)
        self.assertEqual(list(report), ["model", "method", "reference", "layers", "skipped", *OTHER_KEYS])
        self.assertEqual((report["model"], report["method"], report["reference"]), (path, "all", "uniform"))
        self.assertEqual([layer["name"] for layer in report["layers"]], list(LAYERS))
        for layer in report["layers"]:
            self.assertEqual(list(layer), LAYER_KEYS)
            self.assertEqual(layer["kind"], "convolution")
            shape = SHAPES[layer["name"]]
            self.assertEqual((layer["filters"], layer["elements"]), (shape[0], math.prod(shape[1:])))
            self.assertIs(layer["selected"], False)
            self.assertIsNone(layer["reason"])
        self.assertEqual([skipped["name"] for skipped in report["skipped"]], ["bias", "head"])
        self.assertTrue(all(list(skipped) == ["name", "reason"] for skipped in report["skipped"]))

    def test_order_is_that_of_the_data(self):
        data = {"late": [96, 192], "early": [0, 96]}
        header = {
            name: {"dtype": "F64", "shape": [2, 2, 3], "data_offsets": place} for name, place in data.items()
        }
        report = self.report(self.write(pack(header, bytes(192))))
        self.assertEqual([layer["name"] for layer in report["layers"]], ["early", "late"])

    def test_numbers_read_back(self):
        for positive in some(range(1, 49), 16):
            values = [1.0] * positive + [-1.0] * (49 - positive)
            path = self.write(network(("a", "F32", [7, 7, 1], values)))
            report = self.report("--method", "share-positive", path)
            self.assertEqual(report["layers"][0]["scores"], {"share-positive": positive / 49})
            rows = list(csv.DictReader(io.StringIO(self.good("--csv", "--method", "share-positive", path))))
            self.assertEqual(float(rows[0]["share-positive"]), positive / 49)

    def test_each_method_alone(self):
        path = self.write(example())
        whole = self.report("--method", "all", path)
        for method in some(definition.METHODS, 3):
            report = self.report("--method", method, path)
            scores = [layer["scores"] for layer in report["layers"]]
            self.assertEqual(scores, [{method: layer["scores"][method]} for layer in whole["layers"]])
            low_first = method.startswith("kl") or method == "share-negative"
            self.assertEqual(report["order"], "low" if low_first else "high")
            self.check_ranks(report, method, low_first)
            for order in ("low", "high"):
                ordered = self.report("--method", method, "--order", order, path)
                self.assertEqual(ordered["order"], order)
                self.check_ranks(ordered, method, order == "low")
        self.check_ranks(whole, "kl-positive-negative", True)

    def check_ranks(self, report, method, low_first):
        ranked = sorted(report["layers"], key=lambda layer: layer["scores"][method], reverse=not low_first)
        self.assertEqual([layer["rank"] for layer in ranked], list(range(1, len(ranked) + 1)))

    def test_layouts_agree(self):
        """The same layer stored in each axis order has the same scores."""
        extents = {"o": 4, "i": 3, "h": 2, "w": 3}
        weights = flat(random_filters(4, 4, 18))
        oihw = dict(zip(itertools.product(*(range(extents[axis]) for axis in "oihw")), weights))
        results = {}
        for layout in ("oihw", "hwio", "ohwi", "iohw", "hwoi"):
            values = []
            for index in itertools.product(*(range(extents[axis]) for axis in layout)):
                place = dict(zip(layout, index))
                values.append(oihw[tuple(place[axis] for axis in "oihw")])
            path = self.write(network(("a", "F64", [extents[axis] for axis in layout], values)))
            for granularity in ("filter", "kernel"):
                report = self.report(
                    "--method", "all", "--layout", layout, "--granularity", granularity, path
                )
                self.assertEqual(report["layout"], layout)
                results[layout, granularity] = report["layers"][0]
        for (layout, granularity), layer in results.items():
            for method, score in results["oihw", granularity]["scores"].items():
                self.assertAlmostEqual(layer["scores"][method], score, delta=TOLERANCE, msg=layout)
        self.assertNotEqual(results["oihw", "filter"]["scores"], results["oihw", "kernel"]["scores"])

    def test_depthwise(self):
        """HWIM: every pair of the last two axes is a filter of the first two."""
        filters = random_filters(5, 6, 4)
        values = [filters[f][e] for e in range(4) for f in range(6)]
        path = self.write(network(("a", "F64", [2, 2, 3, 2], values)))
        layer = self.report("--method", "all", "--layout", "hwim", path)["layers"][0]
        self.assertEqual((layer["filters"], layer["elements"]), (6, 4))
        for method, score in definition.scores(filters).items():
            self.assertAlmostEqual(layer["scores"][method], score, delta=TOLERANCE, msg=method)

    def test_dense(self):
        """Filters of dense layers are rows for PyTorch and TensorFlow Lite, columns for Keras."""
        path = self.write(network(("conv", "F32", [2, 2, 2], [1.0] * 8), ("head", "F32", [2, 5], [1.0] * 10)))
        for layout in ("oihw", "hwio", "ohwi", "iohw", "hwim", "hwoi"):
            layers = self.report("--dense", "--layout", layout, path)["layers"]
            self.assertEqual([layer["kind"] for layer in layers], ["convolution", "dense"])
            filters = 5 if layout.startswith("hw") else 2
            self.assertEqual((layers[1]["filters"], layers[1]["elements"]), (filters, 10 // filters))
        self.assertEqual(len(self.report(path)["layers"]), 1)

    def test_dtypes(self):
        """Few bits in a weight, so that every dtype holds the same numbers."""
        filters = [[math.floor(w * 32) / 32 for w in row] for row in random_filters(6, 4, 6)]
        for dtype in ("F64", "F32", "F16", "BF16"):
            report = self.report(
                "--method", "all", self.write(network(("a", dtype, [4, 2, 3], flat(filters))))
            )
            for method, score in definition.scores(filters).items():
                self.assertAlmostEqual(
                    report["layers"][0]["scores"][method], score, delta=TOLERANCE, msg=dtype
                )

    def test_unaligned(self):
        """Data that begins at any byte gives the same scores."""
        weights = flat(random_filters(7, 4, 6))
        names = ["a" * length for length in range(1, 9)]
        layers = [
            self.report("--method", "all", self.write(network((name, "F64", [4, 2, 3], weights))))["layers"]
            for name in names
        ]
        for layer in layers:
            self.assertEqual(layer[0]["scores"], layers[0][0]["scores"])

    def test_skipped(self):
        extra = [
            ("scalar", "I64", [], [7]),
            ("bias", "F32", [1], [7.0]),
            ("dense", "F32", [1, 1], [7.0]),
            ("whole", "I32", [1, 1, 1], [7]),
            ("many", "F32", [1] * 9, [7.0]),
            ("none", "F32", [2, 0, 3], []),
        ]
        path = self.write(example(extra))
        skipped = {tensor["name"]: tensor["reason"] for tensor in self.report(path)["skipped"]}
        self.assertEqual(set(skipped), {name for name, *_ in extra})
        for name, part in (
            ("scalar", "rank 0"),
            ("bias", "rank 1"),
            ("dense", "--dense"),
            ("whole", "I32"),
            ("many", "rank 9"),
            ("none", "shape[1] is 0"),
        ):
            self.assertIn(part, skipped[name])
        report = self.report("--include", "*d", "--exclude", "third", path)
        self.assertEqual([layer["name"] for layer in report["layers"]], ["second"])
        self.assertEqual(len(report["layers"]) + len(report["skipped"]), len(LAYERS) + len(extra))
        table = self.good(path)
        self.assertIn(
            "6 tensors skipped: 2 of rank 0 or 1, 1 of too many axes, 1 without elements, 1 dense", table
        )
        self.assertNotIn("I32", table)
        self.assertIn("whole: dtype I32", self.good("--verbose", path))

    def test_select(self):
        path = self.write(example())
        for text, count in (("0", 0), ("1", 1), ("3", 3), ("0%", 0), ("1%", 1), ("67%", 2), ("100%", 3)):
            layers = self.report("--select", text, path)["layers"]
            best = sorted(layers, key=lambda layer: layer["rank"])
            self.assertEqual(
                [layer["selected"] for layer in best], [True] * count + [False] * (3 - count), text
            )
        self.assertIn("1* ", self.good("--select", "1", path))
        self.bad("--select", "4", path, says="--select 4")

    def test_undefined(self):
        path = self.write(example([("lone", "F32", [1, 2, 2], [1.0, -1.0, 1.0, 0.0])]))
        lone = self.report("--method", "all", path)["layers"][3]
        defined = {method for method, score in lone["scores"].items() if score is not None}
        self.assertEqual(defined, {"share-positive", "share-negative"})
        self.assertEqual((lone["rank"], lone["selected"]), (4, False))
        self.assertIn("two filters", lone["reason"])
        self.assertIn(lone["reason"], self.good(path))
        row = list(csv.DictReader(io.StringIO(self.good("--csv", path))))[3]
        self.assertEqual((row["kl-positive-negative"], row["reason"]), ("", lone["reason"]))

    def test_references(self):
        path = self.write(example())
        for reference, undefined in (
            ("uniform", None),
            ("others", None),
            ("previous", 0),
            ("next", 2),
            ("within", None),
        ):
            report = self.report("--reference", reference, path)
            self.assertEqual(report["reference"], reference)
            for i, layer in enumerate(report["layers"]):
                score = layer["scores"]["kl-positive-negative"]
                self.assertEqual((score is None, layer["reason"] is None), (i == undefined, i != undefined))
                self.assertTrue(score is None or score >= 0)

    def test_other_options(self):
        path = self.write(example())
        base = self.report(path)
        for option, value in (("temperature", "0.5"), ("distribution", "pairs"), ("granularity", "kernel")):
            report = self.report(f"--{option}", value, path)
            self.assertEqual(str(report[option]), value)
            self.assertNotEqual(report["layers"][0]["scores"], base["layers"][0]["scores"])
        self.assertEqual(self.report("--alignment", "index", path)["layers"], base["layers"])
        self.bad("--alignment", "index", "--reference", "next", path, says="net.safetensors")
        for threads in ("1", "2", "0"):
            self.assertEqual(self.report("--threads", threads, path), base)

    def test_csv_is_the_json(self):
        name = 'comma, "quote"\r\nline'
        path = self.write(example([(name, "F32", [2, 1, 2], [1.0, -2.0, 3.0, -4.0])]))
        rows = list(csv.DictReader(io.StringIO(self.good("--csv", "--method", "all", path), newline="")))
        layers = self.report("--method", "all", path)["layers"]
        self.assertEqual(list(rows[0]), LAYER_KEYS[:4] + definition.METHODS + LAYER_KEYS[5:])
        self.assertEqual(rows[3]["name"], name)
        for row, layer in zip(rows, layers, strict=True):
            self.assertEqual(
                {key: row[key] for key in LAYER_KEYS[:4]}, {key: str(layer[key]) for key in LAYER_KEYS[:4]}
            )
            self.assertEqual({key: float(row[key]) for key in definition.METHODS}, layer["scores"])
            self.assertEqual((row["rank"], row["selected"], row["reason"]), (str(layer["rank"]), "false", ""))

    def test_model_that_is_not_utf8(self):
        path = self.write(example()).encode()
        odd = path.replace(b"net", b"n\xff")
        with open(path, "rb") as source, open(odd, "wb") as copy:
            copy.write(source.read())
        self.assertTrue(self.report(odd)["model"].endswith("n\\xff.safetensors"))


class TableTest(ProgramTest):
    def lines(self, *arguments, **variables):
        return self.good(*arguments, **variables).splitlines()

    def test_ranked(self):
        path = self.write(example())
        lines = self.lines(path)
        names = [line.split()[1] for line in lines[1:4]]
        ranked = sorted(self.report(path)["layers"], key=lambda layer: layer["rank"])
        self.assertEqual(names, [layer["name"] for layer in ranked])
        self.assertTrue(lines[5].startswith("3 layers, 210 weights, "), lines[5])
        self.assertEqual(lines[6], "kl-positive-negative, reference uniform, low first")
        self.assertEqual(self.lines("--method", "share-negative", path)[6], "share-negative, low first")
        self.assertIn("\u2588", lines[3])

    def test_widths(self):
        long = "a" * 100 + "\u4e2d\u6587" * 20 + "end"
        path = self.write(example([(long, "F32", [2, 1, 2], [1.0, -2.0, 3.0, -4.0])]))
        for columns in (60, 80, 160):
            for method in ("kl-positive", "all"):
                for line in self.lines("--method", method, path, COLUMNS=str(columns)):
                    wide = sum("\u4e00" <= character <= "\u9fff" for character in line)
                    self.assertLessEqual(len(line) + wide, columns, line)
                    self.assertEqual(line, line.rstrip())
        self.assertIn(long, self.good(path))

    def test_all_methods(self):
        lines = self.lines("--method", "all", self.write(example()))
        self.assertEqual([line.split()[1] for line in lines[2:5]], list(LAYERS))
        self.assertEqual(len(lines[2].split()), 15)

    def test_plain_ascii(self):
        path = self.write(example([("\u00e4", "F32", [2, 1, 2], [1.0, -2.0, 3.0, -4.0])]))
        done = self.run_program(path, LC_ALL="C")
        self.assertTrue(done.stdout.isascii())
        self.assertIn(b"\\xc3\\xa4", done.stdout)
        self.assertIn(b"####", done.stdout)

    def test_hostile_names(self):
        names = [
            "esc\x1b[31m",
            "line\nbreak",
            "c1\u009b",
            "turn\u202etfel",
            "zero\u200bwidth",
            "bell\x07",
            "del\x7f",
        ]
        path = self.write(example((name, "F32", [2, 1, 2], [1.0, -2.0, 3.0, -4.0]) for name in names))
        output = self.good("--verbose", "--include", "*[!k]", path)
        self.assertTrue(all(line.isprintable() for line in output.splitlines()))
        for shown in ("esc\\x1b[31m", "line\\x0abreak", "c1\\u009b", "turn\\u202etfel", "zero\\u200bwidth"):
            self.assertIn(shown, output)

    def test_hint_at_layout(self):
        path = self.write(network(("a", "F32", [3, 3, 2, 4], [1.0, -1.0, 2.0] * 24)))
        self.assertIn("HWIO", self.good(path))
        for layout in ("oihw", "hwio"):
            self.assertNotIn("HWIO", self.good("--layout", layout, path))
