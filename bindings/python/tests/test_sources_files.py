# SPDX-License-Identifier: BSD-3-Clause
"""Files: safetensors whole, sharded and damaged; mappings; what is told by name and shape alone."""

from __future__ import annotations

import json
import math
import struct

import pytest

import kldsel
from kldsel.sources import read
from kldsel.sources.safetensors import SafetensorsError
from networks import TRAINED, pack


def floats(*shape, seed=1):
    """Numbers without a package: a linear congruential generator's."""
    state, values = seed, []
    for _ in range(math.prod(shape)):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state / 2**32 - 0.5)
    return struct.pack(f"<{len(values)}f", *values)


def write(folder, content, name="net.safetensors"):
    path = folder / name
    path.write_bytes(content)
    return path


def test_bundled_network():
    ranking = kldsel.rank(TRAINED)
    assert len(ranking) == 10
    assert len(ranking.skipped) == 52
    assert ranking.model == str(TRAINED)


def test_order_is_that_of_the_data(tmp_path):
    shape = [4, 2, 3, 3]
    path = write(
        tmp_path, pack(("b", "F32", shape, floats(*shape)), ("a", "F32", shape, floats(*shape, seed=2)))
    )
    assert list(kldsel.rank(path).scores) == ["b", "a"]


def test_every_tensor_has_a_reason(tmp_path):
    path = write(
        tmp_path,
        pack(
            ("conv.weight", "F32", [4, 2, 3, 3], floats(4, 2, 3, 3)),
            ("conv.bias", "F32", [4], floats(4)),
            ("count", "I64", [], bytes(8)),
            ("ids", "I64", [2, 2, 2], bytes(64)),
            ("none", "F32", [0, 3, 3], b""),
            ("deep", "F32", [1] * 9, bytes(4)),
            ("fc.weight", "F32", [3, 4], floats(3, 4)),
            ("pos_embed", "F32", [1, 2, 2], floats(1, 2, 2)),
        ),
    )
    reasons = {one.name: one.reason for one in kldsel.rank(path, dense=False).skipped}
    assert reasons == {
        "conv.bias": "rank 1: a bias or normalisation, no layer",
        "count": "rank 0: a bias or normalisation, no layer",
        "ids": "dtype I64 is not read",
        "none": "no elements: shape[0] is 0",
        "deep": "rank 9: more than 8 axes",
        "fc.weight": "dense: ranked with dense=True only",
        "pos_embed": "an embedding, token or table by its name, no layer of filters",
    }


def test_include_and_exclude(tmp_path):
    names = ["layers.1.weight", "layers.10.weight", "layers.2.weight"]
    path = write(tmp_path, pack(*((name, "F32", [3, 2, 2], floats(3, 2, 2)) for name in names)))
    assert set(kldsel.rank(path, include="layers.1.*").scores) == {"layers.1.weight"}
    assert set(kldsel.rank(path, include=["layers.1", "layers.2"]).scores) == {
        "layers.1.weight",
        "layers.2.weight",
    }
    assert set(kldsel.rank(path, exclude="*.1*").scores) == {"layers.2.weight"}
    with pytest.raises(kldsel.NothingToRankError, match="3 left out by name"):
        kldsel.rank(path, include="nothing")


def sharded(folder, missing=False, wrong=False):
    shape = [4, 2, 3, 3]
    first = pack(("a.weight", "F32", shape, floats(*shape)), ("a.bias", "F32", [4], floats(4)))
    second = pack(("b.weight", "F32", shape, floats(*shape, seed=3)))
    write(folder, first, "model-00001-of-00002.safetensors")
    if not missing:
        write(folder, second, "model-00002-of-00002.safetensors")
    index = {
        "metadata": {"total_size": 1},
        "weight_map": {
            "a.weight": "model-00001-of-00002.safetensors",
            "a.bias": "model-00001-of-00002.safetensors",
            "c.weight" if wrong else "b.weight": "model-00002-of-00002.safetensors",
        },
    }
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    return path


def test_sharded(tmp_path):
    path = sharded(tmp_path)
    ranking = kldsel.rank(path)
    assert list(ranking.scores) == ["a.weight", "b.weight"]
    assert kldsel.rank(tmp_path).scores == ranking.scores
    whole = [kldsel.rank(one) for one in sorted(tmp_path.glob("*.safetensors"))]
    assert dict(ranking.scores) == {**whole[0].scores, **whole[1].scores}


