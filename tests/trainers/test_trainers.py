# SPDX-License-Identifier: BSD-3-Clause
"""What the trainers do to a network, told from the weights that they save."""

import json
import math
import subprocess

import numpy as np
import safetensors

import forward
from conftest import LAYERS, RANK, ROOT, TARGET, TEST_IMAGES, TRAINERS, run

METHODS = {
    "c99": ("none", "last", "ranked", "reranked", "all"),
    "dlib": ("none", "last", "ranked", "all"),
    "libtorch": ("none", "last", "ranked", "all"),
}
EPOCHS = 2


def convolutions(tensors):
    """The names of each convolution's tensors, and of the batch norm that belongs to it, in network order."""
    layers = []
    for name, tensor in tensors.items():
        if tensor.ndim == 4:
            layers.append([])
        if tensor.ndim != 2 and not name.startswith(("head.", "classifier.")):
            layers[-1].append(name)
    return layers


def files(result):
    """The weights before and after the work of a method: a pair for each epoch, or one for all epochs."""
    for method in METHODS[result.name]:
        before = result.folder / "start.safetensors"
        for epoch in range(1, EPOCHS + 1) if result.name == "c99" else (1,):
            after = result.folder / (f"{method}-{epoch}" if result.name == "c99" else method)
            after = after.with_name(after.name + ".safetensors")
            yield method, epoch, before, after
            before = after


def ranked(path):
    """What kldsel-rank says of a file's convolutions."""
    command = [RANK, "--json", "--select", str(LAYERS), path]
    layers = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["layers"]
    chosen = [i for i, layer in enumerate(layers) if layer["selected"]]
    return chosen, [layer["scores"]["kl-positive-negative"] for layer in layers]


def test_ranking_is_that_of_kldsel_rank(result):
    compared = 0
    for method, epoch, before, _ in files(result):
        if (method, epoch) in result.divergences:
            chosen, divergences = ranked(before)
            assert result.trained[method, epoch] == chosen
            assert result.divergences[method, epoch] == divergences  # to the last bit
            compared += 1
    assert compared == (3 if result.name == "c99" else 1)  # ranked; reranked before each of two epochs


def test_only_what_is_selected_changes(result):
    for method, epoch, before, after in files(result):
        old, new = safetensors.load(before), safetensors.load(after)
        layers = convolutions(old)
        trained = result.trained[method, epoch]
        expected = {
            "none": [],
            "last": list(range(len(layers) - LAYERS, len(layers))),
            "all": list(range(len(layers))),
        }
        assert trained == expected.get(method, trained) and (method in expected or len(trained) == LAYERS)
        for i, names in enumerate(layers):
            same = [old[name].tobytes() == new[name].tobytes() for name in names]
            # Batch norm takes the bias of a convolution away, whose gradient may round to 0.
            assert all(same) if i not in trained else not any(same[:1] + same[2:]), (method, epoch, i)


def test_c99_selection_leaves_frozen_layers_between(result):
    """Or the test above would not see one that is trained by mistake: below the lowest no gradient is computed."""
    trained = result.trained["ranked", 1]
    assert result.name != "c99" or max(trained) - min(trained) >= LAYERS


def test_accuracy_is_beyond_chance(result, images):
    # The standard deviation of guessing among five classes, five times.
    least = 20 + 5 * 100 * math.sqrt(0.2 * 0.8 / len(images[1]))
    assert tuple(result.accuracies) == METHODS[result.name]
    assert all(accuracy > least for accuracy in result.accuracies.values()), result.accuracies


def test_accuracy_is_that_of_the_weights_saved(result, images):
    _, pixels, labels = images
    for method in METHODS[result.name]:
        name = f"{method}-{EPOCHS}" if result.name == "c99" else method
        scores = forward.scores(result.name, safetensors.load(result.folder / f"{name}.safetensors"), pixels)
        truth = scores[np.arange(len(labels)), labels]
        others = np.where(np.arange(len(TARGET)) == labels[:, None], -np.inf, scores).max(axis=1)
        # The trainers compute in single precision: sums of some hundred products, layer upon layer, are off by some
        # hundred units of 2^-24 of the largest score. Images that close to a tie may go either way.
        tie = 1000 * 2.0**-24 * np.abs(scores).max()
        least, most = np.mean(truth - others > tie), np.mean(truth - others >= -tie)
        assert most - least < 0.01  # or the comparison would say nothing
        # Two decimals are printed.
        assert 100 * least - 0.005 <= result.accuracies[method] <= 100 * most + 0.005, method


