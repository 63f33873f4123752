"""Any number of processes and workers trains on the same global batches."""

from __future__ import annotations

import hashlib
import json
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch.distributed

from hnet_seq.tasks.shard import shard
from hnet_seq.train.feed import Feed
from hnet_seq.train.launch import process_group
from hnet_seq.train.ranks import rank, world_size
from modalities import dna
from pipelines.batches.token_batches import MixedSource, TokenBatches
from tests.forked import end_all
from tests.forked import ranks as processes

STEPS, STEP = 500, 512
WORKERS = (0, 1, 3)
MICRO_BATCH, CONTEXT = 128, 64


def feed(folder: Path, workers: int = 0, rank: int = 0, ranks: int = 1) -> Feed:
    batches = TokenBatches(
        [
            MixedSource(folder / "genome", weight=2),
            MixedSource(folder / "notes", weight=1),
        ],
        context=CONTEXT,
        batch_tokens=STEP,
        reverse_complement=True,
        seed=5,
    )
    return Feed(batches, MICRO_BATCH, workers, rank, ranks)


def hashes(of: Feed) -> list[list[list[str]]]:
    """Of every sequence of every micro-batch of every step."""
    return [
        [
            [
                hashlib.sha256(b.input_ids[i:j].tobytes() + b.targets[i:j].tobytes()).hexdigest()
                for i, j in pairwise(b.cu_seqlens)
                if not b.idle
            ]
            for b in step
        ]
        for step in of.steps(0, STEPS)
    ]


def write_hashes(folder: Path) -> None:
    """Each process writes those of its own sequences."""
    with process_group("cpu"):
        own, count = rank(), world_size()
        for workers in WORKERS:
            dealt = hashes(feed(folder, workers, own, count))
            (folder / f"{count}-{workers}-{own}.json").write_text(json.dumps(dealt))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    # dna_bytes reads its other strand too; both sources are read several times in 500 steps.
    (path / "genome.fa").write_text(f">r\n{dna.decode(rng.integers(0, 4, 40_000, np.uint8))}\n")
    texts = [bytes(rng.integers(97, 123, n, np.uint8)) for n in rng.integers(5, 900, 60)]
    (path / "texts").mkdir()
    for number, text in enumerate(texts):
        (path / "texts" / f"{number}.txt").write_bytes(text)
    for out, source, modality in [("genome", "genome.fa", "dna_bytes"), ("notes", "texts", "text")]:
        shard(
            [path / source],
            path / out,
            modality=modality,
            block_size=1000,
            shard_size=9000,
            progress=False,
        )
    return path


@pytest.fixture(scope="module")
def alone(folder: Path) -> list[list[list[str]]]:
    """What one process without workers trains on."""
    return hashes(feed(folder))


def test_no_two_steps_of_the_mixture_are_alike(folder: Path, alone: list[list[list[str]]]) -> None:
    assert len(alone) == STEPS
    assert len({"".join(chain.from_iterable(step)) for step in alone}) == STEPS
    epochs = feed(folder).source.epochs(STEPS)
    assert min(epochs.values()) > 2


# Three workers on two cores are what is to be tested.
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_do_not_change_a_batch(
    folder: Path, alone: list[list[list[str]]], workers: int
) -> None:
    assert hashes(feed(folder, workers)) == alone


@pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="this build of torch has no gloo",
)
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_processes_of_a_run_share_out_the_sequences_of_one(
    folder: Path, alone: list[list[list[str]]], ranks: int
) -> None:
    for ended in end_all(processes(ranks, write_hashes, folder, folder=folder)):
        assert ended.code == 0, ended.err
    for workers in WORKERS:
        told = [
            json.loads((folder / f"{ranks}-{workers}-{rank}.json").read_text())
            for rank in range(ranks)
        ]
        for dealt, whole in zip(zip(*told, strict=True), alone, strict=True):
            together = chain.from_iterable(chain.from_iterable(dealt))
            assert sorted(together) == sorted(chain.from_iterable(whole))
            if ranks < 3:
                # Rank r has every ranks-th micro-batch of a step, from the r-th on.
                assert [batch for batches in zip(*dealt, strict=True) for batch in batches] == whole
