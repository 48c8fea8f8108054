# SPDX-License-Identifier: BSD-3-Clause
"""Runs the converters. $KLDSEL_CONVERTERS is the folder that they are built in, `examples` of a build folder;
$KLDSEL_CONVERTERS_SANITIZED that of those built with sanitizers."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import networks

PROGRAMS = Path(os.environ["KLDSEL_CONVERTERS"])
SANITIZED = Path(os.environ["KLDSEL_CONVERTERS_SANITIZED"])


def run(program, *arguments, **options):
    return subprocess.run(
        [str(PROGRAMS / program / program), *map(str, arguments)],
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        timeout=300,
        check=False,
    )


def good(program, *arguments):
    """The output of a run that must succeed and say nothing on stderr."""
    done = run(program, *arguments)
    assert (done.returncode, done.stderr) == (0, b""), (program, arguments, done.stderr)
    return done.stdout.decode()


def report(program, *arguments):
    return json.loads(good(program, "--json", *arguments))


def failure(program, done):
    """Exit status 2, nothing on stdout, one clean line on stderr, which is returned."""
    text = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b""), (done.returncode, text)
    assert text.startswith(f"{program}: "), text
    assert text.endswith("\n"), text
    assert text[:-1].isprintable(), text
    return text


def bad(program, *arguments):
    return failure(program, run(program, *arguments))


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The bundled network in every format: the program that reads it, by the file."""
    folder = tmp_path_factory.mktemp("network")
    networks.write_torch_onnx(folder / "torch.onnx", folder / "external.onnx")
    networks.write_onnx(folder / "helper.onnx")
    networks.write_gguf(folder / "net.gguf")
    networks.write_safetensors(folder / "net.safetensors")
    model = networks.keras_model()
    model.save(folder / "whole.h5")
    model.save_weights(folder / "net.weights.h5")
    return {
        folder / "torch.onnx": "kldsel-onnx",
        folder / "external.onnx": "kldsel-onnx",
        folder / "helper.onnx": "kldsel-onnx",
        folder / "net.gguf": "kldsel-gguf",
        folder / "net.safetensors": "kldsel-safetensors",
        folder / "whole.h5": "kldsel-hdf5",
        folder / "net.weights.h5": "kldsel-hdf5",
    }


@pytest.fixture(scope="session")
def by_name(files):
    return {path.name: path for path in files}
