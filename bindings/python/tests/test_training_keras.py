# SPDX-License-Identifier: BSD-3-Clause
"""Choosing layers anew while Keras trains. $KERAS_BACKEND chooses the backend."""

from __future__ import annotations

import pytest

keras = pytest.importorskip("keras")
np = pytest.importorskip("numpy")
layers = keras.layers


@pytest.fixture
def model():
    if keras.backend.backend() == "numpy":
        pytest.skip("the backend numpy does not train")
    keras.utils.set_random_seed(3)
    made = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *(layers.Conv2D(8, 3, padding="same", activation="relu", name=f"conv{at}") for at in range(3)),
            layers.Flatten(),
            layers.Dense(2, name="head"),
        ]
    )
    made.compile(keras.optimizers.Adam(0.05), loss="mse")
    return made


def data():
    rng = np.random.default_rng(1)
    return rng.normal(size=(16, 8, 8, 3)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")


def values(model):
    return {one.path: np.array(one.numpy() if hasattr(one, "numpy") else one.value) for one in model.weights}


class Watch(keras.callbacks.Callback):
    """Notes what moved in each epoch."""

    def __init__(self):
        super().__init__()
        self.moved = []

    def on_epoch_begin(self, epoch, logs=None):
        self.before = values(self.model)

    def on_epoch_end(self, epoch, logs=None):
        after = values(self.model)
        self.moved.append({name for name, one in self.before.items() if not np.array_equal(one, after[name])})


def test_selection(model):
    from kldsel.training.keras import LayerSelection

    selection = LayerSelection(every=2, k=1, freezing={"head": False, "biases": "none"})
    watch = Watch()
    model.fit(*data(), epochs=5, batch_size=8, verbose=0, callbacks=[selection, watch])
    assert [record.step for record in selection.history] == [0, 2, 4]
    chosen = [record.ranking.selected for record in selection.history]
    assert watch.moved == [set(chosen[0])] * 2 + [set(chosen[1])] * 2 + [set(chosen[2])]
    # Two batches in each of five epochs.
    assert int(model.optimizer.iterations) == 10
    assert selection.seconds > 0


def test_selection_that_changes(model):
    """The optimizer goes on: what it knows of variables that stay is kept."""
    from kldsel.training.keras import LayerSelection

    class Disturb(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            layer = self.model.get_layer(selection.history[-1].ranking[0].layer.rpartition("/")[2])
            kernel, bias = layer.get_weights()
            ramp = np.linspace(0, 1, kernel.size).reshape(kernel.shape) ** 3
            layer.set_weights([ramp * np.where(np.arange(kernel.shape[-1]) % 2, 1, -0.3), bias])

    selection = LayerSelection(k=1)
    watch = Watch()
    model.fit(*data(), epochs=3, batch_size=8, verbose=0, callbacks=[selection, watch, Disturb()])
    changed = [record for record in selection.history[1:] if record.added]
    assert changed
    for record, moved in zip(selection.history, watch.moved):
        assert record.ranking.selected[0] in moved
        assert {one for one in moved if "kernel" in one and "head" not in one} == set(record.ranking.selected)
    assert int(model.optimizer.iterations) == 6
    head = next(one for one in model.optimizer.variables if one.path.endswith("head_kernel_velocity"))
    assert float(np.abs(np.array(head.numpy() if hasattr(head, "numpy") else head.value)).max()) > 0


def test_drift(model):
    from kldsel.training.keras import LayerDrift

    drift = LayerDrift()
    model.fit(*data(), epochs=2, batch_size=8, verbose=0, callbacks=[drift])
    assert [record.step for record in drift.history] == [1, 2]
    for record in drift.history:
        assert len(record.ranking) == 3
        assert all(one.score > 0 for one in record.ranking)
