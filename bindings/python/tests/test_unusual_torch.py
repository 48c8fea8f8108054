# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch models that something has changed: adapted, wrapped, compiled, scripted, exported, normalised."""

from __future__ import annotations

import pytest

import kldsel

torch = pytest.importorskip("torch")
nn = torch.nn


def net():
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 6, 3),
        nn.Conv2d(6, 6, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


CONVOLUTIONS = {"0.weight", "2.weight", "3.weight"}


def reasons(ranking):
    return {one.name: one.reason for one in ranking.skipped}


def test_adapters_are_no_pretrained_layers():
    peft = pytest.importorskip("peft")
    plain = kldsel.rank(net()).scores
    config = peft.LoraConfig(r=2, target_modules=["0", "2"], modules_to_save=["6"])
    model = peft.get_peft_model(net(), config)
    ranking = kldsel.rank(model)
    assert list(ranking.scores.values()) == list(plain.values())
    assert set(ranking.names) == {
        "base_model.model.0.base_layer.weight",
        "base_model.model.2.base_layer.weight",
        "base_model.model.3.weight",
    }
    why = reasons(kldsel.rank(model, dense=True))
    assert "adapter" in why["base_model.model.0.lora_A.default.weight"]
    assert "adapter" in why["base_model.model.2.lora_B.default.weight"]
    assert "modules_to_save" in why["base_model.model.6.original_module.weight"]
    assert list(kldsel.rank(model.state_dict()).scores.values())[:3] == list(plain.values())


def test_a_file_of_adapters_alone_has_nothing_to_rank():
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(net(), peft.LoraConfig(r=2, target_modules=["0"]))
    with pytest.raises(kldsel.NothingToRankError, match="an adapter of PEFT"):
        kldsel.rank(peft.get_peft_model_state_dict(model))


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, lambda model: torch.compile(model, backend="eager")],
    ids=["parallel", "compiled"],
)
def test_wrapped_models_have_the_models_own_names(wrap):
    model = net()
    plain, wrapped = kldsel.rank(model, k=1), kldsel.rank(wrap(model), k=1)
    assert wrapped.scores == plain.scores
    assert wrapped.export("peft") == plain.export("peft")
    prefixed = kldsel.rank(wrap(model).state_dict(), k=1)
    assert prefixed.selected != plain.selected
    chosen = (*plain.selected, plain.selected[0].replace("weight", "bias"))
    for target in (model, wrap(model)):
        for ranking in (plain, wrapped, prefixed):
            with kldsel.freeze(target, ranking, head=False) as frozen:
                assert frozen.trainable == chosen


def test_scripted_and_exported():
    model = net().eval()
    plain = kldsel.rank(model)
    assert kldsel.rank(torch.jit.script(model)).scores == plain.scores
    exported = torch.export.export(model, (torch.randn(1, 3, 12, 12),)).module()
    assert kldsel.rank(exported).scores == plain.scores


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_lengths_of_weight_normalisation_are_no_layers():
    """Rows of other lengths have the same cosines, so the directions stand for the weight."""
    plain = kldsel.rank(net())
    old, new = net(), net()
    nn.utils.weight_norm(old[0])
    nn.utils.parametrizations.weight_norm(new[0])
    for weights, directions, lengths in (
        (old, "0.weight_v", "0.weight_g"),
        (old.state_dict(), "0.weight_v", "0.weight_g"),
        (new.state_dict(), "0.parametrizations.weight.original1", "0.parametrizations.weight.original0"),
    ):
        ranking = kldsel.rank(weights)
        assert "one number for each filter" in reasons(ranking)[lengths]
        assert ranking[directions].score == pytest.approx(plain["0.weight"].score, rel=1e-6)
        assert len(ranking) == 3
    frozen = kldsel.rank(old, k=1, include="0.*").apply(old, head=False)
    assert set(frozen.trainable) == {"0.weight_g", "0.weight_v", "0.bias"}


def test_gains_of_scaled_convolutions_are_no_layers():
    """As timm's ScaledStdConv2d has them."""

    class ScaledConv2d(nn.Conv2d):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.gain = nn.Parameter(torch.full((self.out_channels, 1, 1, 1), 2.0))

    model = nn.Sequential(ScaledConv2d(3, 8, 3), ScaledConv2d(8, 8, 3))
    for weights in (model, model.state_dict()):
        assert set(kldsel.rank(weights).names) == {"0.weight", "1.weight"}
    frozen = kldsel.rank(model, k=1, include="0").apply(model)
    assert set(frozen.trainable) == {"0.weight", "0.bias", "0.gain"}
    # A convolution of one weight for each filter is one all the same.
    assert len(kldsel.rank(nn.Sequential(nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 1)))) == 2


@pytest.mark.parametrize("heads", [("head", "head_dist"), ("head",), ()])
def test_the_heads_that_a_model_tells(heads):
    """By timm's get_classifier(): one, two of a distilled network, or an Identity."""

    class Distilled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
            self.head, self.head_dist = nn.Linear(8, 4), nn.Linear(8, 4)
            self.last = nn.Linear(4, 4)

        def get_classifier(self):
            found = tuple(getattr(self, name) for name in heads)
            return found if len(found) > 1 else found[0] if found else nn.Identity()

    model = Distilled()
    ranking = kldsel.rank(model, k=1, include="body.0")
    trained = {"body.0.weight", "body.0.bias"} | {f"{one}.{p}" for one in heads for p in ("weight", "bias")}
    assert set(ranking.apply(model).trainable) == trained
    assert set(ranking.apply(model, head=False).trainable) == {"body.0.weight", "body.0.bias"}


def test_shared_weights_in_a_state_dict(tmp_path):
    """Each name of a shared parameter is a tensor object of its own there."""
    model = nn.ModuleList(nn.Conv2d(8, 8, 3) for _ in range(3))
    model[1].weight = model[0].weight
    torch.save(model.state_dict(), tmp_path / "net.pt")
    for weights in (model, model.state_dict(), tmp_path / "net.pt"):
        ranking = kldsel.rank(weights)
        assert set(ranking.names) == {"0.weight", "2.weight"}
        assert reasons(ranking)["1.weight"] == "shared with 0.weight"
    # Beginning at one address is not enough.
    whole = torch.randn(8, 8, 3, 3)
    assert len(kldsel.rank({"a": whole, "b": whole[:4]})) == 2


@pytest.mark.parametrize("epoch", [3, torch.tensor(3), 2.5])
@pytest.mark.parametrize("key", ["state_dict", "model", "generator"])
def test_the_state_of_an_optimizer_is_not_ranked(epoch, key):
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": epoch, key: model.state_dict(), "optimizer": optimizer.state_dict()}
    ranking = kldsel.rank(checkpoint)
    assert {name.replace("generator.", "") for name in ranking.names} == CONVOLUTIONS
    assert reasons(ranking)["optimizer"].startswith("beside the weights")
    assert "epoch" in reasons(ranking)
