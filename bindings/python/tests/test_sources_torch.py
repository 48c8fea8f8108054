# SPDX-License-Identifier: BSD-3-Clause
"""torch.nn.Module: every tensor is accounted for, each layout is the type's own."""

from __future__ import annotations

import math

import pytest

import kldsel
from kldsel.profiles import tensor_of
from kldsel.sources import read
from networks import resnet50, torch_zoo

torch = pytest.importorskip("torch")
nn = torch.nn


def by_name(module):
    return {one.name: one for one in read(module).weights}


def test_every_parameter_and_buffer_is_accounted_for():
    module = torch_zoo()
    ranking = kldsel.rank(module, dense=True)
    told = {*ranking.scores, *(one.name for one in ranking.skipped)}
    assert told == {*dict(module.named_parameters()), *dict(module.named_buffers())}
    assert len(ranking) + len(ranking.skipped) == len(told)
    assert all(one.reason for one in ranking.skipped)


@pytest.mark.parametrize(
    ("name", "filters", "elements"),
    [
        ("conv1d.weight", 6, 12),
        ("conv2d.weight", 6, 24),
        ("conv3d.weight", 5, 16),
        ("depthwise.weight", 8, 9),
        ("grouped.weight", 6, 36),
        ("transposed.weight", 7, 36),
        # Each of the 6 outputs is fed by the 4 inputs of its group.
        ("transposed_grouped.weight", 6, 36),
        ("transposed1d.weight", 3, 8),
        ("linear.weight", 4, 5),
        ("bilinear.weight", 5, 12),
        ("lstm.weight_ih_l0", 16, 3),
        ("attention.in_proj_weight", 12, 4),
        ("attention.out_proj.weight", 4, 4),
    ],
)
def test_layout_by_type(name, filters, elements):
    tensor = tensor_of(by_name(torch_zoo())[name])
    assert (tensor.filters, tensor.elements) == (filters, elements)


def test_transposed_filters_are_those_that_compute_an_output():
    """A filter of a transposed convolution is one of the same weights, turned."""
    for groups in (1, 2):
        transposed = nn.ConvTranspose2d(8, 6, 3, groups=groups)
        weight = transposed.weight.detach()
        per_group = weight.view(groups, 8 // groups, 6 // groups, 3, 3)
        turned = per_group.transpose(1, 2).reshape(6, 8 // groups, 3, 3)
        found = kldsel.rank({"a": turned, "b": turned}, layout="oihw")
        ranked = kldsel.rank(nn.ModuleList([transposed, transposed.__class__(8, 6, 3, groups=groups)]))
        assert ranked["0.weight"].score == pytest.approx(found["a"].score, rel=1e-12)
        assert ranked["0.weight"].parameters == weight.numel()


def test_reasons_of_what_is_no_layer():
    reasons = {one.name: one.reason for one in kldsel.rank(torch_zoo(), dense=True).skipped}
    assert "embedding" in reasons["embedding.weight"]
    assert "rank 1" in reasons["norm.weight"]
    assert "buffer" in reasons["norm.running_mean"]
    assert "normalisation" in reasons["layernorm.weight"]


def test_shared_parametrized_lazy_and_meta():
    first = nn.Conv2d(3, 4, 3)
    second = nn.Conv2d(3, 4, 3)
    second.weight = first.weight
    normed = torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 5, 3))
    module = nn.ModuleDict(
        {
            "first": first,
            "second": second,
            "normed": normed,
            "lazy": nn.LazyConv2d(4, 3),
            "meta": nn.Conv2d(3, 4, 3, device="meta"),
        }
    )
    ranking = kldsel.rank(module)
    assert set(ranking.scores) == {"first.weight", "normed.weight"}
    reasons = {one.name: one.reason for one in ranking.skipped}
    assert reasons["second.weight"] == "shared with first.weight"
    assert "parametrization" in reasons["normed.parametrizations.weight.original0"]
    assert "lazy" in reasons["lazy.weight"]
    assert "meta" in reasons["meta.weight"]
    expected = kldsel.rank({"a": normed.weight.detach(), "b": normed.weight.detach()})
    assert ranking["normed.weight"].score == expected["a"].score