def test_sharded_and_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        kldsel.rank(sharded(tmp_path, missing=True))
    with pytest.raises(SafetensorsError, match=r"lacks 'c.weight'"):
        kldsel.rank(sharded(tmp_path, wrong=True))
    path = tmp_path / "model.safetensors.index.json"
    path.write_text('{"weight_map": {"a": "../a.safetensors"}}')
    with pytest.raises(SafetensorsError, match="no name of a file beside"):
        kldsel.rank(path)
    path.write_text("[]")
    with pytest.raises(SafetensorsError, match="no weight_map"):
        kldsel.rank(path)


GOOD = pack(("a", "F32", [2, 1, 2], floats(2, 1, 2)))


def header(text, data=b"\0" * 16):
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has 0 bytes; must have 8"),
        (b"\1\2\3", "has 3 bytes; must have 8"),
        (b"\xff" * 16, "must be <= 100000000"),
        ((99).to_bytes(8, "little") + b"{}", "header length is 99, but 2 bytes follow"),
        (header(b"[]"), "does not begin with '{'"),
        (header(b"{"), "header: "),
        (header(b'{"a": NaN}'), "NaN is not JSON"),
        (header(b'{"\xff": 1}'), "header: "),
        (header(b'{"a": 1, "a": 2}'), "duplicate object key 'a'"),
        (header(b'{"a": 1}'), "tensor 'a' is not an object"),
        (header(b'{"a": {"dtype": "F32", "shape": [4]}}'), "data_offsets is not an array of two"),
        (header(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}'), "run backwards"),
        (header(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 17]}}'), "end at byte 17 of 16"),
        (header(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, -1]}}'), "is -1; must be >= 0"),
        (header(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, true]}}'), "is not an integer"),
        (
            header(b'{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 16]}}'),
            "3 elements of F32 in 16",
        ),
        (header(b'{"a": {"dtype": "F32", "shape": 3, "data_offsets": [0, 16]}}'), "shape is not an array"),
        (header(b'{"a": {"dtype": 3, "shape": [4], "data_offsets": [0, 16]}}'), "dtype is not a string"),
        (
            header(b'{"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 16]}}'),
            "overflows",
        ),
        (
            header(
                b'{"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},'
                b'"b": {"dtype": "U8", "shape": [8], "data_offsets": [7, 15]}}'
            ),
            "'a' and 'b' overlap",
        ),
        (b"\x60\0\0\0\0\0\0\0" + b"[" * 96, "does not begin with"),
        (header(b'{"a":' + b"[" * 200000), "header: "),
    ],
)
def test_damaged_files(tmp_path, content, says):
    path = write(tmp_path, content)
    with pytest.raises(SafetensorsError) as caught:
        kldsel.rank(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_truncated_anywhere(tmp_path):
    for length in range(len(GOOD)):
        with pytest.raises(SafetensorsError):
            read(write(tmp_path, GOOD[:length]))
    assert len(read(write(tmp_path, GOOD)).weights) == 1


def test_data_without_gaps(tmp_path):
    with pytest.raises(SafetensorsError, match="but those have"):
        read(write(tmp_path, GOOD + b"more"))
    gap = header(b'{"a": {"dtype": "U8", "shape": [15], "data_offsets": [1, 16]}}')
    with pytest.raises(SafetensorsError, match="'a' begins at byte 1 of the data; must be 0"):
        read(write(tmp_path, gap))


def test_bfloat16_needs_no_package(tmp_path):
    singles = floats(4, 2, 3, 3)
    upper = b"".join(singles[at + 2 : at + 4] for at in range(0, len(singles), 4))
    cut = b"".join(b"\0\0" + upper[at : at + 2] for at in range(0, len(upper), 2))
    two = [("a", "BF16", [4, 2, 3, 3], upper), ("b", "F32", [4, 2, 3, 3], cut)]
    scores = kldsel.rank(write(tmp_path, pack(*two))).scores
    assert scores["a"] == scores["b"]


def test_wrong_paths(tmp_path):
    with pytest.raises(FileNotFoundError):
        kldsel.rank(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match=r"has none of model\.safetensors"):
        kldsel.rank(tmp_path)
    with pytest.raises(ValueError, match=r"unknown kind of file '\.txt'; known are \.safetensors"):
        kldsel.rank(write(tmp_path, b"x", "net.txt"))


@pytest.mark.parametrize("name", ["net.npz", "net.keras"])
def test_no_zip_archive(tmp_path, name):
    pytest.importorskip("numpy" if name.endswith("npz") else "h5py")
    with pytest.raises(ValueError, match=r"is no \.(npz|keras) file"):
        kldsel.rank(write(tmp_path, b"nothing", name))


@pytest.mark.parametrize(("name", "module"), [("net.h5", "h5py"), ("net.onnx", "onnx"), ("net.pt", "torch")])
def test_no_such_format(tmp_path, name, module):
    pytest.importorskip(module)
    with pytest.raises(ValueError, match="net"):
        kldsel.rank(write(tmp_path, b"\xff\xffnothing", name))


class TestByName:
    """Weights without their layers: a bias tells transposed convolutions, a name those of Keras."""

    def layouts(self, **shapes):
        np = pytest.importorskip("numpy")
        arrays = {name.replace("__", "."): np.ones(shape) for name, shape in shapes.items()}
        return {one.name: one.layout for one in read(arrays).weights if one.rank > 1 and one.reason is None}

    def test_pytorch(self):
        assert self.layouts(a__weight=(8, 4, 3, 3), a__bias=(8,)) == {"a.weight": "oihw"}
        assert self.layouts(a__weight=(8, 4, 3, 3), a__bias=(4,)) == {"a.weight": "iohw"}
        assert self.layouts(a__weight=(8, 4, 3, 3)) == {"a.weight": "oihw"}
        assert self.layouts(a__weight=(4, 3)) == {"a.weight": "oi"}
        assert self.layouts(a__weight=(4, 3), a__bias=(3,)) == {"a.weight": "io"}

    def test_keras(self):
        assert self.layouts(a__kernel=(3, 3, 4, 8), a__bias=(8,)) == {"a.kernel": "hwio"}
        assert self.layouts(a__kernel=(3, 3, 8, 4), a__bias=(8,)) == {"a.kernel": "hwoi"}
        assert self.layouts(a__kernel=(3, 3, 8, 1), a__bias=(8,)) == {"a.kernel": "hwim"}
        assert self.layouts(a__kernel=(3, 3, 4, 2), a__bias=(8,)) == {"a.kernel": "hwim"}
        assert self.layouts(a__depthwise_kernel=(3, 3, 4, 2)) == {"a.depthwise_kernel": "hwim"}
        assert self.layouts(a__kernel=(4, 3)) == {"a.kernel": "io"}

    def test_a_layout_given_overrides(self):
        np = pytest.importorskip("numpy")
        arrays = {"a.kernel": np.ones((3, 3, 4, 8)), "b.weight": np.ones((4, 8))}
        assert [one.layout for one in read(arrays, "oihw").weights] == ["oihw", "oi"]
        assert [one.layout for one in read(arrays, "hwio").weights] == ["hwio", "io"]

    def test_what_is_no_array(self):
        np = pytest.importorskip("numpy")
        network = read({"epoch": 3, "a.weight": np.ones((2, 2, 2))})
        assert [one.reason for one in network.weights] == ["a int, no array", None]


def test_arrays_without_numpy():
    """The buffer protocol's own types rank, too."""
    from array import array

    class Weights:
        def __init__(self, data, shape):
            self.data, self.shape, self.dtype = data, shape, "float32"

        @property
        def __array_interface__(self):
            address = self.data.buffer_info()[0]
            return {"version": 3, "shape": self.shape, "typestr": "<f4", "data": (address, True)}

    numbers = array("f", struct.unpack("<72f", floats(4, 2, 3, 3)))
    ranking = kldsel.rank({"a": Weights(numbers, (4, 2, 3, 3)), "b": Weights(numbers, (4, 2, 3, 3))})
    assert ranking["a"].score == ranking["b"].score > 0


def test_onnx_constants_and_unused_initializers(tmp_path):
    """Weights may be constants of the graph; each tensor is accounted for."""
    onnx = pytest.importorskip("onnx")
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    kernel = rng.normal(size=(5, 2, 3)).astype("f4")
    turned = rng.normal(size=(7, 5)).astype("f4")
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(kernel)),
            helper.make_node("Conv", ["x", "kernel"], ["y"]),
            helper.make_node("Transpose", ["turned"], ["turned.T"], perm=[1, 0]),
            helper.make_node("MatMul", ["y", "turned.T"], ["z"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 7])],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(turned, "turned"), numpy_helper.from_array(turned, "unused")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    ranking = kldsel.rank(tmp_path / "net.onnx", dense=True)
    expected = kldsel.rank({"kernel": kernel, "turned.weight": turned}, dense=True, layout="oihw")
    assert dict(ranking.scores) == {
        "kernel": expected["kernel"].score,
        "turned": expected["turned.weight"].score,
    }
    assert [(one.name, one.reason) for one in ranking.skipped] == [("unused", "used by no node")]


