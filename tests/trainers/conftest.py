# SPDX-License-Identifier: BSD-3-Clause
"""What the trainers' tests share: a small set of real images, and one run of each trainer on it."""

import gzip
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/trainers"
RANK = ROOT / "build/examples/kldsel-rank/kldsel-rank"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
TRAINERS = ("c99", "dlib", "libtorch")
LAYERS = 2  # that are fine-tuned
SEED = 2  # the C99 trainer's selection leaves frozen layers between with it
TARGET = (0, 2, 3, 4, 6)
TRAIN_IMAGES, TEST_IMAGES = 12000, 600  # of all ten classes


def program(name):
    return BUILD / name / f"{name}-trainer"


def run(name, *arguments, stdout=subprocess.PIPE):
    command = [program(name), *map(str, arguments)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=600, check=False)


@dataclass
class Result:
    """What a trainer printed and saved."""

    name: str
    folder: Path
    output: str
    trained: dict = field(default_factory=dict)  # method, epoch -> convolutions
    divergences: dict = field(default_factory=dict)  # method, epoch -> numbers
    accuracies: dict = field(default_factory=dict)  # method -> in percent

    def __post_init__(self):
        for method, epoch, layers, scores in re.findall(
            r"^(\w+), epoch (\d+): trains([ \d]*)(?:; divergences (.*))?$", self.output, re.M
        ):
            self.trained[method, int(epoch)] = [int(layer) for layer in layers.split()]
            if scores:
                self.divergences[method, int(epoch)] = [float(score) for score in scores.split()]
        for method, accuracy in re.findall(r"^(\w+) +[\d.]+ %.*runs ([\d.]+)$", self.output, re.M):
            self.accuracies[method] = float(accuracy)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder with the first of Debian's images, not compressed; those of the target classes; their places."""
    folder = tmp_path_factory.mktemp("images")
    test = {}
    for part, count in (("train", TRAIN_IMAGES), ("t10k", TEST_IMAGES)):
        for what, rank, header in (("images", 3, 16), ("labels", 1, 8)):
            name = f"{part}-{what}-idx{rank}-ubyte"
            size = 784 if rank == 3 else 1
            with gzip.open(DEBIAN / f"{name}.gz") as file:
                content = file.read(header + count * size)
            (folder / name).write_bytes(content[:4] + count.to_bytes(4, "big") + content[8:])
            test[what] = np.frombuffer(content[header:], np.uint8).reshape(-1, size)
    labels = test["labels"].ravel()
    chosen = np.isin(labels, TARGET)
    pixels = test["images"][chosen].reshape(-1, 28, 28)
    return folder, pixels, np.searchsorted(TARGET, labels[chosen])


@pytest.fixture(scope="session", params=TRAINERS)
def result(request, images, tmp_path_factory):
    saved = tmp_path_factory.mktemp(request.param)
    done = run(
        request.param, "--data", images[0], "--save", saved, "--layers", LAYERS, "--runs", 1, "--tests", 0,
        "--pretrain-images", 2000, "--pretrain-epochs", 2, "--images", 800, "--epochs", 2, "--seed", SEED,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return Result(request.param, saved, done.stdout)
