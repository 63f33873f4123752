"""Micro-batches of a step, dealt out to the processes of a run."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from hnet_seq.train.feed import Feed
from pipelines.batches import MixedSource, PackedBatch, TokenBatches
from tests.pipelines.made_shards import random_documents, write_shards

PER_STEP, MICRO = 4, 64


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TokenBatches:
    folder = tmp_path_factory.mktemp("feed")
    for seed, name in enumerate(("a", "b")):
        write_shards(folder / name, random_documents((500, 30, 900), seed=seed))
    return TokenBatches(
        [MixedSource(folder / "a", weight=2.0), MixedSource(folder / "b")],
        context=50,
        batch_tokens=MICRO,
        step_tokens=PER_STEP * MICRO,
    )


def as_bytes(batch: PackedBatch) -> bytes:
    return b"|".join(a.tobytes() for a in (batch.input_ids, batch.targets, batch.cu_seqlens))


def steps(source: TokenBatches, start: int, stop: int, **options: Any) -> list[list[bytes]]:
    feed = Feed(source, PER_STEP, **options)
    return [[as_bytes(batch) for batch in step] for step in feed.steps(start, stop)]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_steps_are_the_same_for_any_number_of_processes(
    source: TokenBatches, ranks: int
) -> None:
    parts = [steps(source, 3, 20, rank=rank, ranks=ranks) for rank in range(ranks)]
    for number, dealt in enumerate(zip(*parts, strict=True)):
        assert {len(part) for part in dealt} == {PER_STEP // ranks}
        whole = [dealt[i % ranks][i // ranks] for i in range(PER_STEP)]
        first = (3 + number) * PER_STEP
        assert whole == [as_bytes(source[first + i]) for i in range(PER_STEP)]


def test_a_step_does_not_depend_on_where_reading_began(source: TokenBatches) -> None:
    whole = steps(source, 0, 12)
    assert len(whole) == 12
    for start in (1, 7, 11):
        assert steps(source, start, 12) == whole[start:]
    assert steps(source, 5, 5) == []


def test_workers_get_their_own_files_and_the_same_batches(source: TokenBatches) -> None:
    alone = steps(source, 0, 6)
    assert steps(source, 0, 6, workers=2) == alone
    assert steps(pickle.loads(pickle.dumps(source)), 0, 6) == alone


def test_the_fingerprint_tells_how_many_micro_batches_a_step_has(source: TokenBatches) -> None:
    assert Feed(source, 4).fingerprint != Feed(source, 8).fingerprint
    # And not who reads them.
    assert Feed(source, 4, 2, 1, 2).fingerprint == Feed(source, 4).fingerprint


@pytest.mark.parametrize(("rank", "ranks"), [(0, 3), (2, 2), (-1, 2), (0, 8)])
def test_micro_batches_that_cannot_be_dealt_out_evenly_are_refused(
    source: TokenBatches, rank: int, ranks: int
) -> None:
    with pytest.raises(ValueError, match="4 micro-batches a step cannot be dealt out"):
        Feed(source, PER_STEP, rank=rank, ranks=ranks)
