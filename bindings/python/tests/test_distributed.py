# SPDX-License-Identifier: BSD-3-Clause
"""A sharded checkpoint on a local cluster of processes."""

from __future__ import annotations

import json
import os

import pytest

import kldsel
from kldsel import distributed
from networks import TRAINED, pack
from test_sources_files import floats

dask = pytest.importorskip("dask.distributed")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    with (
        dask.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(folder),
        ) as cluster,
        dask.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Four files of three layers each."""
    folder = tmp_path_factory.mktemp("checkpoint")
    weight_map = {}
    for file in range(4):
        tensors = []
        for layer in range(3):
            name = f"layers.{3 * file + layer}.weight"
            tensors.append((name, "F32", [8, 4, 3, 3], floats(8, 4, 3, 3, seed=3 * file + layer)))
            tensors.append((name.replace("weight", "bias"), "F32", [8], floats(8)))
        path = folder / f"model-{file:05}-of-00004.safetensors"
        path.write_bytes(pack(*tensors))
        weight_map.update({tensor[0]: path.name for tensor in tensors})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_ranks_as_one_machine_does(client, checkpoint):
    index = checkpoint / "model.safetensors.index.json"
    here = kldsel.rank(index, "all", k=3)
    for there in (
        distributed.rank(index, client, "all", k=3),
        distributed.rank(checkpoint, client, "all", k=3, threads=1),
        distributed.rank(sorted(checkpoint.glob("*.safetensors")), client, "all", k=3),
    ):
        assert there.layers == here.layers
        assert there.skipped == here.skipped
        assert (
            there.again("kl-positive", reference="others").names
            == here.again("kl-positive", reference="others").names
        )


def test_work_is_done_by_other_processes(client):
    assert os.getpid() not in client.run(os.getpid).values()
    ranking = distributed.rank([TRAINED], client, k=2)
    assert ranking.scores == kldsel.rank(TRAINED).scores


def test_errors_come_back(client, checkpoint, tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(pack(("a", "F32", [2, 2, 2], b"\0\0\xc0\x7f" * 8)))
    with pytest.raises(kldsel.errors.NotFiniteError, match="layer 'a'"):
        distributed.rank([bad], client)
    with pytest.raises(FileNotFoundError):
        distributed.rank(tmp_path / "none.safetensors", client)
    with pytest.raises(ValueError, match=r"is in .* and in"):
        distributed.rank([bad, bad], client)
    with pytest.raises(ValueError, match="reference is 'given'"):
        distributed.rank([bad], client, reference="given")


def test_layouts_are_told_from_all_files(client, tmp_path):
    """A bias that gives a transposed convolution away may lie in another file."""
    one, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    one.write_bytes(
        pack(
            ("up.weight", "F32", [6, 4, 3, 3], floats(6, 4, 3, 3)),
            ("grouped.weight", "F32", [8, 3, 3], floats(8, 3, 3)),
        )
    )
    other.write_bytes(
        pack(
            ("up.bias", "F32", [4], floats(4)),
            ("grouped.bias", "F32", [6], floats(6)),
            ("conv.weight", "F32", [5, 2, 2], floats(5, 2, 2)),
        )
    )
    index = tmp_path / "model.safetensors.index.json"
    weight_map = {
        **dict.fromkeys(("up.weight", "grouped.weight"), one.name),
        **dict.fromkeys(("up.bias", "grouped.bias", "conv.weight"), other.name),
    }
    index.write_text(json.dumps({"weight_map": weight_map}))
    there = distributed.rank(index, client)
    assert there["up.weight"].filters == 4
    assert there["grouped.weight"].filters == 6
    assert there.layers == kldsel.rank(index).layers
    assert distributed.rank(index, client, layout="hwio")["conv.weight"].filters == 2
