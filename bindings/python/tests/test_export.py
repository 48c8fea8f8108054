# SPDX-License-Identifier: BSD-3-Clause
"""The selection as the trainers' own configuration, loaded by the trainers where they can be installed."""

from __future__ import annotations

import json
import re

import pytest

import kldsel
from networks import TRAINED

torch = pytest.importorskip("torch")
nn = torch.nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(16, 24)
        self.down = nn.Linear(24, 16)

    def forward(self, x):
        return x + self.down(torch.relu(self.up(x)))


class Stack(nn.Module):
    """Blocks from 0 to 11, so that layers.1 is a beginning of layers.10."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(12))
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


@pytest.fixture
def stack():
    torch.manual_seed(3)
    return Stack()


def selecting(stack, *names):
    """A ranking that selects just these: only they are ranked."""
    return kldsel.rank(stack, k=len(names), include=list(names))


def test_peft_adapts_just_the_selected(stack):
    peft = pytest.importorskip("peft")
    ranking = selecting(stack, "layers.1.up", "layers.10.down")
    config = peft.LoraConfig(r=2, **ranking.export("peft"))
    adapted = peft.get_peft_model(stack, config)
    found = {
        name.replace("base_model.model.", "")
        for name, one in adapted.named_modules()
        if isinstance(one, peft.tuners.lora.LoraLayer)
    }
    assert found == {"layers.1.up", "layers.10.down"}


@pytest.mark.parametrize("number", [1, 10])
def test_peft_tells_1_from_10(stack, number):
    peft = pytest.importorskip("peft")
    config = selecting(stack, f"layers.{number}.up").export("peft")
    peft.get_peft_model(stack, peft.LoraConfig(r=2, **config))
    adapted = [name for name, one in stack.named_modules() if isinstance(one, peft.tuners.lora.LoraLayer)]
    assert adapted == [f"layers.{number}.up"]


def test_peft_adapts_convolutions(tmp_path):
    peft = pytest.importorskip("peft")
    model = nn.Sequential(*(nn.Conv2d(8, 8, 3) for _ in range(11)))
    ranking = kldsel.rank(model, k=3)
    ranking.export("peft", tmp_path / "peft.json")
    config = peft.LoraConfig(r=2, **json.loads((tmp_path / "peft.json").read_text()))
    adapted = peft.get_peft_model(model, config)
    found = {
        f"{name.replace('base_model.model.', '')}.weight"
        for name, one in adapted.named_modules()
        if isinstance(one, peft.tuners.lora.LoraLayer)
    }
    assert found == set(ranking.selected)


def axolotl_matches(pattern, name):
    """As Axolotl reads a pattern: it escapes dots itself, and takes [a:b] at the end for rows."""
    assert not re.match(r"^(.+)\[([0-9]*)(?::([0-9]*))?\]$", pattern)
    return re.compile(re.sub(r"\.(?!\+)", "\\.", pattern)).match(name) is not None


def test_axolotl_patterns_are_anchored(stack, tmp_path):
    yaml = pytest.importorskip("yaml")
    ranking = selecting(stack, "layers.1.up")
    ranking.export("axolotl", tmp_path / "axolotl.yml")
    config = yaml.safe_load((tmp_path / "axolotl.yml").read_text())
    assert config == ranking.export("axolotl")
    unfrozen = {
        name
        for name, _ in stack.named_parameters()
        if any(axolotl_matches(pattern, name) for pattern in config["unfrozen_parameters"])
    }
    assert unfrozen == {"layers.1.up.weight", "layers.1.up.bias"}


def test_names_timm_and_keras(stack, tmp_path):
    ranking = selecting(stack, "layers.1.up", "layers.2.down")
    assert ranking.export("names") == ["layers.1.up.weight", "layers.2.down.weight"]
    assert ranking.export("timm") == ["layers.1.up", "layers.2.down"]
    # What timm.utils.freeze and unfreeze look each name up by.
    assert [type(stack.get_submodule(name)) for name in ranking.export("timm")] == [nn.Linear, nn.Linear]
    assert ranking.export("keras") == ["layers.1.up", "layers.2.down"]
    ranking.export("names", tmp_path / "names.txt")
    assert (tmp_path / "names.txt").read_text() == "layers.1.up.weight\nlayers.2.down.weight\n"


def test_wrong_exports(stack):
    with pytest.raises(ValueError, match="target is 'lora'; must be one of peft, axolotl"):
        kldsel.rank(TRAINED, k=1).export("lora")
    with pytest.raises(ValueError, match="selects no layer"):
        kldsel.rank(TRAINED).export("peft")
    with pytest.raises(ValueError, match="does not tell which module"):
        kldsel.rank({"weight": torch.ones(2, 2, 2)}, k=1).export("peft")
