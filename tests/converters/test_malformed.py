# SPDX-License-Identifier: BSD-3-Clause
"""Damaged and hostile files: a report, or one line and status 2; nothing else is ever left behind."""

import json
import os
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import conftest
import networks
from conftest import bad, failure, good, run
from mutate import mutations

COUNT = 240
SOURCE = np.random.default_rng(7)


@pytest.fixture(scope="module", autouse=True)
def sanitized():
    """The programs are those built with sanitizers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "PROGRAMS", conftest.SANITIZED)
        yield


def small():
    """A network whose files are mostly structure."""
    return {
        "first.weight": SOURCE.normal(size=(4, 2, 3, 3)).astype(np.float32),
        "first.bias": SOURCE.normal(size=4).astype(np.float32),
        "second.weight": SOURCE.normal(size=(3, 4, 2, 2)).astype(np.float16),
        "dense.weight": SOURCE.normal(size=(2, 3)).astype(np.float32),
    }


def seed_safetensors(folder):
    from safetensors.numpy import save_file

    save_file(small(), folder / "net.safetensors", {"author": "nobody"})
    return [folder / "net.safetensors"]


def seed_gguf(folder):
    networks.write_gguf(folder / "net.gguf", small())
    return [folder / "net.gguf"]


def seed_onnx(folder):
    from onnx import helper, numpy_helper, save

    arrays, nodes = small(), []
    for at, name in enumerate(("first.weight", "second.weight")):
        nodes.append(helper.make_node("Conv", [f"x{at}", name], [f"x{at + 1}"], pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("Gemm", ["x2", "dense.weight"], ["y"], transB=1))
    for form in ("raw", "fields"):
        tensors = [
            numpy_helper.from_array(one, name)
            if form == "raw"
            else helper.make_tensor(
                name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape, one.flatten().tolist()
            )
            for name, one in arrays.items()
        ]
        graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x0", 1, None)], [], tensors)
        save(helper.make_model(graph), folder / f"{form}.onnx")
    return [folder / "raw.onnx", folder / "fields.onnx"]


def seed_hdf5(folder):
    import keras

    keras.utils.clear_session()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            keras.layers.Conv2D(4, 3),
            keras.layers.Conv2D(3, 2),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    model.save(folder / "net.h5")
    model.save_weights(folder / "net.weights.h5")
    return [folder / "net.h5", folder / "net.weights.h5"]


FORMATS = {
    "safetensors": ("kldsel-safetensors", seed_safetensors),
    "onnx": ("kldsel-onnx", seed_onnx),
    "hdf5": ("kldsel-hdf5", seed_hdf5),
    "gguf": ("kldsel-gguf", seed_gguf),
}


# Formats whose libraries are known to crash.
SIGNALS = ("hdf5", "gguf")


def limits(name):
    """For programs built with sanitizers: no run takes much memory. In libhdf5 and ggml damage may end in a signal, as
    it does without sanitizers; the program must tell so in a line. They lose memory, too."""
    options = "hard_rss_limit_mb=1200:allocator_may_return_null=1"
    if name in SIGNALS:
        # The sanitizer's notes on memory that is not there are no output of the program.
        options += ":handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0:log_path=/dev/null"
        options += ":detect_leaks=0"
    return {**os.environ, "ASAN_OPTIONS": options}


def survive(name, path, folder):
    program = FORMATS[name][0]
    outputs = [folder / f"{path.name}.{one}" for one in ("O", "S", "F")]
    options = [word for option, file in zip(("-O", "-S", "-F"), outputs) for word in (option, file)]
    done = run(program, "--json", "--dense", "--select", "1", *options, path, env=limits(name))
    if done.returncode == 0:
        told = json.loads(done.stdout)
        assert len(told["layers"]) > 0
        assert done.stderr == b"", path
        for file in outputs:
            file.unlink()
        outcome = "read"
    else:
        text = failure(program, done)
        assert f"{path}: " in text
        outcome = "signal" if "ended with signal" in text else "refused"
    path.unlink()
    return outcome


@pytest.mark.parametrize("name", FORMATS)
def test_damaged(name, tmp_path):
    seeds = FORMATS[name][1](tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    paths = []
    for seed in seeds:
        good(FORMATS[name][0], seed)
        for number, data in enumerate(mutations(seed.read_bytes(), COUNT // len(seeds))):
            paths.append(work / f"{number:03}-{seed.name}")
            paths[-1].write_bytes(data)
    assert len(paths) >= 200
    with ThreadPoolExecutor(2) as pool:
        outcomes = Counter(pool.map(lambda path: survive(name, path, work), paths))
    print(name, dict(outcomes))
    # Some damage does not matter; most is found.
    assert outcomes["refused"] > COUNT / 4
    assert outcomes["read"] > 0
    assert outcomes["signal"] <= (COUNT / 20 if name in SIGNALS else 0)
    assert os.listdir(work) == []


def write(path, content):
    path.write_bytes(content)
    return path


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, content):
    """A protobuf field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(**fields):
    """An ONNX model of one tensor, used by a Conv."""
    from onnx import TensorProto, helper

    made = TensorProto(name="w", data_type=1, dims=[2, 1, 2])
    for key, value in fields.items():
        made.ClearField(key)
        if key == "external_data":
            made.data_location = TensorProto.EXTERNAL
            for one, text in value.items():
                made.external_data.add(key=one, value=text)
        elif isinstance(value, list):
            getattr(made, key).extend(value)
        else:
            setattr(made, key, value)
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"])], "net", [], [], [made])
    return helper.make_model(graph).SerializeToString()


