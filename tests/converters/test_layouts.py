# SPDX-License-Identifier: BSD-3-Clause
"""Layers of every layout, written by the frameworks, against the same filters as kldsel-rank views them."""

import numpy as np
import pytest
from safetensors.numpy import save_file

import networks  # noqa: F401 - sets Keras's backend
from conftest import bad, report

SOURCE = np.random.default_rng(2022)


def weights(*shape):
    return SOURCE.normal(size=shape).astype(np.float32)


def expect(tmp_path, program, path, filters, *options):
    """The layers that `filters` names have the scores of these arrays, filters first."""
    save_file({name: np.ascontiguousarray(one) for name, one in filters.items()}, tmp_path / "expected")
    common = ("--method", "all", "--dense", *options)
    wanted = {one["name"]: one for one in report("kldsel-rank", *common, tmp_path / "expected")["layers"]}
    told = report(program, *common, path)
    found = {one["name"]: one for one in told["layers"]}
    assert set(found) == set(wanted)
    for name, one in found.items():
        for key in ("kind", "filters", "elements", "scores"):
            assert one[key] == wanted[name][key], (name, key)
    return {one["name"]: one["reason"] for one in told["skipped"]}


def save_onnx(path, nodes, arrays, inputs=("x",)):
    from onnx import TensorProto, helper, numpy_helper, save

    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inputs],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ascontiguousarray(one), name) for name, one in arrays.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


@pytest.mark.parametrize("granularity", ["filter", "kernel"])
def test_onnx(tmp_path, granularity):
    from onnx import helper

    node = helper.make_node
    arrays = {
        "line": weights(6, 4, 5),
        "plane": weights(6, 4, 3, 2),
        "space": weights(5, 3, 2, 2, 2),
        "grouped": weights(8, 2, 3, 3),
        "turned": weights(4, 6, 3, 2),
        "turned_groups": weights(6, 4, 3, 2),
        "recurrent": weights(1, 8, 3),
        "gathered": weights(7, 5),
        "unused": weights(3, 3, 3),
        "bias": weights(6),
    }
    nodes = [
        node("Conv", ["x", "line"], ["a"]),
        node("Conv", ["a", "plane", "bias"], ["b"]),
        node("Conv", ["b", "space"], ["c"]),
        node("Conv", ["c", "grouped"], ["d"], group=4),
        node("ConvTranspose", ["d", "turned"], ["e"]),
        node("ConvTranspose", ["e", "turned_groups"], ["f"], group=2),
        node("LSTM", ["f", "recurrent", "recurrent"], ["g"]),
        node("Gather", ["gathered", "g"], ["h"]),
    ]
    save_onnx(tmp_path / "net.onnx", nodes, arrays)
    grouped = arrays["turned_groups"]
    filters = {name: arrays[name] for name in ("line", "plane", "space", "grouped")}
    filters["turned"] = arrays["turned"].transpose(1, 0, 2, 3)
    # As PyTorch does: the first half of the inputs makes the first half of the outputs.
    filters["turned_groups"] = np.concatenate([half.transpose(1, 0, 2, 3) for half in np.split(grouped, 2)])
    skipped = expect(tmp_path, "kldsel-onnx", tmp_path / "net.onnx", filters, "--granularity", granularity)
    assert skipped == {
        "recurrent": "rank 3, an input of LSTM, which is no layer",
        "gathered": "rank 2, an input of Gather, which is no layer",
        "unused": "used by no node",
        "bias": "rank 1: a bias or normalisation, no layer",
    }


def test_onnx_weights_behind_other_nodes(tmp_path):
    from onnx import helper

    node = helper.make_node
    arrays = {
        "cast": weights(6, 4, 3).astype(np.float16),
        "same": weights(5, 4, 3),
        "turned_twice": weights(5, 7),
    }
    nodes = [
        node("Cast", ["cast"], ["wide"], to=1),
        node("Conv", ["x", "wide"], ["a"]),
        node("Identity", ["same"], ["passed"]),
        node("Conv", ["a", "passed"], ["b"]),
        node("Transpose", ["turned_twice"], ["once"]),
        node("Transpose", ["once"], ["twice"]),
        node("Gemm", ["b", "twice"], ["c"], transB=1),
    ]
    save_onnx(tmp_path / "net.onnx", nodes, arrays)
    assert expect(tmp_path, "kldsel-onnx", tmp_path / "net.onnx", arrays) == {}


