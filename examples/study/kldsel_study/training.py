# SPDX-License-Identifier: BSD-3-Clause
"""One run: some layers of a pretrained network and a new head, trained on a few images."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import kldsel
import torch
from torch import Tensor
from torch.nn import functional

from kldsel_study import images, targets
from kldsel_study.chain import Chain, inputs_of_step, inputs_of_steps
from kldsel_study.networks import Source
from kldsel_study.plan import PASSES
from kldsel_study.results import Key, Outcome, read_layers

BATCH = 20
MOMENTUM = 0.9
MOST_KEPT = 5000
"""What goes into every step is kept up to so many images; of more, what goes into one step."""


@dataclass
class Inputs:
    """Images, their classes, and what goes into steps of the pretrained network for them."""

    images: Tensor
    labels: Tensor
    into_step: dict[int, Tensor]


class Workbench:
    """A network and a target, with what goes into its steps kept for the images in use.

    Below the first trained layer nothing changes, so a run starts at that layer's step. Batch normalisation keeps
    its pretrained statistics and factors in every run, as `kldsel.freeze()` does by default.
    """

    def __init__(self, source: Source, target: str, draws: int = 2) -> None:
        if source.dataset == target:
            raise ValueError(f"{source.name} was trained on {target}; it is no target for it")
        self.source = source
        self._format = torch.channels_last if source.channels_last else torch.contiguous_format
        self.chain: Chain = source.load().to(memory_format=self._format)  # type: ignore[call-overload]
        self.target = targets.load(target)
        self.names = self.chain.layers()
        self._pretrained = {name: one.clone() for name, one in self.chain.steps.state_dict().items()}
        self._draws = draws
        self._kept: OrderedDict[object, Inputs] = OrderedDict()

    def _inputs(self, name: object, part: Callable[[], targets.Part]) -> Inputs:
        if name not in self._kept:
            made = part()
            pixels = images.prepare(made.images, self.source).contiguous(memory_format=self._format)
            few = len(pixels) <= MOST_KEPT
            draws = [one for one in self._kept if isinstance(one, tuple)]
            for old in draws[: max(0, len(draws) + 1 - self._draws) if few else len(draws)]:
                del self._kept[old]
            into_step = dict(enumerate(inputs_of_steps(self.chain, pixels))) if few else {}
            self._kept[name] = Inputs(pixels, torch.from_numpy(made.labels), into_step)
        return self._kept[name]

    def _into(self, inputs: Inputs, step: int) -> Tensor:
        if step not in inputs.into_step:
            inputs.into_step.clear()
            inputs.into_step[step] = inputs_of_step(self.chain, inputs.images, step)
        return inputs.into_step[step]

    def drawn(self, key: Key) -> Inputs:
        """The images that a run trains on. The network must be as pretrained, or the images those of the last run."""
        which = (key.images, key.seed)
        return self._inputs(which, lambda: self.target.draw(*which))

    def _restore(self) -> None:
        self.chain.steps.load_state_dict(self._pretrained)
        self.chain.new_head(self.target.classes)

    def run(self, key: Key) -> Outcome:
        """Trains and judges. The same key gives the same outcome on the same processor."""
        self._restore()
        layers = [self.names[at] for at in read_layers(key.layers, len(self.names))]
        first = self.chain.cut(layers)
        drawn = self.drawn(key)
        part = self.target.validation if key.part == "search" else self.target.test
        # Before training, while the network is as pretrained.
        judged = self._inputs(key.part, lambda: part)
        train_on, judge_by = self._into(drawn, first), self._into(judged, first)
        started = time.process_time()
        with kldsel.freeze(self.chain, layers, head="head") as frozen:
            loss = self._train(train_on, drawn.labels, first, key)
        seconds = time.process_time() - started
        head = sum(one.numel() for one in self.chain.head.parameters())
        correct = self._correct(judge_by, judged.labels, first)
        return Outcome(frozen.after - head, correct, len(judged.labels), loss, seconds)

    def _train(self, inputs: Tensor, labels: Tensor, first: int, key: Key) -> float:
        chosen = [one for one in self.chain.parameters() if one.requires_grad]
        optimizer = torch.optim.SGD(chosen, lr=key.rate, momentum=MOMENTUM)
        passes = PASSES[key.images]
        order = torch.Generator().manual_seed(key.seed)
        batches = [
            batch for _ in range(passes) for batch in torch.randperm(len(labels), generator=order).split(BATCH)
        ]
        # Down to 0 in a line.
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(batches))
        losses = []
        for batch in batches:
            loss = functional.cross_entropy(self.chain(inputs[batch], first), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item() * len(batch))
        return sum(losses[-len(batches) // passes :]) / len(labels)

    def _correct(self, inputs: Tensor, labels: Tensor, first: int) -> int:
        with torch.no_grad():
            found = [self.chain(piece, first).argmax(dim=1) for piece in inputs.split(250)]
        return int((torch.cat(found) == labels).sum())