ONNX = [
    ("nothing", lambda: b"", "must have 1 at least"),
    ("text", lambda: b"hello, world" * 100, "is no ONNX model"),
    ("no graph", lambda: b"\x08\x07", "it has no graph"),
    ("no data", tensor, "tensor 'w': float_data has 0 elements; must have 4"),
    ("too few", lambda: tensor(raw_data=bytes(15)), "raw_data has 15 bytes; must have 16"),
    ("too many", lambda: tensor(float_data=[1.0] * 5), "float_data has 5 elements; must have 4"),
    ("another field", lambda: tensor(int32_data=[1] * 4), "float_data has 0 elements; must have 4"),
    ("negative", lambda: tensor(dims=[-2, 1, -2]), "dims[0] is -2"),
    ("overflow", lambda: tensor(dims=[2**62, 4, 2]), "dims overflow"),
    (
        "huge",
        lambda: tensor(dims=[2**40, 1, 2], raw_data=bytes(8)),
        "raw_data has 8 bytes; must have 8796093022208",
    ),
    ("unknown type", lambda: tensor(data_type=99, raw_data=bytes(16)), "1 of an unread dtype"),
    ("strings", lambda: tensor(data_type=8), "1 of an unread dtype"),
    ("not a number", lambda: tensor(float_data=[1.0, 2.0, float("nan"), 4.0]), "'w'"),
    ("no name in UTF-8", lambda: tensor(float_data=[1.0] * 4).replace(b"\x01w", b"\x01\xff"), "is not UTF-8"),
    (
        "elsewhere",
        lambda: tensor(external_data={"location": "../etc/passwd"}),
        "must be a file beside the model",
    ),
    (
        "absolute",
        lambda: tensor(external_data={"location": "/etc/passwd"}),
        "must be a file beside the model",
    ),
    ("nowhere", lambda: tensor(external_data={"location": "none"}), "'none': No such file"),
    ("no location", lambda: tensor(external_data={}), "location is ''"),
    ("beyond", lambda: tensor(external_data={"location": "net.onnx", "offset": "99999999"}), "which has"),
    ("no offset", lambda: tensor(external_data={"location": "net.onnx", "offset": "-1"}), "offset is '-1'"),
    ("wrong length", lambda: tensor(external_data={"location": "net.onnx", "length": "3"}), "has 3 bytes"),
]


@pytest.mark.parametrize(("what", "content", "says"), ONNX, ids=[one[0] for one in ONNX])
def test_onnx(tmp_path, what, content, says):
    assert says in bad("kldsel-onnx", "-S", tmp_path / "out", write(tmp_path / "net.onnx", content()))
    assert os.listdir(tmp_path) == ["net.onnx"]


def test_onnx_bombs(tmp_path):
    def nested():
        inner = b""
        for _ in range(2000):
            # GraphProto.node, NodeProto.attribute, AttributeProto.g
            inner = field(1, field(5, field(6, inner)))
        return field(7, inner)

    bombs = {
        "nested": (nested(), "is no ONNX model"),
        "many empty nodes": (field(7, b"\x0a\x00" * 1_000_000), "no layer to rank"),
        "many empty tensors": (field(7, b"\x2a\x00" * 300_000), "no layer to rank"),
        "long name": (field(7, field(5, field(8, b"x" * 10_000_000))), "no layer to rank"),
        "lying length": (b"\x3a\xff\xff\xff\xff\x07" + bytes(100), "is no ONNX model"),
    }
    for what, (content, says) in bombs.items():
        done = run("kldsel-onnx", write(tmp_path / "net.onnx", content), env=limits("onnx"))
        assert says in failure("kldsel-onnx", done), what


