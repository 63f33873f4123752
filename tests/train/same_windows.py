"""What each process of a group reads and scores, for every micro-batch of a step."""

from __future__ import annotations

import json
from pathlib import Path

from hnet_seq.model.masked_lm import language_model
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.train.evaluation import evaluate
from hnet_seq.train.feed import Feed
from hnet_seq.train.launch import process_group
from hnet_seq.train.ranks import rank, world_size
from tests.train.runs import tiny

TOKENS = 1024  # of a step
PARTS = (1, 2, 3, 5, 8)  # micro-batches of a step


def main(shards: Path, out: Path) -> None:
    """Write what this process has found, in parts of a step: windows, and validation's bits."""
    found: dict[int, dict[str, object]] = {}
    for part in PARTS:
        sizes = [f"data.batch_tokens={TOKENS}", f"data.micro_batch_tokens={TOKENS // part}"]
        config = tiny("ecoli_demo", shards, *sizes)
        source = training_batches(config)
        feed = Feed(source, TOKENS // part, 0, rank(), world_size())
        windows = [
            sorted(
                batch.input_ids[start:stop].tobytes().hex()
                for batch in step
                for start, stop in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False)
                if not batch.idle
            )
            for step in feed.steps(0, 4)
        ]
        model = language_model(config.model, seed=1)
        scores = evaluate(model, validation_sources(config, source), [3.0])
        found[part] = {"windows": windows, **scores}
    (out / f"{rank()}.json").write_text(json.dumps(found))


def group(shards: Path, out: Path) -> None:
    """The same as one of several processes."""
    with process_group("cpu"):
        main(shards, out)
