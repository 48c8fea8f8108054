# SPDX-License-Identifier: BSD-3-Clause
"""Whether a network is wired as the one that was trained, judged by what its weights must do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from kldsel_study import images, targets
from kldsel_study.chain import Chain
from kldsel_study.networks import Source
from kldsel_study.networks.families import FAMILIES

_STATISTICS_IMAGES = 100
_TRAINED_SIZES = {"inceptionv3": 299}
"""Of the networks of ImageNet whose images were not of 224 pixels."""
_MILITARY_UNIFORM = 652
"""Of ImageNet's classes, what a portrait of Admiral Hopper in hers is."""


def statistics_agreement(chain: Chain, pixels: Tensor) -> dict[str, float]:
    """Correlation over the channels of what enters each batch normalisation with the means it has kept.

    A layer that gets another input than in training breaks it, there and from there on.
    """
    found: dict[str, float] = {}

    def compare(name: str, norm: nn.BatchNorm2d, maps: Tensor) -> None:
        mean = maps.mean(dim=(0, 2, 3))
        assert norm.running_mean is not None
        found[name] = float(np.corrcoef(mean.numpy(), norm.running_mean.numpy())[0, 1])

    hooks = [
        one.register_forward_pre_hook(lambda norm, inputs, name=name: compare(name, norm, inputs[0]))
        for name, one in chain.named_modules()
        if isinstance(one, nn.BatchNorm2d)
    ]
    with torch.no_grad():
        chain(pixels)
    for hook in hooks:
        hook.remove()
    return found


def own_accuracy(source: Source, head: tuple[str, str]) -> float:
    """Percent of all test images of the network's own data set, by its own head."""
    chain, tensors = source.load(), load_file(source.path())
    weight, bias = (tensors[name] for name in head)
    chain.new_head(len(bias))
    chain.head.load_state_dict({"weight": weight, "bias": bias})
    _, test = targets.READERS[source.dataset][1]()
    right = 0
    with torch.no_grad():
        for start in range(0, len(test.labels), 500):
            part = test.at(np.arange(start, min(start + 500, len(test.labels))))
            right += int((chain(images.prepare(part.images, source)).argmax(1).numpy() == part.labels).sum())
    return 100 * right / len(test.labels)


def _portrait(source: Source) -> Tensor:
    """A photograph that Matplotlib brings along, as the network wants it."""
    from matplotlib import cbook
    from PIL import Image

    source = _as_trained(source)
    picture = Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side)).resize((source.size, source.size))
    return images.prepare(np.asarray(picture)[None], source)


def portrait_classes(source: Source) -> list[int]:
    """SqueezeNet's five first classes of ImageNet for the portrait."""
    tensors = load_file(source.path())
    weight, bias = (tensors[f"squeezenet0_conv25_{name}"] for name in ("weight", "bias"))
    maps = _portrait(source)
    with torch.no_grad():
        for step in source.load().steps[:-1]:
            maps = step(maps)
        scores = functional.relu(functional.conv2d(maps, weight, bias)).mean(dim=(2, 3))[0]
    return [int(one) for one in scores.topk(5).indices]


def portrait_neutral(source: Source) -> float:
    """InceptionV3's probability that the portrait is neutral, which of its five classes is the third."""
    tensors = load_file(source.path())
    now = _portrait(source)
    with torch.no_grad():
        for step in source.load().steps:
            now = step(now)
        for at in (1, 2, 3):
            now = now @ tensors[f"dense_{at}/kernel"] + tensors[f"dense_{at}/bias"]
            now = functional.relu(now) if at < 3 else functional.softmax(now, dim=1)
    return float(now[0, 2])


def _as_trained(source: Source) -> Source:
    from dataclasses import replace

    size = _TRAINED_SIZES.get(source.name, 224) if source.dataset == "imagenet" else source.size
    return replace(source, size=size)


_HEADS = {
    "resnet20": ("linear.weight", "linear.bias"),
    "resnet32": ("linear.weight", "linear.bias"),
    "fashion_vgg": ("classifier.weight", "classifier.bias"),
    **dict.fromkeys(FAMILIES, ("head.weight", "head.bias")),
}


def check(sources: Iterable[Source]) -> None:
    """Prints what each network's weights do."""
    for source in sources:
        chain = source.load()
        print(f"{source.name}: {len(chain.layers())} convolutions, {chain.features} features")
        if source.name in _HEADS:
            print(f"  {own_accuracy(source, _HEADS[source.name]):.2f} % of {source.dataset}'s test images right")
        if source.name == "squeezenet":
            found = portrait_classes(source)
            place = found.index(_MILITARY_UNIFORM) + 1 if _MILITARY_UNIFORM in found else "not"
            print(f"  a portrait in uniform: 'military uniform' is {place} of the first five, {found}")
        if source.name == "inceptionv3":
            print(f"  a portrait in uniform: 'neutral' has probability {portrait_neutral(source):.3f}")
        # Natural images; those of CIFAR are interpolated for the networks of ImageNet.
        own = source.dataset if source.dataset in targets.READERS else "cifar10"
        _, test = targets.READERS[own][1]()
        pixels = images.prepare(test.images[:_STATISTICS_IMAGES], _as_trained(source))
        agreement = statistics_agreement(chain, pixels)
        if agreement:
            values = list(agreement.values())
            print(f"  batch normalisation's means and those of {own}'s images correlate "
                  f"{np.median(values):.3f} in the median layer, {min(values):.3f} in the worst")  # fmt: skip