def test_onnx_types(tmp_path):
    """Each type in its field and as raw bytes."""
    from onnx import TensorProto, helper, save

    single = np.round(weights(4, 3, 2) * 4) / 4
    bits = {
        TensorProto.FLOAT16: single.astype(np.float16).view(np.uint16),
        TensorProto.BFLOAT16: (single.view(np.uint32) >> 16).astype(np.uint16),
        TensorProto.FLOAT: single,
        TensorProto.DOUBLE: single.astype(np.float64),
    }
    tensors, nodes = [], []
    for type_number, array in bits.items():
        for raw in (True, False):
            tensor = helper.make_tensor(
                f"w{type_number}_{raw}", type_number, single.shape, array.tobytes(), raw=True
            )
            if not raw:
                tensor.ClearField("raw_data")
                field = {TensorProto.FLOAT: "float_data", TensorProto.DOUBLE: "double_data"}.get(
                    type_number, "int32_data"
                )
                getattr(tensor, field).extend(array.flatten().tolist())
            tensors.append(tensor)
            nodes.append(helper.make_node("Conv", ["x", tensor.name], [f"y_{tensor.name}"]))
    for at, (type_number, field) in enumerate(
        [
            (TensorProto.INT8, "int32_data"),
            (TensorProto.INT64, "int64_data"),
            (TensorProto.UINT32, "uint64_data"),
        ]
    ):
        tensor = TensorProto(name=f"n{at}", data_type=type_number, dims=[2, 1, 2])
        getattr(tensor, field).extend([1, 2, 3, 4])
        tensors.append(tensor)
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", 1, None)], [], tensors)
    save(helper.make_model(graph), tmp_path / "net.onnx")
    layers = report("kldsel-onnx", "-m", "all", "-S", tmp_path / "all.safetensors", tmp_path / "net.onnx")[
        "layers"
    ]
    assert len(layers) == 8
    assert all(one["scores"] == layers[0]["scores"] for one in layers)
    skipped = report("kldsel-safetensors", tmp_path / "all.safetensors")["skipped"]
    assert {one["name"]: one["reason"] for one in skipped} == {
        "n0": "dtype I8 is not read",
        "n1": "dtype I64 is not read",
        "n2": "dtype U32 is not read",
    }


@pytest.mark.parametrize("form", ["whole.h5", "net.weights.h5"])
@pytest.mark.parametrize("granularity", ["filter", "kernel"])
def test_keras(tmp_path, form, granularity):
    import keras

    keras.utils.clear_session()
    layers = keras.layers
    image = keras.Input((9, 9, 4))
    value = layers.Conv2D(6, (3, 2), name="plane")(image)
    value = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(value)
    value = layers.SeparableConv2D(5, 3, name="separable")(value)
    value = layers.Conv2DTranspose(7, (3, 2), name="turned")(value)
    value = layers.Reshape((-1, 7))(value)
    value = layers.Conv1D(8, 3, name="line")(value)
    value = layers.LSTM(4, name="memory")(value)
    model = keras.Model(image, layers.Dense(3, name="dense")(value))
    getattr(model, "save" if form == "whole.h5" else "save_weights")(tmp_path / form)

    def kernel(layer, index=0):
        return np.array(model.get_layer(layer).get_weights()[index])

    def per_channel(array):
        return array.transpose(2, 3, 0, 1).reshape(-1, 1, *array.shape[:2])

    filters = {
        "plane/kernel": kernel("plane").transpose(3, 2, 0, 1),
        "depthwise/kernel": per_channel(kernel("depthwise")),
        "separable/depthwise_kernel": per_channel(kernel("separable")),
        "separable/pointwise_kernel": kernel("separable", 1).transpose(3, 2, 0, 1),
        "turned/kernel": kernel("turned").transpose(2, 3, 0, 1),
        "line/kernel": kernel("line").transpose(2, 1, 0),
        "memory/kernel": kernel("memory").T,
        "memory/recurrent_kernel": kernel("memory", 1).T,
        "dense/kernel": kernel("dense").T,
    }
    named = {one["name"]: one["name"].replace("memory/lstm_cell", "memory") for one in
             report("kldsel-hdf5", "-d", tmp_path / form)["layers"]}  # fmt: skip
    by_own = (
        {own: filters[name] for own, name in named.items()}
        if set(named.values()) == set(filters)
        else filters
    )
    skipped = expect(tmp_path, "kldsel-hdf5", tmp_path / form, by_own, "--granularity", granularity)
    assert all("rank 1" in reason for reason in skipped.values())


