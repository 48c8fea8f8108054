# SPDX-License-Identifier: BSD-3-Clause
"""One network, written by every framework: it must rank the same from all of them."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

import kldsel

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")
nn = torch.nn

# Sums run in an order fixed by the layout, so that scores of different layouts agree to rounding: a few
# hundred additions of doubles of like size, each off by 1.1e-16, and a divergence that cancels up to four
# digits.
RELATIVE = 1e-9


class Net(nn.Module):
    """Convolution, grouped, depthwise, pointwise, transposed, dense."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.conv2 = nn.Conv2d(16, 24, (3, 2))
        self.depth = nn.Conv2d(24, 48, 3, groups=24)
        self.point = nn.Conv2d(48, 32, 1)
        self.grouped = nn.Conv2d(32, 16, 3, groups=4)
        self.up = nn.ConvTranspose2d(16, 20, 2)
        self.fc = nn.Linear(20, 10)

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        x = torch.relu(self.point(self.depth(x)))
        x = torch.relu(self.up(self.grouped(x)))
        return self.fc(x.mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(7)
    return Net().eval()


@pytest.fixture(scope="module")
def expected(net):
    return kldsel.rank(net, "all", dense=True)


def check(ranking, expected, rename=None):
    """The same layers in the same order of rank, and each score by each method to rounding."""
    rename = rename or {}
    assert [rename.get(name, name) for name in ranking.names] == list(expected.names)
    for method in kldsel.METHODS:
        scores = expected.scores_by(method)
        for name, score in ranking.scores_by(method).items():
            assert score == pytest.approx(scores[rename.get(name, name)], rel=RELATIVE, abs=1e-15), (
                method,
                name,
            )


def test_state_dict_and_numpy(net, expected):
    check(kldsel.rank(net.state_dict(), "all", dense=True), expected)
    arrays = {name: one.numpy() for name, one in net.state_dict().items()}
    check(kldsel.rank(arrays, "all", dense=True), expected)


def test_torch_file(net, expected, tmp_path):
    torch.save(net.state_dict(), tmp_path / "net.pth")
    check(kldsel.rank(tmp_path / "net.pth", "all", dense=True), expected)
    checkpoint = {
        "epoch": 3,
        "state_dict": net.state_dict(),
        "optimizer": {"state": {0: {"m": torch.ones(3)}}},
    }
    torch.save(checkpoint, tmp_path / "net.pt")
    check(kldsel.rank(tmp_path / "net.pt", "all", dense=True), expected)
    torch.save(net.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    check(kldsel.rank(tmp_path / "old.pt", "all", dense=True), expected)


def test_a_whole_module_in_a_file_is_not_run(net, tmp_path):
    torch.save(net, tmp_path / "net.pt")
    with pytest.raises(ValueError, match="could run code"):
        kldsel.rank(tmp_path / "net.pt")


def test_safetensors(net, expected, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(net.state_dict(), tmp_path / "net.safetensors")
    check(kldsel.rank(tmp_path / "net.safetensors", "all", dense=True), expected)


def test_npz(net, expected, tmp_path):
    np.savez(tmp_path / "net.npz", **{name: one.numpy() for name, one in net.state_dict().items()})
    check(kldsel.rank(tmp_path / "net.npz", "all", dense=True), expected)


@pytest.mark.parametrize("dynamo", [False, True])
def test_onnx(net, expected, tmp_path, dynamo):
    pytest.importorskip("onnx")
    if dynamo:
        pytest.importorskip("onnxscript")
    path = tmp_path / "net.onnx"
    example = torch.zeros(1, 3, 16, 16)
    torch.onnx.export(net, (example,), path, dynamo=dynamo, verbose=False)
    check(kldsel.rank(path, "all", dense=True), expected)


def test_onnx_with_external_data(net, expected, tmp_path):
    onnx = pytest.importorskip("onnx")
    buffer = io.BytesIO()
    torch.onnx.export(net, (torch.zeros(1, 3, 16, 16),), buffer, dynamo=False)
    model = onnx.load_from_string(buffer.getvalue())
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    check(kldsel.rank(tmp_path / "net.onnx", "all", dense=True), expected)


KERAS = """
import sys, numpy as np, keras
from keras import layers
import kldsel
folder = sys.argv[1]
weights = np.load(folder + "/net.npz")
def conv(name): return np.transpose(weights[name + ".weight"], (2, 3, 1, 0)), weights[name + ".bias"]
model = keras.Sequential([
    keras.Input((16, 16, 3)),
    layers.Conv2D(16, 3, name="conv1"),
    layers.Conv2D(24, (3, 2), name="conv2"),
    layers.DepthwiseConv2D(3, depth_multiplier=2, name="depth"),
    layers.Conv2D(32, 1, name="point"),
    layers.Conv2D(16, 3, groups=4, name="grouped"),
    layers.Conv2DTranspose(20, 2, name="up"),
    layers.GlobalAveragePooling2D(),
    layers.Dense(10, name="fc"),
])
for name in ("conv1", "conv2", "point", "grouped", "up"):
    model.get_layer(name).set_weights(conv(name))
# PyTorch has [24 * 2, 1, H, W] with the multiplier inside of the channel.
depth = weights["depth.weight"].reshape(24, 2, 3, 3).transpose(2, 3, 0, 1)
model.get_layer("depth").set_weights([depth, weights["depth.bias"]])
model.get_layer("fc").set_weights([weights["fc.weight"].T, weights["fc.bias"]])
x = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("float32")
np.save(folder + "/x.npy", x)
features = keras.Model(model.inputs, [layer.output for layer in model.layers])
np.save(folder + "/y.npy", np.asarray(features.predict(x, verbose=0)[0]))
model.save(folder + "/net.keras")
model.save_weights(folder + "/net.weights.h5")
model.save(folder + "/net.h5")
files = [(folder + f"/net.{end}", end) for end in ("keras", "weights.h5", "h5")]
for one, target in ((model, "model"), *files):
    open(f"{folder}/{target}.json", "w").write(kldsel.rank(one, "all", dense=True).to_json())
"""


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_keras(net, expected, tmp_path, backend):
    """In a process of its own: a backend is chosen once."""
    import json

    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    pytest.importorskip("jax" if backend == "jax" else "torch")
    np.savez(tmp_path / "net.npz", **{name: one.numpy() for name, one in net.state_dict().items()})
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", KERAS, str(tmp_path)], check=True, env=environment, timeout=300)
    # The networks are the same one: their first layers compute the same.
    x = torch.from_numpy(np.load(tmp_path / "x.npy")).permute(0, 3, 1, 2)
    with torch.no_grad():
        y = net.conv1(x).permute(0, 2, 3, 1).numpy()
    assert np.allclose(np.load(tmp_path / "y.npy"), y, atol=1e-5)
    for source in ("model", "keras", "weights.h5", "h5"):
        found = json.loads((tmp_path / f"{source}.json").read_text())
        # A Sequential puts its own name in front of those of its variables, a file does not.
        layers = {f"{one['name'].split('/')[-2]}.weight": one for one in found["layers"]}
        ranked = sorted(layers, key=lambda name, layers=layers: layers[name]["rank"])
        assert ranked == list(expected.names), source
        for method in kldsel.METHODS:
            for name, score in expected.scores_by(method).items():
                assert layers[name]["scores"][method] == pytest.approx(score, rel=RELATIVE, abs=1e-15)


def test_jax_arrays(net, expected):
    jax = pytest.importorskip("jax")
    arrays = {name: jax.numpy.asarray(one.numpy()) for name, one in net.state_dict().items()}
    check(kldsel.rank(arrays, "all", dense=True), expected)


def test_flax_parameters_nest_and_are_channels_last(net):
    convolution = net.conv1.weight.detach().numpy()
    tree = {"params": {"conv1": {"kernel": convolution.transpose(2, 3, 1, 0), "bias": np.zeros(16)}}}
    ranking = kldsel.rank(tree, dense=False)
    assert ranking.names == ("conv1.kernel",)
    assert ranking[0].filters == 16


def test_grouped_transposed_convolutions(tmp_path):
    """Keras has none; a state dict tells them by the bias."""
    pytest.importorskip("onnx")
    safetensors = pytest.importorskip("safetensors.torch")
    torch.manual_seed(3)
    module = nn.Sequential(nn.ConvTranspose2d(8, 6, 3, groups=2), nn.ConvTranspose2d(6, 9, 3, groups=3))
    expected = kldsel.rank(module, "all")
    assert [(one.filters, one.elements) for one in expected.layers] == [(6, 36), (9, 18)]
    check(kldsel.rank(module.state_dict(), "all"), expected)
    safetensors.save_file(module.state_dict(), tmp_path / "net.safetensors")
    check(kldsel.rank(tmp_path / "net.safetensors", "all"), expected)
    torch.onnx.export(module, (torch.zeros(1, 8, 5, 5),), tmp_path / "net.onnx", dynamo=False)
    check(kldsel.rank(tmp_path / "net.onnx", "all"), expected)
