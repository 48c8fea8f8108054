# SPDX-License-Identifier: BSD-3-Clause
"""Malformed, truncated and hostile files: status 0 or 2, one clean line for 2, never a signal."""

import itertools
import json
import math
import os
import random
import struct
import unittest

from headers import BAD_HEADERS, GOOD_HEADERS
from program import WRAPPER, ProgramTest, some
from safetensors import network, pack

WEIGHTS = [1.0, -2.0, 3.0, -4.0, 0.5, 0.25, -0.125, 8.0]
GOOD = network(
    ("conv", "F32", [2, 2, 2], WEIGHTS),
    ("bias", "F32", [2], [1.0, 2.0]),
    ("half", "F16", [4, 1, 2], WEIGHTS),
)
DATA_BYTES = 32 + 8 + 16
HEADER_BYTES = len(GOOD) - 8 - DATA_BYTES


class HostileTest(ProgramTest):
    def survive(self, content, *arguments):
        """0 with a whole report, or 2 with one line; the return status."""
        done = self.run_program("--json", *arguments, self.write(content))
        if done.returncode == 0:
            report = json.loads(done.stdout)
            self.assertEqual(done.stderr, b"")
            self.assertGreater(len(report["layers"]), 0)
        else:
            self.assertIn("net.safetensors: ", self.check_failure(done))
        return done.returncode

    def test_good_headers(self):
        data = struct.pack("<8f", *WEIGHTS[:4], *WEIGHTS[:4])
        forms = ["--json", "--csv", "--verbose"]
        for what, header in GOOD_HEADERS:
            with self.subTest(what):
                path = self.write(pack(header, data))
                for form in some(forms, 3):
                    self.good(form, path)
            forms.append(forms.pop(0))

    def test_bad_headers(self):
        for what, header, says in BAD_HEADERS:
            with self.subTest(what):
                self.bad(self.write(pack(header, struct.pack("<8f", *WEIGHTS))), says=says)

    def test_truncated_at_each_byte(self):
        self.assertEqual(self.survive(GOOD), 0)
        for length in some(range(len(GOOD)), 32):
            self.assertEqual(self.survive(GOOD[:length]), 2, length)

    @unittest.skipIf(WRAPPER, "measures the program alone")
    def test_large_headers(self):
        """The largest headers that the format allows take the memory of a large network's at most."""
        headers = {
            "objects": (b'{"__metadata__":[', b"{},", 33_000_000, b"1]}", "about 66000004 values"),
            "values": (b'{"__metadata__":[', b"{},", 999_990, b"1]}", "no layer"),
            "string": (b'{"__metadata__":"', b"x", 99_000_000, b'"}', "no layer"),
            "blanks": (b"{", b" ", 99_000_000, b"}", "no layer"),
        }
        for what, (begin, part, count, end, says) in headers.items():
            with self.subTest(what):
                path = os.path.join(self.folder, "net.safetensors")
                with open(path, "wb") as file:
                    file.write(struct.pack("<Q", len(begin) + len(part) * count + len(end)) + begin)
                    # In pieces: the program would inherit this process's peak.
                    for _ in range(10):
                        file.write(part * (count // 10))
                    file.write(end)
                memory, done = self.most_memory(path)
                self.assertIn(says, self.check_failure(done))
                # The file, mapped, and its text in a buffer that doubles; the tree of two million values.
                # A sanitizer keeps books of its own.
                if "KLDSEL_TEST_SANITIZED" not in os.environ:
                    self.assertLess(memory, 600_000_000)

    @unittest.skipUnless(os.environ.get("KLDSEL_TEST_SHRINK"), "no library that shrinks files")
    @unittest.skipIf(os.environ.get("KLDSEL_RANK_WRAPPER"), "the wrapper would read the shortened file too")
    def test_shortened_while_read(self):
        shape = [64, 64, 32]
        path = self.write(network(("conv", "F32", shape, [1.0, -2.0] * (math.prod(shape) // 2))))
        self.good(path)
        shrink = {"LD_PRELOAD": os.environ["KLDSEL_TEST_SHRINK"], "KLDSEL_TEST_SHRINK_FILE": path}
        done = self.run_program(path, **shrink)
        self.assertIn("net.safetensors: was shortened while it was read", self.check_failure(done))

    def test_header_length_lies(self):
        rest = GOOD[8:]
        lies = [
            0,
            1,
            2,
            7,
            HEADER_BYTES - 1,
            HEADER_BYTES + 1,
            len(rest),
            len(rest) + 1,
            len(GOOD),
            10**8,
            10**8 + 1,
        ]
        lies += [
            2**bits + offset
            for bits in (16, 31, 32, 63, 64)
            for offset in (-8, -1, 0, 1)
            if 2**bits + offset < 2**64
        ]
        for lie in some(lies, 3):
            self.assertEqual(self.survive(struct.pack("<Q", lie) + rest), 2, lie)
        self.bad(self.write(struct.pack("<Q", 10**8 + 1) + rest), says="must be <= 100000000")
        self.bad(self.write(struct.pack("<Q", 10**8) + rest), says=f"but {len(rest)} bytes follow")

    def test_changed_bytes(self):
        """Each byte of length and header replaced by what JSON and numbers find awkward."""
        statuses = set()
        changes = itertools.product(range(8 + HEADER_BYTES), b'\0"}9')
        for place, byte in some(list(changes), 47):
            changed = bytearray(GOOD)
            changed[place] = byte
            statuses.add(self.survive(bytes(changed)))
        self.assertEqual(statuses, {0, 2})

    def test_random_files(self):
        source = random.Random(20220)
        for i in some(range(300), 32):
            changed = bytearray(GOOD)
            for _ in range(source.randrange(1, 6)):
                place, length = source.randrange(8, len(changed)), source.randrange(0, 9)
                kind = source.randrange(3)
                if kind == 0:
                    del changed[place : place + length]
                elif kind == 1:
                    changed[place:place] = changed[8 + source.randrange(HEADER_BYTES // 2) :][:length]
                else:
                    changed[place : place + length] = source.randbytes(length)
                if len(changed) < 9:
                    break
            # A length that fits half of the time lets the changes reach further checks.
            if i % 2 == 0:
                end = changed.rfind(b"}}") + 2
                if end > 8:
                    changed[:8] = struct.pack("<Q", end - 8)
            self.survive(bytes(changed), *source.choice(([], ["--dense"], ["--method", "all"])))

    def test_numbers_in_headers(self):
        """Every number of the header replaced by awkward ones."""
        header = GOOD[8 : 8 + HEADER_BYTES].decode()
        awkward = [
            -1,
            0,
            1,
            3,
            2**31,
            2**32,
            2**53 + 1,
            2**63 - 1,
            2**63,
            1.5,
            "1e5",
            '"2"',
            "null",
            "[]",
            "{}",
        ]
        fields = [
            (name, field, i)
            for name in ("conv", "bias", "half")
            for field in ("shape", "data_offsets")
            for i in range(len(json.loads(header)[name][field]))
        ]
        for (name, field, i), number in some(list(itertools.product(fields, awkward)), 23):
            changed = json.loads(header)
            changed[name][field][i] = "?"
            text = json.dumps(changed).replace('"?"', str(number))
            self.survive(pack(text.encode(), GOOD[8 + HEADER_BYTES :]))

    def test_weights_that_are_not_finite(self):
        for bad, shown in ((math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")):
            for dtype in ("F64", "F32", "F16", "BF16"):
                values = [*WEIGHTS[:5], bad, *WEIGHTS[6:]]
                content = network(("fine", dtype, [2, 2, 2], WEIGHTS), ("broken", dtype, [2, 2, 2], values))
                text = self.bad(self.write(content), says="'broken'")
                self.assertIn("[1, 0, 1]", text)
                self.assertIn(shown, text.lower())
        # What is not ranked is not read either.
        self.good(self.write(network(("fine", "F32", [2, 2, 2], WEIGHTS), ("bias", "F32", [1], [math.nan]))))