def test_network_from_a_file(images):
    """The bundled network, as it came: what its own accuracy is, and the ranking that kldsel-rank makes of it."""
    folder, pixels, labels = images
    model = ROOT / "examples/models/fashion_vgg.safetensors"
    everything = "0,1,2,3,4,5,6,7,8,9"
    done = run("libtorch", "--network", model, "--data", folder, "--target", everything, "--tests", 0,
               "--images", 32, "--epochs", 1, "--runs", 1)  # fmt: skip
    assert done.returncode == 0, done.stderr
    before = float(done.stdout.split("before fine-tuning: accuracy ")[1].split()[0])
    told = forward.vgg(safetensors.load(model), forward.normalise(pixels)).argmax(axis=1)
    right = np.sum(told == np.array(TARGET)[labels])
    # The other half of the images is not computed here; the file says 94.11 % of all 10 000.
    assert 100 * right / TEST_IMAGES - 0.005 <= before  # two decimals are printed
    assert before <= 100 * (right + TEST_IMAGES - len(labels)) / TEST_IMAGES + 0.005
    assert abs(before - 94.11) < 5 * 100 * math.sqrt(0.9411 * 0.0589 / TEST_IMAGES)
    chosen, divergences = ranked(model)
    line = next(line for line in done.stdout.splitlines() if line.startswith("ranked, epoch 1"))
    assert line == f"ranked, epoch 1: trains {chosen[0]} {chosen[1]}; divergences " + " ".join(
        f"{score:.17g}" for score in divergences
    )


def test_cost_of_ranking_stands_beside_a_training_step(images):
    done = run("libtorch", "--data", images[0], "--pretrain-images", 64, "--pretrain-epochs", 1, "--images", 64,
               "--tests", 64, "--epochs", 1, "--runs", 1)  # fmt: skip
    words = done.stdout.split("cost: ranking ")[1].split()
    assert words[1:8] == ["ms,", "one", "training", "step", "on", "32", "images"]
    assert float(words[0]) > 0 and float(words[8]) > 0


def test_same_seed_same_output(images):
    few = ("--data", images[0], "--pretrain-images", 64, "--pretrain-epochs", 1, "--images", 64, "--epochs", 1,
           "--tests", 64)  # fmt: skip
    for name in ("c99", "dlib"):
        outputs = [run(name, *few, "--seed", seed).stdout for seed in (1, 1, 2)]
        assert outputs[0] == outputs[1] != outputs[2] and "accuracy on" in outputs[0], name


