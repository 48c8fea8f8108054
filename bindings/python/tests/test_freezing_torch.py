# SPDX-License-Identifier: BSD-3-Clause
"""Freezing PyTorch modules: what trains afterwards, what does not, and back."""

from __future__ import annotations

import copy
import pickle

import pytest

import kldsel
from networks import TRAINED, resnet50

torch = pytest.importorskip("torch")
nn = torch.nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 6, 3)
        self.gn = nn.GroupNorm(2, 6)
        self.conv3 = nn.Conv2d(6, 6, 1)
        self.aux = nn.Linear(6, 3)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.conv3(torch.relu(self.gn(self.conv2(x)))).mean((2, 3))
        return self.fc(x) + self.aux(x).sum()


@pytest.fixture
def net():
    torch.manual_seed(5)
    return Net()


@pytest.fixture
def ranking(net):
    return kldsel.rank(net, k=1, include="conv2")


def step(net):
    """One step of training; gives the names of parameters and buffers that moved."""
    before = {name: one.clone() for name, one in net.state_dict().items()}
    optimizer = torch.optim.SGD(
        [one for one in net.parameters() if one.requires_grad], lr=0.5, weight_decay=0.1
    )
    net.train()
    net(torch.randn(4, 3, 8, 8)).square().sum().backward()
    optimizer.step()
    return {name for name, one in net.state_dict().items() if not torch.equal(one, before[name])}


def test_only_what_is_told_moves(net, ranking):
    frozen = ranking.apply(net)
    assert frozen.trainable == ("conv2.weight", "conv2.bias", "fc.weight", "fc.bias")
    assert step(net) == {"conv2.weight", "conv2.bias", "fc.weight", "fc.bias"}
    assert frozen.after == sum(one.numel() for one in net.parameters() if one.requires_grad)
    assert frozen.before == frozen.parameters == sum(one.numel() for one in net.parameters())


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ({"head": False}, {"conv2.weight", "conv2.bias"}),
        ({"head": "aux"}, {"conv2.weight", "conv2.bias", "aux.weight", "aux.bias"}),
        (
            {"head": ["aux", "fc"], "biases": "none"},
            {"conv2.weight", "aux.weight", "aux.bias", "fc.weight", "fc.bias"},
        ),
        ({"head": False, "biases": "none"}, {"conv2.weight"}),
        (
            {"head": False, "biases": "all"},
            {"conv2.weight", "conv1.bias", "conv2.bias", "conv3.bias", "aux.bias", "fc.bias"},
        ),
        (
            {"head": False, "norm": "trained"},
            {
                "conv2.weight",
                "conv2.bias",
                "bn1.weight",
                "bn1.bias",
                "gn.weight",
                "gn.bias",
                "bn1.running_mean",
                "bn1.running_var",
                "bn1.num_batches_tracked",
            },
        ),
        (
            {"head": False, "norm": "statistics"},
            {"conv2.weight", "conv2.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked"},
        ),
    ],
)
def test_options(net, ranking, options, moved):
    ranking.apply(net, **options)
    # The bias before a normalisation of batches has no effect, and so no gradient.
    assert step(net) - {"conv1.bias"} == moved - {"conv1.bias"}


def test_frozen_statistics_stay_through_train_copy_and_pickle(net, ranking):
    frozen = ranking.apply(net)
    x = torch.randn(4, 3, 8, 8)
    net.eval()
    expected = net(x)
    for one in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        one.train()
        assert torch.equal(one(x), expected)
        assert one.bn1.num_batches_tracked == 0
    frozen.undo()
    net.train()
    assert not torch.equal(net(x), expected)
    assert net.bn1.num_batches_tracked == 1


def test_undo_restores_and_with_undoes(net, ranking):
    net.conv1.weight.requires_grad_(False)
    before = {name: one.requires_grad for name, one in net.named_parameters()}
    with ranking.apply(net) as frozen:
        assert frozen.before == frozen.parameters - net.conv1.weight.numel()
        assert not net.bn1.training
    assert {name: one.requires_grad for name, one in net.named_parameters()} == before
    assert net.bn1.training
    assert not net.bn1._forward_pre_hooks
    net.conv3.weight.requires_grad_(False)
    frozen.undo()
    assert not net.conv3.weight.requires_grad


def test_gradients_that_are_left_over_are_dropped(net, ranking):
    net(torch.randn(4, 3, 8, 8)).sum().backward()
    ranking.apply(net)
    assert {name for name, one in net.named_parameters() if one.grad is not None} == {
        "conv2.weight",
        "conv2.bias",
        "fc.weight",
        "fc.bias",
    }


def test_how_many(net):
    ranking = kldsel.rank(net)
    assert set(kldsel.freeze(net, ranking, 2, head=False, biases="none").trainable) == set(ranking.names[:2])
    assert set(kldsel.freeze(net, ranking, share=1.0, head=False, biases="none").trainable) == set(
        ranking.names
    )
    assert kldsel.freeze(net, ranking, budget=40, head=False, biases="none").trainable == ("conv3.weight",)
    assert kldsel.freeze(net, ranking, k=0, head=False, biases="none").trainable == ()
    with pytest.raises(ValueError, match="Give k, share or budget"):
        kldsel.freeze(net, ranking)
    with pytest.raises(ValueError, match="k is 9"):
        kldsel.freeze(net, ranking, 9)