def test_keras_halves_and_bytes_in_the_other_order(tmp_path):
    """As h5py writes them, in the form of Keras."""
    import h5py

    array = weights(3, 3, 4, 6)
    short = (np.round(array * 4) / 4).astype(np.float32)
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        for name, content in {
            "conv2d": array.astype(">f4"),
            "conv2d_1": short.astype(">f2"),
            "conv2d_2": short.astype(">f8"),
            "conv2d_3": (short.view(np.uint32) >> 16).astype(np.uint16),
        }.items():
            file.create_dataset(f"layers/{name}/vars/0", data=content)
        file["layers/conv2d_3/vars/0"].attrs["dtype"] = "bfloat16"
        file.create_dataset("layers/embedding/vars/0", data=weights(7, 4))
        file.create_dataset("layers/mine/vars/0", data=weights(2, 3, 4))
        file.create_dataset("optimizer/vars/0", data=weights(3, 3, 4, 6))
        file.create_dataset("layers/conv2d_4/vars/0", data=short, compression="gzip", chunks=(1, 3, 4, 6))
    filters = {"conv2d/kernel": array.transpose(3, 2, 0, 1)}
    filters.update({f"conv2d_{i}/kernel": short.transpose(3, 2, 0, 1) for i in (1, 2, 3, 4)})
    skipped = expect(tmp_path, "kldsel-hdf5", tmp_path / "net.weights.h5", filters)
    assert skipped == {
        "embedding/embeddings": "an embedding: its rows are no filters",
        "mine/0": "of a layer that is no known convolution",
        "optimizer/0": "of the optimizer, no layer",
    }


def test_gguf_types(tmp_path):
    import gguf

    array = weights(8, 4, 3, 3)
    quantised = gguf.quants.quantize(weights(8, 64), gguf.GGMLQuantizationType.Q8_0)
    writer = gguf.GGUFWriter(tmp_path / "net.gguf", "mine")
    writer.add_tensor("single", array)
    writer.add_tensor("half", array.astype(np.float16))
    writer.add_tensor("double", array.astype(np.float64))
    writer.add_tensor("dense", weights(8, 5))
    writer.add_tensor("quantised", quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("whole", np.arange(24, dtype=np.int32).reshape(2, 3, 4))
    for write in ("header", "kv_data", "tensors"):
        getattr(writer, f"write_{write}_to_file")()
    writer.close()
    path = tmp_path / "net.gguf"
    half = array.astype(np.float16).astype(np.float32)
    skipped = expect(
        tmp_path, "kldsel-gguf", path, {"single": array, "half": half, "double": array}, "-e", "dense"
    )
    assert skipped["quantised"] == "dtype q8_0 is not read"
    assert skipped["whole"] == "dtype i32 is not read"
    text = bad("kldsel-gguf", "-S", tmp_path / "out", path)
    assert "tensor 'quantised': safetensors has no dtype q8_0" in text
    assert not (tmp_path / "out").exists()