def test_wrong_input_is_one_line_and_status_2(images, tmp_path):
    labels = "train-labels-idx1-ubyte"
    for name in ("short", "foreign", "large"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train-images-idx3-ubyte").symlink_to(images[0] / "train-images-idx3-ubyte")
    content = (images[0] / labels).read_bytes()
    (tmp_path / "short" / labels).write_bytes(content[:100])
    (tmp_path / "foreign" / labels).write_bytes(b"\0\0\x0d\1" + content[4:])
    (tmp_path / "large" / labels).write_bytes(content[:4] + b"\xff\xff\xff\xff" + content[8:])
    wrong = {
        ("--data", tmp_path / "nowhere"): "nowhere/",
        ("--data", tmp_path / "short"): "ends too early",
        ("--data", tmp_path / "foreign"): "no idx file",
        ("--data", tmp_path / "large"): "4294967295",
        ("--target", "1,1"): "--target '1,1'",
        ("--target", "3"): "--target '3'",
        ("--source", "0,a"): "--source '0,a'",
        ("--images", "-1"): "--images '-1'",
        ("--epochs", "0"): "--epochs '0'",
        ("--layers", "many"): "--layers 'many'",
        ("--images", "1000000", "--data", images[0], "--tests", "8"): "not 1000000",
        ("--unknown",): "--unknown",
        ("more",): "more",
        ("--save", tmp_path / "none", "--data", images[0], "--pretrain-images", "8", "--tests", "8"): "none/start",
    }
    for name in TRAINERS:
        # What reads options and images is the same for all; how it ends is each trainer's.
        for arguments, told in wrong.items() if name == "c99" else list(wrong.items())[-4:]:
            quick = ("--pretrain-epochs", 0) if "--images" in arguments or "--save" in arguments else ()
            done = run(name, *arguments, *quick)
            assert done.returncode == 2, (name, arguments, done)
            assert told in done.stderr and done.stderr.count("\n") == 1, (name, arguments, done.stderr)


def test_output_that_cannot_be_printed_is_an_error(images):
    few = ("--data", images[0], "--pretrain-images", 8, "--pretrain-epochs", 1, "--images", 8, "--epochs", 1,
           "--tests", 8)  # fmt: skip
    for name in TRAINERS:
        for arguments in (("--help",), few):
            with open("/dev/full", "w") as full:
                done = run(name, *arguments, stdout=full)
            assert done.returncode == 2, (name, arguments)
            assert done.stderr.endswith("-trainer: standard output: No space left on device\n"), done.stderr
            assert done.stderr.count("\n") == 1


def test_network_of_another_form_is_refused(images, tmp_path):
    model = ROOT / "examples/models/fashion_vgg.safetensors"
    content = model.read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(content[:-1])
    other = tmp_path / "other.safetensors"
    other.write_bytes(content.replace(b'"features.1.running_var"', b'"features.1.running_war"'))
    for path, told in ((cut, "cut.safetensors"), (other, "running_var"), (tmp_path / "none", "none")):
        done = run("libtorch", "--network", path, "--data", images[0])
        assert done.returncode == 2 and done.stdout == "", done
        assert told in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_c99_gradient_is_that_of_finite_differences(images, tmp_path):
    """One step of all layers from known weights: what changes is the gradient of the mean loss, times the rate."""
    rate, count, part = 0.03, 16, "train"
    folder = tmp_path / "images"
    folder.mkdir()
    for path in images[0].iterdir():
        (folder / path.name).symlink_to(path)
    content = (images[0] / f"{part}-labels-idx1-ubyte").read_bytes()[8:]
    chosen = [i for i, label in enumerate(content) if label in TARGET][:count]
    pixels = (images[0] / f"{part}-images-idx3-ubyte").read_bytes()[16:]
    for what, rank, size, source in (("images", 3, 784, pixels), ("labels", 1, 1, content)):
        name = f"{part}-{what}-idx{rank}-ubyte"
        (folder / name).unlink()
        axes = b"".join(extent.to_bytes(4, "big") for extent in (count, 28, 28)[:rank])
        data = b"".join(source[i * size : (i + 1) * size] for i in chosen)
        (folder / name).write_bytes(bytes((0, 0, 8, rank)) + axes + data)
    classes = ",".join(map(str, TARGET))
    # The first step of pretraining makes biases that are not 0, which is where ReLU has no derivative.
    done = run("c99", "--data", folder, "--source", classes, "--pretrain-images", 0, "--pretrain-epochs", 1,
               "--images", 0, "--epochs", 1, "--tests", 8, "--save", tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    before = safetensors.load(tmp_path / "all-0.safetensors")
    after = safetensors.load(tmp_path / "all-1.safetensors")

    x = np.frombuffer(b"".join(pixels[i * 784 : (i + 1) * 784] for i in chosen), np.uint8).reshape(count, 28, 28)
    labels = np.searchsorted(TARGET, [content[i] for i in chosen])

    def loss(tensors):
        scores = forward.scores("c99", tensors, x)
        scores -= scores.max(axis=1, keepdims=True)
        return np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(count), labels])

    draw, h = np.random.default_rng(5), 1e-6
    for name in before:
        theirs = (before[name].astype(np.float64) - after[name]) / rate
        # In single precision: a weight is off by 2^-24 of itself, which the rate divides; a gradient is made of sums
        # of up to 784 products, through six layers and back.
        tolerance = 2.0**-24 * (np.abs(after[name]).max() / rate + 12 * 784 * np.abs(theirs).max())
        for i in draw.choice(theirs.size, 5, replace=False):
            moved = []
            for step in (h, -h):
                tensors = {key: value.astype(np.float64) for key, value in before.items()}
                tensors[name].flat[i] += step
                moved.append(loss(tensors))
            ours = (moved[0] - moved[1]) / (2 * h)
            assert abs(ours - theirs.flat[i]) <= tolerance, (name, i, ours, theirs.flat[i])
        assert tolerance < 1e-2 * np.abs(theirs).max()  # or the comparison would say nothing
