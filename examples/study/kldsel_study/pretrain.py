# SPDX-License-Identifier: BSD-3-Clause
"""Trains the four families of `networks/families.py` on CIFAR-10, so that there is something to fine-tune."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from kldsel_study import images, places, targets
from kldsel_study.chain import Chain
from kldsel_study.networks import SOURCES
from kldsel_study.networks.families import FAMILIES

FILE = places.RESULTS / "pretrained.csv"
COLUMNS = ("network", "convolutions", "parameters", "passes", "accuracy", "minutes")
BATCH = 100
PASSES = 3
RATE = 0.2
_SEED = 20223


def start(chain: Chain, classes: int, seed: int = _SEED) -> None:
    """Weights as drawn by He et al. 2015, of the same seed whenever asked."""
    random = torch.Generator().manual_seed(seed)
    for one in chain.modules():
        if isinstance(one, nn.Conv2d):
            nn.init.kaiming_normal_(one.weight, mode="fan_out", nonlinearity="relu", generator=random)
    chain.new_head(classes)


def train(chain: Chain, pixels: Tensor, labels: Tensor, passes: int = PASSES, seed: int = _SEED) -> None:
    """SGD with Nesterov's momentum, weight decay, mirrored images, the rate up and down once.

    Products are of bfloat16, which with channels beside each other is two to three times as fast.
    """
    chain.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(chain.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    batches = passes * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=batches)
    random = torch.Generator().manual_seed(seed)
    chain.train()
    with tqdm(total=batches, disable=None) as bar:
        for _ in range(passes):
            for batch in torch.randperm(len(labels), generator=random).split(BATCH):
                mirrored = torch.rand(len(batch), generator=random) < 0.5
                inputs = torch.where(mirrored.view(-1, 1, 1, 1), pixels[batch].flip(3), pixels[batch])
                with torch.autocast("cpu", torch.bfloat16):
                    loss = functional.cross_entropy(chain(inputs), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
    chain.eval()


def percent_right(chain: Chain, pixels: Tensor, labels: Tensor) -> float:
    """Accuracy."""
    with torch.no_grad():
        found = torch.cat([chain(piece).argmax(dim=1) for piece in pixels.split(250)])
    return 100 * float((found == labels).double().mean())


def pretrain(names: Sequence[str]) -> None:
    """Writes the weights of those of the families that have none yet, and a row of each to results/pretrained.csv."""
    torch.set_num_threads(1)
    for name in names:
        source = SOURCES[name]
        path = places.trained(source.file)
        if name not in FAMILIES or path.exists():
            continue
        train_part, test_part = targets.READERS[source.dataset][1]()
        chain = FAMILIES[name]()
        start(chain, int(train_part.labels.max()) + 1)
        began = time.process_time()
        train(chain, images.prepare(train_part.images, source), torch.from_numpy(train_part.labels))
        minutes = (time.process_time() - began) / 60
        right = percent_right(chain, images.prepare(test_part.images, source), torch.from_numpy(test_part.labels))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not there.
        part = path.with_suffix(".part")
        save_file({key: one.contiguous() for key, one in chain.state_dict().items()}, part)
        part.replace(path)
        parameters = sum(int(np.prod(one.shape)) for one in chain.steps.parameters())
        row = (name, len(chain.layers()), parameters, PASSES, f"{right:.2f}", f"{minutes:.1f}")
        _append(row)
        print(f"{name}: {right:.2f} % of {source.dataset}'s test images right, {minutes:.1f} minutes")


def _append(row: tuple[object, ...], path: Path = FILE) -> None:
    """The row of a network, in place of an older one."""
    kept: list[list[str]] = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [one for one in csv.reader(file) if one[0] not in (COLUMNS[0], row[0])]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*kept, row])
