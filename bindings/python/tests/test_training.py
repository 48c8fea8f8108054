# SPDX-License-Identifier: BSD-3-Clause
"""Choosing layers anew while PyTorch trains, and following how far they move."""

from __future__ import annotations

import pytest

import kldsel
from kldsel.training import Drift, Reselection
from networks import resnet50

torch = pytest.importorskip("torch")
nn = torch.nn


def make():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3),
        nn.Flatten(),
        nn.Linear(6 * 4, 3),
    )


def train(model, optimizer, steps):
    generator = torch.Generator().manual_seed(4)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 8, 8, generator=generator)).square().sum().backward()
        optimizer.step()


def test_reselection_follows_the_ranking():
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    tracker = Reselection(model, every=2, k=1, freezing={"head": False, "biases": "none"})
    handle = tracker.attach(optimizer)
    for number in range(1, 7):
        trained = {name for name, one in model.named_parameters() if one.requires_grad}
        assert trained == set(tracker.selected)
        before = {name: one.clone() for name, one in model.named_parameters()}
        train(model, optimizer, 1)
        moved = {name for name, one in model.named_parameters() if not torch.equal(one, before[name])}
        assert moved == trained
        assert len(tracker.history) == 1 + number // 2
    assert tracker.history[-1].ranking.scores == kldsel.rank(model).scores
    handle.remove()
    train(model, optimizer, 2)
    assert tracker.steps == 6
    tracker.undo()
    assert all(one.requires_grad for one in model.parameters())
    assert model[1].training


def test_reselection_changes_and_says_so():
    model = make()
    tracker = Reselection(model, k=1)
    first = tracker.selected[0]
    with torch.no_grad():
        # Filters unlike one another push the layer's divergence up, and so out of the selection.
        weight = dict(model.named_parameters())[first]
        weight.copy_(
            torch.arange(weight.numel(), dtype=torch.float32).view_as(weight) ** 3 / weight.numel() ** 3
        )
        weight[1:] *= -torch.rand_like(weight[1:])
    record = tracker.step()
    assert record.removed == (first,)
    assert record.added == tracker.selected != (first,)
    assert not dict(model.named_parameters())[first].requires_grad
    # The hook that keeps running statistics is there once, however often layers were chosen.
    assert len(model[1]._forward_pre_hooks) == 1
    assert 0 < record.seconds < tracker.seconds


def test_wrong_use():
    model = make()
    with pytest.raises(ValueError, match="Give k, share or budget"):
        Reselection(model)
    with pytest.raises(ValueError, match="every is 0"):
        Drift(model, every=0)
    tracker = Reselection(model, k=1)
    with pytest.raises(ValueError, match=r"lacks the parameter '\d"):
        tracker.attach(torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=1.0))


def test_drift_starts_at_zero_and_names_what_moves():
    model = make()
    tracker = Drift(model, dense=True)
    assert set(tracker.now().ranking.scores.values()) == {0.0}
    for name, one in model.named_parameters():
        one.requires_grad_(name.startswith("3."))
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.01)
    tracker.attach(optimizer)
    train(model, optimizer, 3)
    scores = tracker.scores()
    assert set(scores) == {"0.weight", "3.weight", "5.weight", "7.weight"}
    assert scores["0.weight"] == [0.0, 0.0, 0.0, 0.0]
    assert all(one > 0 for one in scores["3.weight"][1:])
    assert tracker.history[-1].ranking[0].name == "3.weight"


def test_is_cheap_enough_for_every_epoch():
    """Less than a training step of a small batch costs, on any machine: both grow with the weights."""
    import time

    model = resnet50()
    tracker = Drift(model)
    started = time.perf_counter()
    model(torch.randn(8, 3, 224, 224)).sum().backward()
    step = time.perf_counter() - started
    assert tracker.now().seconds < step


def test_lightning(tmp_path):
    pl = pytest.importorskip("lightning.pytorch")
    from kldsel.training.lightning import LayerDrift, LayerSelection

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = make()

        def training_step(self, batch, _):
            return self.net(batch[0]).square().sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    data = torch.utils.data.TensorDataset(torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1)))
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    selection = LayerSelection(every_n_epochs=1, k=1, freezing={"head": False})
    drift = LayerDrift(every_n_steps=2)
    module = Module()
    start = {name: one.clone() for name, one in module.net.named_parameters()}
    trainer = pl.Trainer(
        max_epochs=3,
        callbacks=[selection, drift],
        logger=False,
        enable_checkpointing=False,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, loader)
    assert [record.step for record in selection.history] == [0, 1, 2, 3]
    assert [record.step for record in drift.history] == [2, 4, 6]
    chosen = {
        name.removeprefix("net.") for record in selection.history[:-1] for name in record.ranking.selected
    }
    moved = {
        name
        for name, one in module.net.named_parameters()
        if one.dim() == 4 and not torch.equal(one, start[name])
    }
    assert moved == chosen
    assert module.net[1].num_batches_tracked == 0
    assert "kldsel/changed" in trainer.callback_metrics
    assert any(name.startswith("drift/net.") for name in trainer.callback_metrics)
    assert selection.seconds > 0
    with pytest.raises(ValueError, match="one of them"):
        LayerDrift(every_n_epochs=1, every_n_steps=1)