@pytest.mark.parametrize(
    "weights",
    [
        lambda one: {1: one, "1": one},
        lambda one: {"a": {"b": one}, "a.b": one},
        lambda one: iter([("a", one), ("a", one)]),
    ],
)
def test_two_arrays_of_one_name(weights):
    np = pytest.importorskip("numpy")
    with pytest.raises(ValueError, match=r"two entries have the name '(1|a\.b|a)'"):
        kldsel.rank(weights(np.ones((2, 2, 2))))


@pytest.mark.parametrize("wrong", [[3], [("a",)], [(1, 2)], b"net.safetensors", range(2)])
def test_what_is_no_model(wrong):
    with pytest.raises(TypeError, match="model is a "):
        kldsel.rank(wrong)


def damaged(data, seed):
    """The bytes of a file, some of them changed."""
    state, changed = seed, bytearray(data)
    for _ in range(1 + seed % 20):
        state = (state * 1664525 + 1013904223) % 2**32
        changed[state % len(data)] = state >> 24
    return bytes(changed)


def write_npz(path):
    np = pytest.importorskip("numpy")
    np.savez_compressed(path, a=np.random.default_rng(0).normal(size=(8, 4, 3, 3)))


def write_pt(path, zipped=True):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.randn(8, 4, 3, 3)}, path, _use_new_zipfile_serialization=zipped)