def gguf(*tensors, keys=b"", counts=None, version=3, data=bytes(64)):
    """A file of (name, extents fastest first, type, offset)."""
    infos = b"".join(
        struct.pack("<Q", len(name)) + name + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, offset)
        for name, ne, kind, offset in tensors
    )
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), 0))) + keys + infos
    return head + bytes(-len(head) % 32) + data


GGUF = [
    ("nothing", b"", "must have 1 at least"),
    ("text", b"hello, world" * 10, "is no GGUF file"),
    ("version", gguf(version=99), "is no GGUF file"),
    ("other order", gguf(version=0x03000000), "is no GGUF file"),
    ("many tensors", gguf(counts=(2**62, 0)), "is no GGUF file"),
    ("many keys", gguf(counts=(0, 2**62)), "is no GGUF file"),
    ("long key", gguf(counts=(0, 1), keys=struct.pack("<Q", 2**62)), "is no GGUF file"),
    ("long array", gguf(counts=(0, 1), keys=struct.pack("<Q1sIIQ", 1, b"k", 9, 4, 2**60)), "is no GGUF file"),
    (
        "array in array",
        gguf(counts=(0, 1), keys=struct.pack("<Q1sI", 1, b"k", 9) + struct.pack("<IQ", 9, 1) * 1000),
        "is no GGUF file",
    ),
    ("long name", gguf((b"x" * 1000, (2, 2, 2), 0, 0)), "is no GGUF file"),
    ("five axes", gguf((b"w", (2, 2, 2, 1, 1), 0, 0)), "is no GGUF file"),
    ("negative", gguf((b"w", (2**64 - 2, 2, 2), 0, 0)), "is no GGUF file"),
    ("overflow", gguf((b"w", (2**40, 2**40, 2), 0, 0)), "is no GGUF file"),
    ("too large", gguf((b"w", (2, 2, 2**30), 0, 0)), "tensor 'w': 17179869184 bytes at byte 0 of the data"),
    ("no data", gguf((b"w", (2, 2, 2), 0, 0), data=b""), "tensor 'w': 32 bytes at byte 0 of the data"),
    ("unknown type", gguf((b"w", (2, 2, 2), 999, 0)), "is no GGUF file"),
    ("offset", gguf((b"w", (2, 2, 2), 0, 2**40)), "is no GGUF file"),
    ("same name", gguf((b"w", (2, 2, 2), 0, 0), (b"w", (2, 2, 2), 0, 32)), "is no GGUF file"),
    ("not UTF-8", gguf((b"\xff", (2, 2, 2), 0, 0)), "is not UTF-8"),
    ("not finite", gguf((b"w", (2, 2, 2), 0, 0), data=b"\xff" * 64), "'w'"),
]


@pytest.mark.parametrize(("what", "content", "says"), GGUF, ids=[one[0] for one in GGUF])
def test_gguf(tmp_path, what, content, says):
    done = run("kldsel-gguf", write(tmp_path / "net.gguf", content), env=limits("gguf"))
    assert says in failure("kldsel-gguf", done)


