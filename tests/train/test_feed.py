"""The sequences of a step, dealt out whole to micro-batches and processes."""

from __future__ import annotations

import os
import pickle
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest

from hnet_seq.train.feed import Feed
from hnet_seq.train.masking import MaskedBatches
from pipelines.batches.token_batches import MixedSource, PackedBatch, TokenBatches
from tests.pipelines.made_shards import random_documents, write_shards

STEP, CONTEXT = 256, 50


@pytest.fixture(scope="module", params=["next token", "carried over", "masked"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("feed")
    for seed, name in enumerate(("a", "b")):
        write_shards(folder / name, random_documents((500, 30, 900), seed=seed))
    sources = [MixedSource(folder / "a", weight=2.0), MixedSource(folder / "b")]
    given: dict[str, Any] = {"context": CONTEXT, "batch_tokens": STEP, "reverse_complement": True}
    if request.param == "masked":
        return MaskedBatches(sources, mask_rate=0.3, **given)
    return TokenBatches(sources, carry_over=7 * (request.param == "carried over"), **given)


def sequences(batches: list[PackedBatch]) -> list[bytes]:
    """Ids and targets of every sequence that counts."""
    return [
        batch.input_ids[a:b].astype(np.int64).tobytes() + batch.targets[a:b].tobytes()
        for batch in batches
        if not batch.idle
        for a, b in pairwise(batch.cu_seqlens)
    ]


def as_bytes(steps: list[list[PackedBatch]]) -> list[list[bytes]]:
    return [[b"|".join(sequences([batch])) for batch in step] for step in steps]


def steps(source: TokenBatches, start: int, stop: int, *arguments: Any) -> list[list[PackedBatch]]:
    return list(Feed(source, *arguments).steps(start, stop))


@pytest.mark.parametrize("micro", [0, STEP, STEP // 2, STEP // 3, STEP // 8, 1])
@pytest.mark.parametrize("ranks", [1, 2, 3, 20])
def test_a_step_has_the_same_sequences_for_any_micro_batch_and_number_of_processes(
    source: TokenBatches, micro: int, ranks: int
) -> None:
    parts = [steps(source, 3, 20, micro, 0, rank, ranks) for rank in range(ranks)]
    for number, dealt in enumerate(zip(*parts, strict=True), 3):
        assert len({len(part) for part in dealt}) == 1
        rounds = [list(batches) for batches in zip(*dealt, strict=True)]
        together = list(chain.from_iterable(rounds))
        assert sorted(sequences(together)) == sorted(sequences([source[number]]))
        for batch in together:
            own = batch.input_ids.size - 7 * (batch.cu_seqlens.size - 1)
            assert own <= max(micro or STEP, CONTEXT)
        # Only the last round may have idle processes.
        assert not any(batch.idle for batches in rounds[:-1] for batch in batches)
        assert not rounds[-1][0].idle


def test_one_process_without_a_bound_has_the_batch_itself(source: TokenBatches) -> None:
    for micro in (0, STEP):
        ((batch,),) = steps(source, 4, 5, micro)
        for part in ("input_ids", "targets", "cu_seqlens"):
            assert getattr(batch, part).tobytes() == getattr(source[4], part).tobytes()


def test_a_step_does_not_depend_on_where_reading_began(source: TokenBatches) -> None:
    whole = as_bytes(steps(source, 0, 12, 64))
    assert len(whole) == 12
    for start in (1, 7, 11):
        assert as_bytes(steps(source, start, 12, 64)) == whole[start:]
    assert steps(source, 5, 5) == []


def test_workers_get_their_own_files_and_the_same_batches(source: TokenBatches) -> None:
    alone = as_bytes(steps(source, 0, 6, 64))
    assert as_bytes(steps(source, 0, 6, 64, 2)) == alone
    assert as_bytes(steps(pickle.loads(pickle.dumps(source)), 0, 6, 64)) == alone


def test_a_worker_ends_whose_run_was_killed_before_it_looked(
    source: TokenBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: gone)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        steps(source, 0, 1000, 64, 1)


def test_the_fingerprint_tells_the_steps_and_not_how_they_are_computed(
    source: TokenBatches,
) -> None:
    fingerprint = Feed(source).fingerprint
    assert Feed(source, 64, 2, 1, 3).fingerprint == fingerprint
    # As versions wrote it that cut windows at the edges of micro-batches, for one a step.
    assert fingerprint == f"{source.fingerprint}/1"


@pytest.mark.parametrize(("rank", "ranks"), [(2, 2), (-1, 2)])
def test_a_rank_that_there_is_not_is_refused(source: TokenBatches, rank: int, ranks: int) -> None:
    with pytest.raises(ValueError, match=f"rank {rank} is none of 2 processes"):
        Feed(source, 0, rank=rank, ranks=ranks)
