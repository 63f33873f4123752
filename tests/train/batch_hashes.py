"""Run by test_world_sizes.py in several processes: hashes of this rank's micro-batches."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from hnet_seq.train.feed import Feed
from pipelines.batches import MixedSource, PackedBatch, TokenBatches

PER_STEP, STEPS = 4, 500


def source(shards: Path) -> TokenBatches:
    """Two sources of different sizes, so that their epochs end at different steps."""
    return TokenBatches(
        [MixedSource(shards / "dna", "dna", 2.0), MixedSource(shards / "text", "text", 1.0)],
        context=48,
        batch_tokens=64,
        step_tokens=PER_STEP * 64,
        seed=7,
        reverse_complement=True,
    )


def digest(batch: PackedBatch) -> str:
    """All that a batch holds."""
    parts = (batch.input_ids, batch.targets, batch.cu_seqlens)
    return hashlib.sha256(b"|".join(part.tobytes() for part in parts)).hexdigest()


def steps(shards: Path, *, workers: int, rank: int = 0, ranks: int = 1) -> list[list[str]]:
    """Hashes of this rank's micro-batches of every step."""
    feed = Feed(source(shards), PER_STEP, workers, rank, ranks)
    return [[digest(batch) for batch in step] for step in feed.steps(0, STEPS)]


def main(shards: Path, workers: int, out: Path) -> None:
    """Gather the steps of all ranks with gloo, as a training step does its losses."""
    import torch.distributed as dist

    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    own = steps(shards, workers=workers, rank=rank, ranks=ranks)
    everyone: list[list[list[str]]] = [[] for _ in range(ranks)]
    dist.all_gather_object(everyone, own)
    if rank == 0:
        # Micro-batch j of a step is the (j // ranks)-th of rank j % ranks.
        whole = [
            [everyone[j % ranks][step][j // ranks] for j in range(PER_STEP)]
            for step in range(STEPS)
        ]
        out.write_text("\n".join(" ".join(step) for step in whole))
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
