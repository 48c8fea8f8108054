# SPDX-License-Identifier: BSD-3-Clause
"""What the converters write, read again by the formats' own packages: the ranking, and all else as it was."""

import json
import os
import shutil
import stat

import numpy as np
import pytest
from safetensors import safe_open

import networks
from conftest import bad, good, report, run

SELECT = ("--select", "3", "--dense", "--method", "all")


def of_safetensors(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.offset_keys()}, file.metadata()


def of_onnx(path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    arrays = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    metadata = {one.key: one.value for one in model.metadata_props}
    # What is neither: the graph, the version, the producer.
    rest = onnx.load(path, load_external_data=False)
    del rest.metadata_props[:]
    return arrays, metadata, rest.SerializeToString(deterministic=True)


def of_hdf5(path):
    import h5py

    arrays, rest = {}, {}
    with h5py.File(path) as file:

        def visit(name, item):
            rest[name] = {key: repr(value) for key, value in item.attrs.items()}
            if isinstance(item, h5py.Dataset):
                arrays[name] = item[()]

        file.visititems(visit)
        metadata = dict(file.attrs)
    return arrays, metadata, rest


def of_gguf(path):
    import gguf

    reader = gguf.GGUFReader(path)
    arrays = {one.name: np.array(one.data) for one in reader.tensors}
    metadata = {
        name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")
    }
    return arrays, metadata, [(one.name, tuple(one.shape), one.tensor_type) for one in reader.tensors]


READERS = {".safetensors": of_safetensors, ".onnx": of_onnx, ".h5": of_hdf5, ".gguf": of_gguf}


def contents(path):
    arrays, metadata, *rest = READERS[path.suffix](path)
    return arrays, metadata, rest


def same(ones, others):
    assert list(ones) == list(others)
    for name, one in ones.items():
        other = others[name]
        if isinstance(one, np.ndarray):
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name
        else:
            assert one == other, name


def record(text, told):
    """The ranking in the metadata is the report, but for the name of the file."""
    ranking = json.loads(text)
    assert {"model": told["model"], **ranking} == told


def test_own_format(files, tmp_path):
    for path, program in files.items():
        output = (
            path.with_name(f"again-{path.name}") if path.name == "external.onnx" else tmp_path / path.name
        )
        told = report(program, *SELECT, "--output", output, path)
        arrays, metadata, rest = contents(output)
        before, old, rest_before = contents(path)
        record(metadata.pop("kldsel.ranking"), told)
        same(before, arrays)
        assert metadata == (old or {})
        assert rest == rest_before
        # With another ranking, that one takes its place.
        report(program, "--output", output, output)
        again = contents(output)[1]
        assert json.loads(again["kldsel.ranking"])["method"] == "kl-positive-negative"
        assert len(again) == len(old or {}) + 1
        # It is as good a model as before.
        assert report(program, *SELECT, output)["layers"] == told["layers"]


def test_as_safetensors(files, tmp_path):
    for path, program in files.items():
        output = tmp_path / f"{path.name}.safetensors"
        told = report(program, *SELECT, "--safetensors", output, path)
        arrays, metadata = of_safetensors(output)
        record(metadata["kldsel.ranking"], told)
        names = [one["name"] for one in told["layers"] + told["skipped"]]
        assert set(arrays) == set(names)
        own = contents(path)[0]
        for name, array in arrays.items():
            if path.suffix == ".h5":
                key = next(key for key in own if key.endswith(name)) if path.name == "whole.h5" else None
                if key is None:
                    continue
            else:
                key = name
            assert array.tobytes() == own[key].tobytes(), name
            assert array.shape == own[key].shape
        layout = ("--layout", "hwio") if path.suffix == ".h5" else ()
        again = report("kldsel-safetensors", *SELECT, *layout, output)["layers"]
        if path.name != "helper.onnx":  # two of its four dense forms are turned
            assert again == told["layers"]


def test_freeze_list(files, tmp_path):
    import torch

    import kldsel

    for path, program in files.items():
        told = report(program, *SELECT[:2], "--freeze-list", tmp_path / "list.json", path)
        content = json.loads((tmp_path / "list.json").read_text())
        for key, wanted in (("train", True), ("freeze", False)):
            assert content[key] == [one["name"] for one in told["layers"] if one["selected"] is wanted]
        if path.suffix == ".h5":
            model = networks.keras_model()
            chosen = {name.removeprefix("sequential/") for name in content["train"]}
            frozen = kldsel.freeze(model, tmp_path / "list.json", head=False, biases="none")
            assert {name.partition("/")[2] if name.startswith("sequential") else name
                    for name in frozen.trainable} == chosen  # fmt: skip
        else:
            module = networks.torch_module()
            kldsel.freeze(module, tmp_path / "list.json", head=False, biases="none")
            trained = [name for name, one in module.named_parameters() if one.requires_grad]
            assert sorted(trained) == sorted(content["train"])
            assert isinstance(module, torch.nn.Module)


def test_all_at_once_and_in_place(by_name, tmp_path):
    path = tmp_path / "net.gguf"
    shutil.copy(by_name["net.gguf"], path)
    path.chmod(0o640)
    good("kldsel-gguf", "-s", "2", "-O", path, "-S", tmp_path / "s", "-F", tmp_path / "f", path)
    assert sorted(os.listdir(tmp_path)) == ["f", "net.gguf", "s"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o666 & ~mask
    assert "kldsel.ranking" in of_gguf(path)[1]


def test_a_failure_leaves_everything(files, tmp_path):
    for path, program in files.items():
        folder = tmp_path / path.name
        folder.mkdir()
        kept = folder / "kept"
        kept.write_bytes(b"before")
        outputs = ("-O", kept, "-S", folder / "s", "-F", folder / "f")
        bad(program, *outputs, "-s", "99", path)
        bad(program, *outputs, "-s", "1", "--exclude", "*", path)
        bad(program, *outputs, "-s", "1", folder / "none")
        bad(program, *outputs[:2], "-S", folder, path)
        assert "No such file" in bad(program, "-O", folder / "no" / "where", path)
        assert os.listdir(folder) == ["kept"]
        assert kept.read_bytes() == b"before"


def test_a_full_disk_leaves_everything(files, tmp_path):
    """The largest file that the process may write is the disk's end."""
    for path, program in files.items():
        folder = path.parent if path.name == "external.onnx" else tmp_path
        size = path.stat().st_size // 2
        before = sorted(os.listdir(folder))
        # SIGXFSZ is ignored, so that writing fails instead.
        command = f"trap '' XFSZ; ulimit -f {max(1, size // 1024)}; exec \"$@\""
        for option in ("-O", "-S"):
            done = os_run(
                [
                    "bash",
                    "-c",
                    command,
                    "-",
                    str(program_path(program)),
                    option,
                    str(folder / "out"),
                    str(path),
                ]
            )
            assert done.returncode == 2, (path, option, done)
            assert done.stderr.count(b"\n") == 1
            assert done.stdout == b""
            assert sorted(os.listdir(folder)) == before


def program_path(program):
    from conftest import PROGRAMS

    return PROGRAMS / program / program


def os_run(command):
    import subprocess

    return subprocess.run(command, capture_output=True, check=False, timeout=300, stdin=subprocess.DEVNULL)


def test_external_data_stay_where_they_are_found(by_name, tmp_path):
    text = bad("kldsel-onnx", "-O", tmp_path / "out.onnx", by_name["external.onnx"])
    assert "--output must name a file in the same folder" in text
    assert os.listdir(tmp_path) == []


def test_what_is_read_is_not_written_over(files, tmp_path):
    """But by --output; whatever the path is called."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    for path, program in files.items():
        copy = folder / path.name
        shutil.copy(path, copy)
        for other in (copy, f"{folder}/./{path.name}", tmp_path / "link" / path.name):
            assert "--freeze-list and a model are both" in bad(program, "-s", "1", "-F", other, copy)
            assert "--safetensors is the model that is read" in bad(program, "-S", other, copy)
        assert copy.read_bytes() == path.read_bytes()
        copy.unlink()
    assert os.listdir(folder) == []


@pytest.mark.parametrize("option", ["--json", "--csv", "--verbose", "--help", "--version"])
def test_a_report_that_cannot_be_printed_is_an_error(by_name, tmp_path, option):
    """And then there are no files."""
    with open("/dev/full", "wb") as full:
        done = run("kldsel-onnx", option, "-O", tmp_path / "out", by_name["torch.onnx"], stdout=full)
    assert done.returncode == 2
    assert done.stderr.startswith(b"kldsel-onnx: standard output: ")
    assert done.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == []


def test_wrong_options(by_name, tmp_path):
    path, out = by_name["torch.onnx"], tmp_path / "out"
    assert "--output and --safetensors are both" in bad("kldsel-onnx", "-O", out, "-S", f"{tmp_path}/./out", path)
    for option, value in (("method", "kl"), ("select", "-1"), ("select", "101%"), ("temperature", "0"),
                          ("threads", "1025"), ("layout", "nchw"), ("reference", "given")):  # fmt: skip
        assert f"--{option} '{value}': " in bad("kldsel-onnx", f"--{option}={value}", path)
    assert "--freeze-list needs --select" in bad("kldsel-onnx", "-F", out, path)
    assert "--output and --safetensors are both" in bad("kldsel-onnx", "-O", out, "-S", out, path)
    assert "--freeze-list and a model are both" in bad("kldsel-onnx", "-s", "1", "-O", out, "-F", out, path)
    assert "--output '': must name a file" in bad("kldsel-onnx", "-O", "", path)
    assert "-O: unknown option" in bad("kldsel-rank", "-O", out, networks.BUNDLED)
    assert os.listdir(tmp_path) == []


def test_two_tensors_of_one_name(tmp_path):
    from onnx import helper, numpy_helper, save

    array = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "net", [], [], [numpy_helper.from_array(array, "w")] * 2)
    save(helper.make_model(graph), tmp_path / "net.onnx")
    assert "two tensors have the name 'w'" in bad(
        "kldsel-onnx", "-S", tmp_path / "out", tmp_path / "net.onnx"
    )


@pytest.mark.parametrize("key", ["x" * 3_000_000, "\u2028"])
def test_other_metadata_stay(tmp_path, key):
    from safetensors.numpy import save_file

    save_file(networks.convolutions(), tmp_path / "net.safetensors", {key: "v", "kldsel.ranking": "old"})
    good("kldsel-safetensors", "-O", tmp_path / "net.safetensors", tmp_path / "net.safetensors")
    metadata = of_safetensors(tmp_path / "net.safetensors")[1]
    assert metadata[key] == "v"
    assert len(metadata) == 2
    assert json.loads(metadata["kldsel.ranking"])["layers"]
