# SPDX-License-Identifier: BSD-3-Clause
"""The command line: what it offers, and one line for each way of getting it wrong."""

import os

from program import ProgramTest, some
from safetensors import network, pack

GOOD = network(("a", "F32", [2, 1, 2], [1.0, -2.0, 3.0, -4.0]))


class UsageTest(ProgramTest):
    def test_help_and_version(self):
        text = self.good("--help")
        for option in (
            "method",
            "reference",
            "granularity",
            "distribution",
            "alignment",
            "temperature",
            "order",
            "select",
            "threads",
            "dense",
            "layout",
            "json",
            "csv",
            "help",
            "version",
        ):
            self.assertIn(f"--{option}", text)
        version = r"\d+\.\d+\.\d+"
        self.assertRegex(self.good("--version"), f"^kldsel-rank {version} with libkldsel {version}\n.+\n$")

    def test_wrong_values(self):
        path = self.write(GOOD)
        values = {
            "method": ["", "kl", "cosine", "positive", "share-all", "KL-positive", "all "],
            "reference": ["", "given", "before"],
            "order": ["", "lowest", "LOW"],
            "layout": ["", "oiwh", "OIHW"],
            "granularity": ["", "row"],
            "distribution": ["", "pair"],
            "alignment": ["", "sorted"],
            "temperature": ["", "0", "-1", "nan", "inf", "1e999", "1x", "0x1", " 1", "hot"],
            "threads": ["", "-1", "1.5", "1025", "99999999999999999999", "two"],
            "select": ["", "-1", "1.5", "101%", "-1%", "%", "nan%", "1e30", "0x10%", "0x2", " 1", "half", "9" * 20],
        }
        for option, wrong in values.items():
            for value in some(wrong, 3):
                self.bad(f"--{option}={value}", path, says=f"--{option} '{value}'")
            self.bad(f"--{option}", wrong[-1], path, says=f"--{option} '{wrong[-1]}'")
        self.bad("--reference", "given", path, says="second network")

    def test_wrong_words(self):
        path = self.write(GOOD)
        self.bad(says="no file")
        self.bad(path, "other", says="'other'")
        self.bad("--colour", path, says="--colour")
        self.bad("-x", path, says="-x")
        self.bad("--json=yes", path, says="--json")
        self.bad(path, "--method", says="--method")
        self.bad("--method", "x\x1b[31m\ny" + "z" * 5000, path, says="x\\x1b[31m\\x0ayzzz")

    def test_wrong_files(self):
        self.bad(self.folder + "/none", says="none: No such file")
        self.bad(self.folder, says="directory")
        self.bad("/dev/null", says="regular")
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        self.bad(pipe, says="regular")
        self.bad(self.write(GOOD) + "/x", says="Not a directory")
        self.bad(self.write(b""), says="0 bytes")

    def test_no_layer(self):
        self.bad(self.write(pack({})), says="no layer to rank")
        self.bad(self.write(pack({"__metadata__": {"a": "b"}})), says="no layer to rank")
        only_dense = self.write(network(("head", "F32", [2, 2], [1.0] * 4), ("bias", "F32", [2], [1.0] * 2)))
        self.bad(only_dense, says="2 tensors skipped: 1 of rank 0 or 1, 1 dense (--dense)")
        self.good("--dense", only_dense)
        self.bad("--exclude", "*", self.write(GOOD), says="left out by name")

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        path = self.write(GOOD)
        for arguments in (["--json", path], ["--csv", path], [path], ["--help"], ["--version"]):
            with open("/dev/full", "wb") as full:
                self.check_failure(self.run_program(*arguments, stdout=full))