def test_memory_formats_and_dtypes_rank_the_same():
    module = nn.Sequential(nn.Conv2d(16, 32, 3), nn.Conv2d(32, 16, 3))
    contiguous = kldsel.rank(module)
    last = kldsel.rank(module.to(memory_format=torch.channels_last))
    for name, score in contiguous.scores.items():
        assert last[name].score == pytest.approx(score, rel=1e-12)
    half = module.to(torch.bfloat16)
    exact = {name: one.detach().double() for name, one in half.state_dict().items()}
    for name, score in kldsel.rank(half).scores.items():
        assert kldsel.rank(exact)[name].score == score


def test_nothing_usable_says_why():
    with pytest.raises(kldsel.NothingToRankError, match=r"no layer to rank.*2 of rank 0 or 1"):
        kldsel.rank(nn.BatchNorm2d(3, track_running_stats=False))
    with pytest.raises(kldsel.NothingToRankError, match="it has no tensors"):
        kldsel.rank(nn.ReLU())
    with pytest.raises(kldsel.NothingToRankError, match=r"dense \(dense=True\).*0.weight"):
        kldsel.rank(nn.Sequential(nn.Linear(3, 4)), dense=False)
    with pytest.raises(TypeError, match=r"builtins.int.*torch.nn.Module"):
        kldsel.rank(3)


def test_a_network_without_convolutions_ranks_its_dense_layers():
    module = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 8))
    ranking = kldsel.rank(module)
    assert set(ranking.scores) == {"0.weight", "1.weight"}
    assert any("dense" in note for note in ranking.notes)
    with_one = nn.Sequential(nn.Conv2d(3, 8, 4), nn.Linear(8, 16))
    assert set(kldsel.rank(with_one).scores) == {"0.weight", "1.weight"}
    with_two = nn.Sequential(nn.Conv2d(3, 8, 4), nn.Conv2d(8, 8, 4), nn.Linear(8, 16))
    assert set(kldsel.rank(with_two).scores) == {"0.weight", "1.weight"}
    assert kldsel.rank(with_two).notes == ()


def test_not_finite_names_the_layer():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    with torch.no_grad():
        module[1].weight[2, 1, 0, 0] = math.nan
    with pytest.raises(kldsel.errors.NotFiniteError, match=r"layer '1.weight'"):
        kldsel.rank(module)


def test_resnet50_has_53_convolutions():
    module = resnet50()
    ranking = kldsel.rank(module, k=5)
    assert len(ranking) == 53
    assert len(kldsel.rank(module, dense=True)) == 54
    assert ranking.selected == tuple(one.name for one in ranking)[:5]


def test_no_weight_is_copied():
    """Each view begins where the parameter does."""
    from kldsel import arrays

    module = resnet50()
    parameters = dict(module.named_parameters())
    for weight in read(module).weights:
        if weight.name in parameters and weight.rank == 4:
            assert arrays.view(weight.load()).address == parameters[weight.name].data_ptr()
            assert weight.nbytes == 0


def test_a_module_whose_weights_are_inside_of_other_modules():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))
            self.matrix = nn.Parameter(torch.randn(4, 3))

    reasons = {
        one.name: one.reason for one in kldsel.rank(nn.ModuleList([Own(), nn.Conv2d(3, 4, 3)])).skipped
    }
    assert "Own is no convolution" in reasons["0.kernel"]


def test_input_first_dense_of_transformers():
    pytorch_utils = pytest.importorskip("transformers.pytorch_utils")
    dense = pytorch_utils.Conv1D(6, 4)
    tensor = tensor_of(by_name(nn.ModuleList([dense]))["0.weight"])
    assert (tensor.filters, tensor.elements) == (6, 4)


def test_names_tell_tables_of_unknown_modules():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.pos_embed = nn.Parameter(torch.randn(1, 5, 8))
            self.cls_token = nn.Parameter(torch.randn(1, 1, 8))
            self.matrix = nn.Parameter(torch.randn(8, 6))

    ranking = kldsel.rank(Encoder())
    assert ranking.names == ("matrix",)
    assert all("by its name" in one.reason for one in ranking.skipped)


def test_subclasses_and_unusual_names():
    class NormFreeConv2d(nn.Conv2d):
        pass

    assert kldsel.rank(nn.Sequential(NormFreeConv2d(3, 4, 3)))["0.weight"].type == "NormFreeConv2d"
