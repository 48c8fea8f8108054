# SPDX-License-Identifier: BSD-3-Clause
"""The same network has the same scores to the last bit, whatever format it comes in."""

import numpy as np
import pytest
from safetensors.numpy import save_file

import networks
from conftest import good, report

FILES = (
    "torch.onnx",
    "external.onnx",
    "helper.onnx",
    "net.gguf",
    "net.safetensors",
    "whole.h5",
    "net.weights.h5",
)
OPTIONS = (
    ("--method", "all"),
    ("--method", "all", "--granularity", "kernel"),
    ("--method", "all", "--reference", "previous"),
    ("--method", "cosine-positive", "--select", "30%", "--threads", "1"),
)


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("name", FILES)
def test_bits(files, by_name, name, options):
    path = by_name[name]
    expected = report("kldsel-rank", "--dense", *options, networks.BUNDLED)["layers"]
    # helper.onnx has the dense layer in four forms.
    names = ("--exclude", "gemm_*", "--exclude", "matmul", "--exclude", "behind")
    found = report(files[path], "--dense", *options, *(names if name == "helper.onnx" else ()), path)[
        "layers"
    ]
    if name == "net.safetensors":
        if "previous" in options:
            pytest.skip("its layers follow one another by name")
        found.sort(key=lambda one: [layer["name"] for layer in expected].index(one["name"]))
    assert len(found) == len(expected) == 11
    for one, other in zip(found, expected):
        for key in ("kind", "filters", "elements", "scores", "rank", "selected", "reason"):
            assert one[key] == other[key], (one["name"], other["name"], key)


def test_every_form_of_a_dense_layer(files, by_name):
    layers = {
        one["name"]: one
        for one in report("kldsel-onnx", "--dense", "-m", "all", by_name["helper.onnx"])["layers"]
    }
    expected = layers["gemm_turned"]
    assert (expected["filters"], expected["elements"]) == (10, 64)
    for name in ("gemm", "matmul", "behind"):
        assert layers[name]["scores"] == expected["scores"], name


def test_every_tensor_is_accounted_for(files):
    for path, program in files.items():
        told = report(program, path)
        names = [one["name"] for one in told["layers"] + told["skipped"]]
        assert len(names) == len(set(names)), path
        if path.suffix in (".gguf", ".safetensors"):
            assert set(names) == set(networks.tensors())
        if path.suffix == ".h5":
            assert len(names) == 62
        assert all(one["reason"] for one in told["skipped"])


def test_names_are_the_formats_own(by_name):
    names = list(networks.convolutions())
    for name in ("torch.onnx", "external.onnx", "helper.onnx"):
        assert [one["name"] for one in report("kldsel-onnx", by_name[name])["layers"]] == names
    keras = ["conv2d" + (f"_{i}" if i else "") + "/kernel" for i in range(10)]
    assert [one["name"] for one in report("kldsel-hdf5", by_name["net.weights.h5"])["layers"]] == keras
    whole = [f"sequential/{one}" for one in keras]
    assert [one["name"] for one in report("kldsel-hdf5", by_name["whole.h5"])["layers"]] == whole


@pytest.mark.parametrize("layout", ["oihw", "hwio", "ohwi", "iohw", "hwoi"])
def test_a_layout_that_is_told_changes_no_bit(tmp_path, layout):
    arrays = networks.convolutions()
    axes = ["oihw".index(letter) for letter in layout]
    save_file(
        {name: np.ascontiguousarray(one.transpose(axes)) for name, one in arrays.items()}, tmp_path / "a"
    )
    save_file(arrays, tmp_path / "b")
    options = ("--method", "all", "--granularity")
    for granularity in ("filter", "kernel"):
        one = report("kldsel-safetensors", *options, granularity, "--layout", layout, tmp_path / "a")
        other = report("kldsel-rank", *options, granularity, tmp_path / "b")
        assert one["layers"] == other["layers"]


def test_three_forms_of_report(by_name):
    path = by_name["torch.onnx"]
    assert good("kldsel-onnx", "--csv", path).startswith("name,kind,filters")
    assert "10 layers" in good("kldsel-onnx", path)


@pytest.mark.parametrize("program", ["kldsel-onnx", "kldsel-hdf5", "kldsel-gguf", "kldsel-safetensors"])
def test_help(program):
    text = good(program, "--help")
    for option in ("output", "safetensors", "freeze-list", "method", "select", "json", "verbose"):
        assert f"--{option}" in text
    assert "kldsel.ranking" in text
    assert good(program, "--version").startswith(f"{program} ")