def hdf5_cases():  # noqa: C901 - one after the other
    import h5py

    kernel = np.ones((3, 3, 2, 4), np.float32)

    def variable(file, **options):
        return file.create_dataset("layers/conv2d/vars/0", **options)

    def loop(file):
        variable(file, data=SOURCE.normal(size=(3, 3, 2, 4)).astype(np.float32))
        file["layers/round"] = file["layers"]

    def many_loops(file):
        group = file.create_group("layers")
        for name in "abcdefgh":
            group[name] = group

    def deep(file):
        file.create_group("/".join(["layers"] * 500))

    def soft(file):
        file["layers/conv2d/vars/0"] = h5py.SoftLink("/layers/conv2d/vars/0")

    def elsewhere(file):
        file["layers/conv2d/vars/0"] = h5py.ExternalLink("other.h5", "/w")

    def raw(file):
        variable(file, shape=(3, 3, 2, 4), dtype="f4", external=[("other.bin", 0, h5py.h5f.UNLIMITED)])

    def virtual(file):
        layout = h5py.VirtualLayout((3, 3, 2, 4), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "w", (3, 3, 2, 4))
        file.create_virtual_dataset("layers/conv2d/vars/0", layout)

    def names(file):
        file.attrs["layer_names"] = np.array([b"conv2d"])
        file.create_group("conv2d").attrs["weight_names"] = np.array([b"conv2d/kernel"])

    def no_group(file):
        file.attrs["layer_names"] = np.array([b"x" * 60000])

    def numbers(file):
        file.attrs["layer_names"] = np.array([1, 2])

    def many_names(file):
        first = variable(file, data=SOURCE.normal(size=(3, 3, 16, 16)).astype(np.float32))
        for name in range(1, 100):
            file[f"layers/conv2d/vars/{name}"] = first

    def large_config(file):
        file.attrs["model_config"] = "[" + "0," * 2_500_000 + "0]"
        variable(file, data=kernel)

    def config(file):
        file.attrs["model_config"] = "[" * 30000
        variable(file, data=kernel)

    return {
        "empty": (lambda file: None, "holds no weights of a Keras model"),
        "loop": (loop, "takes more bytes than the file has"),
        "many loops": (many_loops, "go round in circles"),
        "deep": (deep, "100 deep"),
        "soft loop": (soft, "libhdf5 finds no dataset"),
        "external link": (elsewhere, "libhdf5 finds no dataset"),
        "external data": (raw, "its data are in another file"),
        "virtual data": (virtual, "its data are in another file"),
        "never written": (
            lambda file: variable(file, shape=(2**12,) * 4, dtype="f4", chunks=(1, 1, 1, 64)),
            "but 0 are stored",
        ),
        "overflowing": (
            lambda file: variable(file, shape=(2**31,) * 2 + (2, 2), dtype="f4", chunks=(1, 1, 1, 1)),
            "its shape overflows",
        ),
        "zip bomb": (
            lambda file: variable(file, data=np.zeros((64, 64, 64, 64), np.float32), compression="gzip"),
            "",
        ),
        "no such weights": (names, "libhdf5 finds no dataset"),
        "no such layer": (no_group, "libhdf5 finds no group"),
        "names are numbers": (numbers, "cannot read it as strings"),
        "many names of one": (many_names, "takes more bytes than the file has"),
        "nested configuration": (config, "model_config, byte"),
        "large configuration": (large_config, "model_config has about 2500002 values"),
        "not finite": (lambda file: variable(file, data=kernel * np.nan), "layer 'conv2d/kernel'"),
        "nine axes": (lambda file: variable(file, data=np.ones((1,) * 9, np.float32)), "1 of too many axes"),
        "text": (lambda file: variable(file, data="text"), "no layer to rank"),
        "null": (lambda file: variable(file, data=h5py.Empty("f4")), "no layer to rank"),
        "no elements": (lambda file: variable(file, data=kernel[:0]), "1 without elements"),
    }


@pytest.mark.parametrize("what", hdf5_cases())
def test_hdf5(tmp_path, what):
    import h5py

    make, says = hdf5_cases()[what]
    path = tmp_path / "net.weights.h5"
    with h5py.File(path, "w") as file:
        make(file)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["w"] = SOURCE.normal(size=(3, 3, 2, 4)).astype(np.float32)
    (tmp_path / "other.bin").write_bytes(bytes(288))
    done = run("kldsel-hdf5", path, env=limits("hdf5"))
    if what == "zip bomb":
        # Deflate has a limit; 64 MB of a file of 100 KB are read.
        assert done.returncode == 0
        return
    assert says in failure("kldsel-hdf5", done)


def test_hdf5_other_kinds(tmp_path):
    assert "is no HDF5 file" in bad("kldsel-hdf5", write(tmp_path / "a.h5", b"hello" * 1000))
    assert "is a zip archive" in bad("kldsel-hdf5", write(tmp_path / "a.keras", b"PK\3\4" + bytes(100)))


@pytest.mark.parametrize("name", FORMATS)
def test_wrong_files(name, tmp_path):
    program = FORMATS[name][0]
    assert "directory" in bad(program, tmp_path)
    assert "regular" in bad(program, "/dev/null")
    os.mkfifo(tmp_path / "pipe")
    assert "regular" in bad(program, tmp_path / "pipe")
    assert "no file is named" in bad(program)


def test_the_programs_are_there():
    for program, _ in FORMATS.values():
        path = conftest.PROGRAMS / program / program
        assert path.is_file()
        assert b"__asan_init" in path.read_bytes()
