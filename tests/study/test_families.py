# SPDX-License-Identifier: BSD-3-Clause
"""The four families that the study trains itself."""

import kldsel
import pytest
import torch
from safetensors.torch import save

from kldsel_study import pretrain
from kldsel_study.networks.families import FAMILIES, filled, inception

CONVOLUTIONS = {"cifar_vgg": 13, "cifar_resnet": 22, "cifar_inception": 22, "cifar_densenet": 21}


@pytest.mark.parametrize("name", FAMILIES)
def test_layers_are_those_that_the_package_ranks(name):
    chain = FAMILIES[name]()
    assert len(chain.layers()) == CONVOLUTIONS[name]
    assert list(kldsel.rank(chain).scores) == chain.layers()
    with torch.no_grad():
        assert chain(torch.zeros(2, 3, 32, 32)).shape == (2, 1)


@pytest.mark.parametrize("name", FAMILIES)
def test_weights_come_back(name):
    from safetensors.torch import load

    chain = FAMILIES[name]()
    pretrain.start(chain, 10)
    chain.eval()
    again = filled(FAMILIES[name])(load(save(chain.state_dict()))).eval()
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(again(pixels), chain(pixels))


def test_branches_are_put_together():
    mixed = inception().steps[1]
    assert mixed.filters == mixed(torch.zeros(1, 24, 16, 16)).shape[1]


def test_training_learns_and_gives_the_same_network_again():
    """Two classes that differ in brightness; the same seed gives the same weights."""
    # As pretrain() does: more threads sum in another order.
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 2, (300,), generator=random)
    pixels = torch.randn(300, 3, 32, 32, generator=random) * 0.3 + labels.view(-1, 1, 1, 1)
    made = []
    for _ in range(2):
        chain = FAMILIES["cifar_vgg"]()
        pretrain.start(chain, 2)
        pretrain.train(chain, pixels, labels, passes=10)
        made.append(chain)
    assert pretrain.percent_right(made[0], pixels, labels) > 80  # half is chance
    first, again = (one.state_dict() for one in made)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_network_has_one_row(tmp_path):
    path = tmp_path / "pretrained.csv"
    for row in (("a", 1, 2, 3, "50.00", "1.0"), ("b", 1, 2, 3, "60.00", "1.0"), ("a", 1, 2, 3, "70.00", "1.0")):
        pretrain._append(row, path)
    lines = path.read_text().splitlines()
    assert lines[0] == ",".join(pretrain.COLUMNS)
    assert lines[1:] == ["b,1,2,3,60.00,1.0", "a,1,2,3,70.00,1.0"]
