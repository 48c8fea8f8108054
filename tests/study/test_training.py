# SPDX-License-Identifier: BSD-3-Clause
"""Networks cut into steps, and a run that starts at one of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kldsel_study import images, targets, training
from kldsel_study.chain import inputs_of_step, inputs_of_steps
from kldsel_study.networks import SOURCES, inception
from kldsel_study.networks.darknet import build as build_darknet
from kldsel_study.networks.resnet import Block
from kldsel_study.results import Key
from kldsel_study.training import Workbench

SOURCE = SOURCES["fashion_vgg"]


def _part(count, seed):
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = random.integers(0, 60, size=(count, 28, 28, 1))
    for label in range(3):
        pixels[labels == label, 8 * label : 8 * label + 8] += 150
    return targets.Part(pixels.astype(np.uint8), labels.astype(np.int64))


@pytest.fixture
def workbench(monkeypatch):
    """Of a target with three classes that are easy to tell apart."""
    target = targets.Target("stripes", 3, _part(90, 1), _part(30, 2), _part(60, 3))
    monkeypatch.setattr(targets, "load", lambda name: target)
    monkeypatch.setitem(training.PASSES, 40, 10)
    torch.set_num_threads(1)
    return Workbench(SOURCE, "stripes")


def _key(layers, part="test", seed=1, rate=0.05):
    return Key(1, "fashion_vgg", "stripes", 40, part, seed, rate, layers)


def test_kept_inputs_give_what_the_whole_network_gives():
    chain = SOURCE.load()
    chain.head.weight.data.normal_()
    pixels = torch.randn(6, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    kept = inputs_of_steps(chain, pixels, batch=4)
    with torch.no_grad():
        whole = chain(pixels)
        for first, inputs in enumerate(kept):
            # The same operations on the same numbers; batches of another size may be summed in another order.
            torch.testing.assert_close(chain(inputs, first), whole, rtol=1e-4, atol=1e-4)
            assert torch.equal(inputs_of_step(chain, pixels, first, batch=4), inputs)
    assert len(kept) == len(chain.steps) + 1


def test_the_cut_is_below_the_first_trained_layer():
    chain = SOURCE.load()
    names = chain.layers()
    assert chain.cut([names[9], names[4]]) == 4
    assert chain.cut([]) == len(chain.steps)


def test_only_the_chosen_layers_move(workbench):
    before = {name: one.clone() for name, one in workbench.chain.steps.state_dict().items()}
    outcome = workbench.run(_key("3+7"))
    moved = {name for name, one in workbench.chain.steps.state_dict().items() if not torch.equal(one, before[name])}
    assert moved == {f"{at}.conv.{kind}" for at in (3, 7) for kind in ("weight", "bias")}
    assert outcome.parameters == sum(before[name].numel() for name in moved)


def test_a_run_learns_and_can_be_repeated_whatever_ran_before(workbench):
    first = workbench.run(_key("5"))
    assert first.correct / first.judged > 0.8  # a third would be chance
    workbench.run(_key("all", rate=0.1))
    workbench.run(_key("none", part="search", seed=0))
    again = workbench.run(_key("5"))
    assert (again.correct, again.loss) == (first.correct, first.loss)
    fresh = Workbench(SOURCE, "stripes").run(_key("5"))
    assert (fresh.correct, fresh.loss) == (first.correct, first.loss)


def test_of_many_images_less_is_kept_and_the_outcome_is_the_same(workbench, monkeypatch):
    keys = [_key(layers) for layers in ("5", "3+7", "none", "all", "5")]
    few = [workbench.run(key) for key in keys]
    monkeypatch.setattr(training, "MOST_KEPT", 39)
    fresh = Workbench(SOURCE, "stripes")
    many = [fresh.run(key) for key in keys]
    assert [(one.correct, one.loss) for one in many] == [(one.correct, one.loss) for one in few]
    assert len(fresh.drawn(keys[0]).into_step) == 1


def test_search_and_test_are_judged_by_their_own_images(workbench):
    assert workbench.run(_key("none", part="search")).judged == 30
    assert workbench.run(_key("none")).judged == 60


def test_head_alone_trains_no_layer(workbench):
    assert workbench.run(_key("none")).parameters == 0


def test_a_networks_own_data_is_no_target():
    with pytest.raises(ValueError, match="was trained on fashion"):
        Workbench(SOURCE, "fashion")


def test_draws_are_balanced_and_differ_by_seed():
    target = targets.Target("stripes", 3, _part(90, 1), _part(30, 2), _part(60, 3))
    one, other = target.draw(40, 1), target.draw(40, 2)
    assert sorted(np.bincount(one.labels)) == [13, 13, 14]
    assert not np.array_equal(one.images, other.images)
    assert np.array_equal(one.images, target.draw(40, 1).images)
    with pytest.raises(ValueError, match="has 90 images"):
        target.draw(91, 1)


def test_images_are_padded_interpolated_and_coloured():
    grey = np.full((1, 28, 28, 1), 255, dtype=np.uint8)
    plain = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
    padded = images.prepare(grey, replace(SOURCES["resnet20"], **plain))
    assert padded.shape == (1, 3, 32, 32)
    assert padded[0, 0, 0, 0] == -2  # black
    assert padded[0, 0, 2, 2] == 2  # white
    red = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    red[..., 0] = 255
    small = images.prepare(red, replace(SOURCE, mean=(0.0,), std=(1.0,)))
    assert small.shape == (1, 1, 28, 28)
    # The share of red in ITU-R BT.601's luma, to single precision.
    assert small.flatten().numpy() == pytest.approx(0.299, abs=1e-5)


def test_a_shortcut_leaves_out_pixels_and_adds_channels_around():
    block = Block(2, 4, 2).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    maps = torch.rand(1, 2, 4, 4)
    out = block(maps)
    assert torch.equal(out[:, 1:3], maps[:, :, ::2, ::2])
    assert out[:, [0, 3]].abs().sum() == 0


def test_hwio_kernels_are_turned():
    tensors = {}
    chain_layers = (
        (16, 3, 3),
        (32, 3, 16),
        (16, 1, 32),
        (128, 3, 16),
        (16, 1, 128),
        (128, 3, 16),
        (32, 1, 128),
        (256, 3, 32),
        (32, 1, 256),
        (256, 3, 32),
        (64, 1, 256),
        (512, 3, 64),
        (64, 1, 512),
        (512, 3, 64),
        (128, 1, 512),
    )
    for at, (filters, size, inputs) in enumerate(chain_layers, start=1):
        tensors[f"conv2d_{at}.kernel"] = torch.rand(size, size, inputs, filters)
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            tensors[f"batch_normalization_{at}.{name}"] = torch.rand(filters)
    chain = build_darknet(tensors)
    weight = chain.get_parameter(chain.layers()[1])
    assert weight[5, 7, 1, 2] == tensors["conv2d_2.kernel"][1, 2, 7, 5]


def test_inception_is_kerass():
    """Shapes of all 94 kernels in the order of their numbers, and what comes out at the size used here."""
    source = SOURCES["inceptionv3"]
    steps = [*inception.steps()]
    shapes = [tuple(one.weight.shape) for step in steps for one in step.modules() if isinstance(one, torch.nn.Conv2d)]
    assert len(shapes) == 94
    assert shapes[0] == (32, 3, 3, 3)
    assert shapes[7] == (64, 48, 5, 5)
    # A 1 x 7, then a 7 x 1; in the branch of four the other way round first.
    assert shapes[32:39] == [(128, 128, 1, 7), (192, 128, 7, 1), (128, 768, 1, 1), (128, 128, 7, 1),
                             (128, 128, 1, 7), (128, 128, 7, 1), (192, 128, 1, 7)]  # fmt: skip
    assert shapes[93] == (192, 2048, 1, 1)
    maps = torch.zeros(1, 3, source.size, source.size)
    with torch.no_grad():
        for step in steps:
            maps = step.eval()(maps)
    assert maps.shape == (1, 2048, 1, 1)


def test_keras_leaves_the_border_out_of_the_mean():
    ones = torch.ones(1, 5, 4, 4)
    pool = inception.Expanded(5).pool
    assert torch.equal(pool.mean(ones), ones)
