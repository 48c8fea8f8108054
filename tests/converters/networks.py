# SPDX-License-Identifier: BSD-3-Clause
"""The bundled network as files of every format, each written by the real framework or package."""

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "examples" / "models" / "fashion_vgg.safetensors"

# Channels of the convolutions, M for pooling.
PLAN = (24, 24, "M", 48, 48, "M", 64, 64, 64, "M", 64, 64, 64)


def tensors():
    """By name, in network order."""
    from safetensors import safe_open

    with safe_open(BUNDLED, "np") as file:
        return {name: file.get_tensor(name) for name in file.offset_keys()}


def convolutions():
    return {name: array for name, array in tensors().items() if array.ndim == 4}


def torch_module():
    import torch
    from torch import nn

    layers, channels = [], 1
    for step in PLAN:
        if step == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, step, 3, padding=1), nn.BatchNorm2d(step), nn.ReLU()]
        channels = step
    module = nn.Module()
    module.features = nn.Sequential(*layers)
    module.classifier = nn.Linear(64, 10)
    module.forward = lambda x: module.classifier(module.features(x).mean((2, 3)))
    module.load_state_dict({name: torch.from_numpy(array) for name, array in tensors().items()}, strict=False)
    return module.eval()


def write_torch_onnx(path, external):
    """As torch.onnx.export() does it; the weights in a file beside the model, if wanted."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            inner = torch_module()
            self.features, self.classifier = inner.features, inner.classifier

        def forward(self, x):
            return self.classifier(self.features(x).mean((2, 3)))

    torch.onnx.export(
        Net().eval(), (torch.zeros(1, 1, 28, 28),), path, external_data=external, verbose=False
    )


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
    arrays = tensors()
    given = []
    for at, step in enumerate(PLAN):
        if step == "M":
            layers.append(keras.layers.MaxPooling2D(name=f"pool_{at}"))
            continue
        layers.append(keras.layers.Conv2D(step, 3, padding="same"))
        layers.append(keras.layers.BatchNormalization())
        layers.append(keras.layers.ReLU())
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    wanted = iter(arrays.values())
    for array in wanted:
        given.append(np.transpose(array, (2, 3, 1, 0)) if array.ndim == 4 else array.T)
    model.set_weights(given)
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
