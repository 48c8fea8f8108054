# SPDX-License-Identifier: BSD-3-Clause
"""Freezing Keras models: what trains afterwards, and back. $KERAS_BACKEND chooses the backend."""

from __future__ import annotations

import pytest

import kldsel

keras = pytest.importorskip("keras")
np = pytest.importorskip("numpy")
layers = keras.layers


@pytest.fixture
def net():
    keras.utils.set_random_seed(5)
    block = keras.Sequential(
        [
            keras.Input((8, 8, 6)),
            layers.Conv2D(7, 3, name="inner"),
            layers.BatchNormalization(name="inner_norm"),
        ],
        name="block",
    )
    inputs = keras.Input((10, 10, 3))
    x = layers.Conv2D(6, 3, name="conv1")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = block(layers.Activation("relu")(x))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(5, name="hidden", activation="relu")(x)
    return keras.Model(inputs, layers.Dense(4, name="head")(x))


def trainable(net):
    return {"/".join(one.path.split("/")[-2:]) for one in net.trainable_variables}


def step(net):
    """One batch of training; gives the last two parts of the names of the variables that moved."""
    before = [np.asarray(one.numpy() if hasattr(one, "numpy") else one.value).copy() for one in net.weights]
    net.compile(keras.optimizers.SGD(0.5), loss="mse")
    rng = np.random.default_rng(0)
    net.fit(rng.normal(size=(4, 10, 10, 3)), rng.normal(size=(4, 4)), epochs=1, verbose=0)
    after = [np.asarray(one.numpy() if hasattr(one, "numpy") else one.value) for one in net.weights]
    return {
        "/".join(one.path.split("/")[-2:])
        for one, old, new in zip(net.weights, before, after)
        if not np.array_equal(old, new)
    }


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ({}, {"inner/kernel", "inner/bias", "head/kernel", "head/bias"}),
        ({"head": False}, {"inner/kernel", "inner/bias"}),
        ({"head": False, "biases": "none"}, {"inner/kernel"}),
        ({"head": "hidden", "biases": "none"}, {"inner/kernel", "hidden/kernel", "hidden/bias"}),
        (
            {"biases": "all", "head": False},
            {"inner/kernel", "inner/bias", "conv1/bias", "hidden/bias", "head/bias"},
        ),
        (
            {"head": False, "norm": "statistics"},
            {
                "inner/kernel",
                "inner/bias",
                "norm/moving_mean",
                "norm/moving_variance",
                "inner_norm/moving_mean",
                "inner_norm/moving_variance",
            },
        ),
        (
            {"head": False, "norm": "trained"},
            {
                "inner/kernel",
                "inner/bias",
                "norm/moving_mean",
                "norm/moving_variance",
                "inner_norm/moving_mean",
                "inner_norm/moving_variance",
                "norm/gamma",
                "norm/beta",
                "inner_norm/gamma",
                "inner_norm/beta",
            },
        ),
    ],
)
def test_only_what_is_told_moves(net, options, moved):
    frozen = kldsel.rank(net, k=1, include="*inner").apply(net, **options)
    assert {"/".join(name.split("/")[-2:]) for name in frozen.trainable} == trainable(net)
    # Biases before a normalisation have no effect on what comes out of it, but for rounding.
    shadowed = {"conv1/bias", "inner/bias"}
    assert step(net) - shadowed == moved - shadowed
    assert trainable(net) == {one for one in moved if not one.endswith(("mean", "variance"))}


def test_undo(net):
    net.get_layer("conv1").trainable = False
    before = trainable(net)
    frozen = kldsel.rank(net).apply(net, k=1)
    assert trainable(net) != before
    frozen.undo()
    assert trainable(net) == before
    assert net.get_layer("norm").trainable
    with kldsel.rank(net).apply(net, k=1) as frozen:
        assert (
            frozen.before == sum(int(np.prod(one.shape)) for one in net.trainable_variables) or frozen.after
        )
    assert trainable(net) == before


def test_counts_and_table(net):
    total = sum(int(np.prod(one.shape)) for one in net.trainable_variables)
    frozen = kldsel.rank(net, k=1, include="conv1").apply(net, head=False)
    assert (frozen.parameters, frozen.before) == (total, total)
    assert frozen.after == 3 * 3 * 3 * 6 + 6
    assert f"168 of {total} parameters are trainable" in repr(frozen)
    assert "compile the model again" in repr(frozen)


def test_files_rank_for_the_model_they_are_of(net, tmp_path):
    pytest.importorskip("h5py")
    net.save(tmp_path / "net.keras")
    net.save_weights(tmp_path / "net.weights.h5")
    net.save(tmp_path / "net.h5")
    expected = kldsel.rank(net, k=1).apply(net).trainable
    for name in ("net.keras", "net.weights.h5", "net.h5"):
        assert kldsel.rank(tmp_path / name, k=1).apply(net).trainable == expected


def test_wrong_use_changes_nothing(net):
    before = trainable(net)
    ranking = kldsel.rank(net, k=1)
    with pytest.raises(ValueError, match="head is 'no'"):
        ranking.apply(net, head="no")
    with pytest.raises(ValueError, match="has no variable 'other/kernel'"):
        kldsel.rank({"other/kernel": np.ones((3, 3, 2, 2))}, k=1).apply(net)
    assert trainable(net) == before


def test_keras_export_names_layers(net):
    names = kldsel.rank(net, k=2).export("keras")
    paths = {layer.path for layer in net._flatten_layers() if hasattr(layer, "path")}
    assert set(names) <= paths