def write_h5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = [[[[1.0, 2.0]]]]


WRITERS = {
    "net.npz": write_npz,
    "net.pt": write_pt,
    "old.pt": lambda path: write_pt(path, zipped=False),
    "net.weights.h5": write_h5,
}


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files_are_value_errors(tmp_path, name):
    """Whatever a package makes of it, it must not reach the user as a KeyError or the like."""
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    kldsel.rank(path)
    contents = [b"", whole[:7], whole[: len(whole) // 2], whole[:-1]]
    contents += [damaged(whole, seed) for seed in range(40)]
    errors = []
    for content in contents:
        path.write_bytes(content)
        try:
            kldsel.rank(path)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) > 4
    assert all(str(path) in one or "layer '" in one for one in errors)


def test_a_group_that_holds_itself(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers"] = file["/"]
    with pytest.raises(ValueError, match=r"net\.weights\.h5: cannot be read"):
        kldsel.rank(tmp_path / "net.weights.h5")


def test_onnx_with_its_data_elsewhere(tmp_path):
    """What is loaded at a time is bounded by what loading takes, not by what the model holds."""
    onnx = pytest.importorskip("onnx")
    np = pytest.importorskip("numpy")
    weight = onnx.numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 4, 3, 3)), "w")
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    told = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", told[:1], told[1:], [weight]))
    path = tmp_path / "net.onnx"
    onnx.save_model(model, str(path), save_as_external_data=True, location="net.bin", size_threshold=0)
    assert [one.nbytes for one in read(path).weights] == [8 * 4 * 9 * 8]
    assert len(kldsel.rank(path)) == 1
    (tmp_path / "net.bin").unlink()
    with pytest.raises(ValueError, match="layer 'w'"):
        kldsel.rank(path)


@pytest.mark.parametrize("name", ["a\\u0000b", "\\ud800"])
def test_names_that_no_program_can_print(tmp_path, name):
    header = '{"NAME":{"dtype":"F32","shape":[2,2,2],"data_offsets":[0,32]}}'.replace("NAME", name)
    content = struct.pack("<Q", len(header)) + header.encode() + bytes(32)
    with pytest.raises(SafetensorsError, match="NUL or half of a surrogate"):
        kldsel.rank(write(tmp_path, content))
