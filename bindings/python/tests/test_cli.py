# SPDX-License-Identifier: BSD-3-Clause
"""python -m kldsel: the command rank can stand for the program kldsel-rank."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest

from kldsel import lowlevel
from kldsel.cli import main
from networks import RANDOM, TRAINED, kldsel_rank, pack, program
from test_sources_files import floats, sharded

needs_program = pytest.mark.skipif(
    kldsel_rank() is None, reason="kldsel-rank is not built (KLDSEL_RANK names it)"
)


def run(capfdbinary, *arguments):
    """Exit status, stdout and stderr."""
    status = main([str(one) for one in arguments])
    out, err = capfdbinary.readouterr()
    return status, out, err


def good(capfdbinary, *arguments):
    status, out, err = run(capfdbinary, *arguments)
    assert (status, err) == (0, b"")
    return out


@needs_program
@pytest.mark.parametrize("output", ["--json", "--csv"])
@pytest.mark.parametrize(
    "options",
    [
        "",
        "--method all",
        "--method all --dense --select 25%",
        "-m cosine-positive -s 3",
        "-m cosine-negative -o low -t 0.5",
        "-m kl-all -r others",
        "-m kl-positive -r previous -o high",
        "-m kl-negative -r next --alignment quantile",
        "-r within",
        "--distribution pairs",
        "--granularity kernel -m all",
        "-m share-positive -r within",
        "-m share-negative -j 1",
        "-l hwio -d",
        "-l iohw",
        "-i features.2* -e *bias",
        "-e features.0.weight -e *.3.weight -v",
        "-t 1e-3",
        "--threads=2 --temperature=2.5",
        "-s 0",
        "-s 100% --csv --json",
        "-i features.[!0].* -e features.[^3].*",
        "-i features\\.2*",
        "-i [[:alpha:]]* -e features.0",
        "-s 1e1% -t .5 -j 02",
    ],
)
def test_is_the_programs_output_to_the_byte(capfdbinary, options, output):
    arguments = [*options.split(), output, str(TRAINED)]
    assert good(capfdbinary, "rank", *arguments) == program(*arguments)


@needs_program
@pytest.mark.parametrize(
    "arguments",
    [
        ("-i", "features.20"),
        ("-i", "features"),
        ("--alignment", "index", "-r", "others"),
        ("-s", "11"),
        ("-s", "3 "),
        ("-t", "0x1p-1"),
        ("-t", " 1"),
        ("-s", "0x10%"),
        ("-s", " 1"),
        ("-m", "share-all"),
    ],
)
def test_says_what_the_program_says(capfdbinary, arguments):
    status, out, err = run(capfdbinary, "rank", *arguments, TRAINED)
    done = subprocess.run([str(kldsel_rank()), *arguments, str(TRAINED)], check=False, capture_output=True)
    assert (status, out) == (done.returncode, done.stdout) == (2, b"")
    assert err.removeprefix(b"kldsel: ") == done.stderr.removeprefix(b"kldsel-rank: ")


@needs_program
@pytest.mark.parametrize("output", ["--json", "--csv"])
def test_odd_files_give_the_same_bytes(capfdbinary, tmp_path, output):
    odd = pack(
        ('quote"comma,\\ \u0001\u001f\u007f é 漢 \U0001f600 \n', "F32", [2, 1, 2], floats(2, 1, 2)),
        ("one filter", "F32", [1, 2, 2], floats(1, 2, 2)),
        ("zeros", "F32", [3, 2, 2], bytes(48)),
        ("half", "F16", [3, 2, 2], bytes(range(24))),
        ("brain", "BF16", [3, 2, 2], bytes(range(24))),
        ("double", "F64", [3, 1, 2], bytes(range(48))),
        ("8 bits", "F8_E4M3", [2, 2, 2], bytes(8)),
        ("ids", "I32", [2, 2, 2], bytes(32)),
        ("empty", "F32", [2, 0, 2], b""),
        ("deep", "F32", [1] * 9, bytes(4)),
        ("dense", "F32", [3, 2], floats(3, 2)),
        metadata={"format": "pt"},
    )
    path = tmp_path / "odd name é.safetensors"
    path.write_bytes(odd)
    for options in ("", "--method all --dense", "-r previous"):
        arguments = [*options.split(), output, str(path)]
        assert good(capfdbinary, "rank", *arguments) == program(*arguments)


def test_json_is_pythons_own(capfdbinary):
    import kldsel

    found = json.loads(good(capfdbinary, "rank", "--json", "-s", "3", TRAINED))
    ranking = kldsel.rank(TRAINED, k=3)
    assert {one["name"]: one["rank"] for one in found["layers"]} == dict(ranking.ranks)
    assert found["layout"] == "oihw"


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("method", ["", "kl", "cosine", "share-all", "KL-positive", "all "]),
        ("reference", ["", "given", "before"]),
        ("order", ["", "lowest", "LOW"]),
        ("layout", ["", "oiwh", "OIHW"]),
        ("granularity", ["", "row"]),
        ("distribution", ["", "pair"]),
        ("alignment", ["", "sorted"]),
        ("temperature", ["", "0", "-1", "nan", "inf", "1e999", "1x", "hot"]),
        ("threads", ["", "-1", "1.5", "1025", "99999999999999999999", "two"]),
        ("select", ["", "-1", "1.5", "101%", "-1%", "%", "nan%", "1e30", "half", "99999999999999999999"]),
    ],
)
def test_wrong_values(capfdbinary, option, wrong):
    for value in wrong:
        status, out, err = run(capfdbinary, "rank", f"--{option}={value}", TRAINED)
        assert (status, out) == (2, b"")
        assert f"--{option} '{value}'".encode() in err
        assert err.startswith(b"kldsel: ")
        assert err.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no command is named"),
        (["rank"], "FILE"),
        (["rank", "--colour", "x"], "--colour"),
        (["rank", "a.safetensors", "b.safetensors"], "b.safetensors"),
        (["rank", "/no/such/file.safetensors"], "/no/such/file.safetensors: No such file"),
        (["rank", "--select", "11", str(TRAINED)], "--select 11: more than the 10 layers"),
        (
            ["rank", "--include", "nothing", str(TRAINED)],
            "no layer to rank: 62 tensors skipped: 51 of rank 0 or 1",
        ),
        (["rank", "--alignment", "index", "-r", "others", str(TRAINED)], ""),
        (["compare", str(TRAINED)], "B"),
        (["compare", str(TRAINED), "/none.safetensors"], "/none.safetensors"),
        (["frobnicate"], "frobnicate"),
        (["info", "/none.onnx"], "/none.onnx"),
        (["plot", str(TRAINED)], "--png"),
    ],
)
def test_one_line_for_every_problem(capfdbinary, arguments, says):
    status, out, err = run(capfdbinary, *arguments)
    assert (status, out) == (2, b"")
    assert says.encode() in err
    assert err.count(b"\n") == 1


def test_help_and_version(capfdbinary):
    for arguments in (["--help"], ["rank", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    out, _ = capfdbinary.readouterr()
    for option in (
        "method",
        "reference",
        "order",
        "select",
        "layout",
        "dense",
        "include",
        "exclude",
        "threads",
        "granularity",
        "distribution",
        "alignment",
        "temperature",
        "json",
        "csv",
        "verbose",
    ):
        assert f"--{option}".encode() in out
    version = good(capfdbinary, "--version").decode()
    assert "with libkldsel" in version
    library = lowlevel.library_file()
    assert version.endswith(f"{library.path} ({library.origin})\n")


def test_table_and_verbose(capfdbinary):
    table = good(capfdbinary, "rank", "-s", "2", TRAINED).decode()
    assert "features.20.weight" in table
    assert "2 selected (*)" in table
    verbose = good(capfdbinary, "rank", "-v", TRAINED).decode()
    assert "  classifier.weight: dense: ranked with --dense only" in verbose


def test_compare(capfdbinary):
    found = json.loads(good(capfdbinary, "compare", "--json", RANDOM, TRAINED))
    assert found["reference"] == "given"
    assert len(found["layers"]) == 10
    assert all(one["scores"]["kl-positive-negative"] > 0 for one in found["layers"])
    rows = list(csv.DictReader(good(capfdbinary, "compare", "--csv", RANDOM, TRAINED).decode().splitlines()))
    assert [row["name"] for row in rows] == [one["name"] for one in found["layers"]]


def test_info(capfdbinary):
    found = json.loads(good(capfdbinary, "info", "--json", TRAINED))
    assert len(found["tensors"]) == 62
    assert sum(one["reason"] is None for one in found["tensors"]) == 10
    assert "10 of 62 tensors are layers to rank" in good(capfdbinary, "info", TRAINED).decode()
    rows = list(csv.DictReader(good(capfdbinary, "info", "--csv", TRAINED).decode().splitlines()))
    assert rows[0]["shape"] == "24x1x3x3"


def test_sharded(capfdbinary, tmp_path):
    path = sharded(tmp_path)
    found = json.loads(good(capfdbinary, "rank", "--json", path))
    assert [one["name"] for one in found["layers"]] == ["a.weight", "b.weight"]


def test_pictures(capfdbinary, tmp_path):
    pytest.importorskip("matplotlib")
    for number, arguments in enumerate(
        (
            ["rank", TRAINED],
            ["compare", RANDOM, TRAINED],
            ["plot", TRAINED, "-s", "3"],
            ["plot", "--kind", "methods", TRAINED],
        )
    ):
        path = tmp_path / f"{number}.png"
        good(capfdbinary, *arguments, "--png", path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_as_a_module_and_into_a_closed_pipe():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "kldsel", "rank", "--json", str(TRAINED)]
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    assert len(json.loads(done.stdout)["layers"]) == 10
    assert done.stderr == b""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 2
    assert b"No space left" in done.stderr
    assert done.stderr.count(b"\n") == 1
