# SPDX-License-Identifier: BSD-3-Clause
"""Keras 3 models: every variable is accounted for, each layout is the type's own, on two backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("keras")
np = pytest.importorskip("numpy")

SCRIPT = """
import json, sys
import numpy as np, keras
from keras import layers
import kldsel
from kldsel.profiles import tensor_of
from kldsel.sources import read

inputs = keras.Input((12, 12, 4))
x = layers.Conv2D(6, (3, 2), name="conv")(inputs)
x = layers.BatchNormalization(name="norm")(x)
block = keras.Sequential(
    [
        keras.Input((10, 11, 6)),
        layers.SeparableConv2D(5, 3, depth_multiplier=2, name="separable"),
        layers.DepthwiseConv2D(3, depth_multiplier=3, name="depthwise"),
        layers.Conv2DTranspose(7, 3, name="transposed"),
    ],
    name="block",
)
x = block(x)
x = layers.Reshape((72, 7))(x)
x = layers.Conv1D(8, 3, groups=1, name="conv1d")(x)
x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
x = layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), name="einsum")(x)
x = layers.LSTM(6, name="lstm")(x)
x = layers.Dense(3, name="dense")(x)
tokens = keras.Input((4,), dtype="int32")
y = layers.Flatten()(layers.Embedding(9, 2, name="embedding")(tokens))
model = keras.Model([inputs, tokens], [x, y])

network = read(model)
ranking = kldsel.rank(model, dense=True)
sizes = {}
for weight in network.weights:
    if weight.name in ranking.scores:
        tensor = tensor_of(weight)
        sizes[weight.name] = [tensor.filters, tensor.elements]
json.dump(
    {
        "sizes": sizes,
        "skipped": {one.name: one.reason for one in ranking.skipped},
        "all": [variable.path for variable in model.weights],
        "copies": [weight.nbytes for weight in network.weights],
        "default": sorted(kldsel.rank(model).scores),
    },
    sys.stdout,
)
"""


@pytest.fixture(scope="module", params=["jax", "torch"])
def found(request):
    pytest.importorskip(request.param)
    environment = {**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, stdout=subprocess.PIPE, env=environment, timeout=300
    )
    return json.loads(done.stdout)


def test_every_variable_is_accounted_for(found):
    assert sorted([*found["sizes"], *found["skipped"]]) == sorted(found["all"])


def last_two(name):
    return "/".join(name.split("/")[-2:])


def test_layouts_by_type(found):
    sizes = {last_two(name): tuple(size) for name, size in found["sizes"].items()}
    assert sizes == {
        "conv/kernel": (6, 24),
        "separable/depthwise_kernel": (12, 9),
        "separable/pointwise_kernel": (5, 12),
        "depthwise/kernel": (15, 9),
        "transposed/kernel": (7, 135),
        "conv1d/kernel": (8, 21),
        "query/kernel": (6, 8),
        "key/kernel": (6, 8),
        "value/kernel": (6, 8),
        "attention_output/kernel": (8, 6),
        "einsum/kernel": (5, 8),
        "lstm_cell/kernel": (24, 5),
        "lstm_cell/recurrent_kernel": (24, 6),
        "dense/kernel": (3, 6),
    }


def test_reasons(found):
    reasons = {last_two(name): reason for name, reason in found["skipped"].items()}
    assert "embedding" in reasons["embedding/embeddings"]
    assert "rank 1" in reasons["norm/moving_mean"]
    assert {last_two(name) for name in found["default"]} == {
        "conv/kernel",
        "separable/depthwise_kernel",
        "separable/pointwise_kernel",
        "depthwise/kernel",
        "transposed/kernel",
        "conv1d/kernel",
    }


def test_a_model_that_is_not_built(monkeypatch):
    import keras

    import kldsel

    with pytest.raises(ValueError, match="has no weights yet"):
        kldsel.rank(keras.Sequential([keras.layers.Dense(3)]))