def test_wrong_use_changes_nothing(net, ranking):
    for wrong in ({"norm": "no"}, {"biases": "no"}, {"head": "no"}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} is 'no'"):
            ranking.apply(net, **wrong)
    with pytest.raises(
        ValueError, match=r"has no parameter 'features\.\d+\.weight', which the ranking selects"
    ):
        kldsel.rank(TRAINED, k=1).apply(net)
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module or a Keras model"):
        ranking.apply({})
    assert all(one.requires_grad for one in net.parameters())
    assert net.bn1.training


def test_names_and_lists_in_place_of_a_ranking(net, ranking, tmp_path):
    file = tmp_path / "list.json"
    file.write_text('{"kldsel_freeze_list": 1, "train": ["conv2.weight"], "freeze": ["conv1.weight"]}')
    with ranking.apply(net) as frozen:
        expected = frozen.rows
    for given in (["conv2.weight"], ("conv2.weight",), iter(["conv2.weight"]), file, str(file)):
        with kldsel.freeze(net, given) as frozen:
            assert frozen.rows == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[" * 100000, "is no freeze list"),
        ("[]", "has no kldsel_freeze_list of 1"),
        ('{"train": ["conv2.weight"]}', "has no kldsel_freeze_list of 1"),
        ('{"kldsel_freeze_list": 2, "train": []}', "has no kldsel_freeze_list of 1"),
        ('{"kldsel_freeze_list": 1}', "train is NoneType; must be an array of names"),
        ('{"kldsel_freeze_list": 1, "train": [1]}', "train is list; must be an array of names"),
        ('{"kldsel_freeze_list": 1, "train": ["conv9.weight"]}', "no parameter 'conv9.weight'"),
    ],
)
def test_wrong_lists(net, tmp_path, content, says):
    file = tmp_path / "list.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=says):
        kldsel.freeze(net, file)
    assert all(one.requires_grad for one in net.parameters())


def test_wrong_names(net):
    with pytest.raises(ValueError, match="k goes with a ranking"):
        kldsel.freeze(net, ["conv2.weight"], k=1)
    with pytest.raises(TypeError, match=r"ranking\[1\] is a int"):
        kldsel.freeze(net, ["conv2.weight", 3])
    with pytest.raises(FileNotFoundError):
        kldsel.freeze(net, "none.json")


def test_table(net, ranking):
    text = repr(ranking.apply(net))
    assert "conv2.weight" in text
    assert "selected" in text
    assert "466 of 781 parameters are trainable (59.7 %); before: 781" in text
    assert "normalisation layers with running statistics frozen: 1" in text


def test_a_file_ranks_for_the_module_that_it_is_of(net, tmp_path):
    torch.save(net.state_dict(), tmp_path / "net.pt")
    ranking = kldsel.rank(tmp_path / "net.pt", k=1)
    assert ranking.selected[0] in ranking.apply(net).trainable


def test_parametrized_and_shared_weights():
    first = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    module = nn.Sequential(first, nn.Conv2d(4, 4, 3))
    module.append(nn.Conv2d(4, 4, 3))
    module[2].weight = module[1].weight
    frozen = kldsel.rank(module, k=1, include="0.weight").apply(module)
    assert set(frozen.trainable) == {
        "0.bias",
        "0.parametrizations.weight.original0",
        "0.parametrizations.weight.original1",
    }
    frozen = kldsel.rank(module, k=1, include="1.weight").apply(module)
    assert module[2].weight.requires_grad
    assert frozen.trainable == ("1.weight", "1.bias")


def test_two_lines_for_a_resnet50():
    module = resnet50()
    frozen = kldsel.freeze(module, kldsel.rank(module), k=5)
    assert 0 < frozen.after < frozen.before == 25557032
    assert "fc.weight" in frozen.trainable


def test_a_compiled_module_keeps_its_statistics(net, ranking):
    ranking.apply(net)
    compiled = torch.compile(net, backend="eager")
    compiled.train()
    compiled(torch.randn(4, 3, 8, 8))
    assert net.bn1.num_batches_tracked == 0


def test_a_head_that_shares_its_weight_and_has_a_norm():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(12, 8)
            self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
            self.classifier = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 12, bias=False))
            self.classifier[1].weight = self.embedding.weight

    model = Tied()
    ranking = kldsel.rank(model, k=1, include="blocks.*")
    block = ranking.selected[0].rpartition(".")[0]
    trained = {f"{block}.weight", f"{block}.bias", "embedding.weight"}
    assert set(ranking.apply(model).trainable) == trained
    assert set(ranking.apply(model, head="classifier").trainable) == {
        *trained,
        "classifier.0.weight",
        "classifier.0.bias",
    }
