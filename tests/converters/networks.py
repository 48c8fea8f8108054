# SPDX-License-Identifier: BSD-3-Clause
"""The bundled network as files of every format, each written by the real framework or package."""

import importlib.util
import os
import sys
from pathlib import Path

# PyTorch is needed anyway.
os.environ["KERAS_BACKEND"] = "torch"

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "examples" / "models" / "fashion_vgg.safetensors"


def tensors():
    """By name, in network order."""
    from safetensors import safe_open

    with safe_open(BUNDLED, "np") as file:
        return {name: file.get_tensor(name) for name in file.offset_keys()}


def convolutions():
    return {name: array for name, array in tensors().items() if array.ndim == 4}


def torch_module():
    """The module that the bundled weights are of."""
    import torch

    path = ROOT / "examples" / "train-fashion-vgg" / "train.py"
    spec = importlib.util.spec_from_file_location("train", path)
    train = importlib.util.module_from_spec(spec)
    sys.modules["train"] = train
    spec.loader.exec_module(train)
    module = train.FashionVGG()
    module.load_state_dict({name: torch.from_numpy(array) for name, array in tensors().items()}, strict=False)
    return module.eval()


def write_torch_onnx(path, external_path):
    """As torch.onnx.export() does it; the second with the weights in a file beside the model. Not optimized, as
    that multiplies the weights by those of the normalisation behind."""
    import torch

    images = (torch.zeros(1, 1, 28, 28),)
    program = torch.onnx.export(torch_module(), images, optimize=False, verbose=False)
    program.save(path, external_data=False)
    program.save(external_path, external_data=True)


def write_onnx(path):
    """A chain of the convolutions as onnx.helper makes it, half of them in typed fields, half in raw bytes; the
    dense layer as Gemm, as Gemm with transB, as MatMul, and behind a Transpose."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    nodes, weights, value = [], [], "x"
    for at, (name, array) in enumerate(convolutions().items()):
        if at % 2:
            weights.append(numpy_helper.from_array(array, name))
        else:
            weights.append(helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.flatten().tolist()))
        nodes.append(helper.make_node("Conv", [value, name], [f"y{at}"], pads=[1, 1, 1, 1]))
        value = f"y{at}"
    dense = tensors()["classifier.weight"]
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    for name, turned, use in (
        ("gemm", True, ("Gemm", {})),
        ("gemm_turned", False, ("Gemm", {"transB": 1})),
        ("matmul", True, ("MatMul", {})),
    ):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(dense.T if turned else dense), name))
        nodes.append(helper.make_node(use[0], ["flat", name], [f"{name}_out"], **use[1]))
    weights.append(numpy_helper.from_array(dense, "behind"))
    nodes.append(helper.make_node("Transpose", ["behind"], ["before"]))
    nodes.append(helper.make_node("MatMul", ["flat", "before"], ["behind_out"]))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 28, 28])],
        [helper.make_tensor_value_info("gemm_out", TensorProto.FLOAT, [1, 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    helper.set_model_props(model, {"author": "nobody"})
    save(model, path)


def keras_model():
    import keras
    import numpy as np

    keras.utils.clear_session()
    layers = [keras.Input((28, 28, 1))]
    for filters in (one.shape[0] for one in convolutions().values()):
        layers.append(keras.layers.Conv2D(filters, 3, padding="same"))
        layers += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    model.set_weights(
        [np.transpose(one, (2, 3, 1, 0)) if one.ndim == 4 else one.T for one in tensors().values()]
    )
    return model


def write_gguf(path, arrays=None):
    import gguf

    writer = gguf.GGUFWriter(path, "vgg")
    writer.add_string("general.name", "fashion_vgg")
    writer.add_array("numbers", [1, 2, 3])
    for name, array in (tensors() if arrays is None else arrays).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_safetensors(path):
    """As its own package does it, which sorts by name."""
    from safetensors.numpy import save_file

    save_file(tensors(), path, {"author": "nobody"})
