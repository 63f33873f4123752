"""Soft-masked letters: kept on request, and unknown when they are n."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq.tasks.shard import shard
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import TokenBatches


@pytest.mark.parametrize("keep", [False, True])
def test_runs_of_lower_case_n_are_cut_out_too(tmp_path: Path, keep: bool) -> None:
    sequence = "ACGT" * 100 + "n" * 3000 + "N" * 3000 + "acgt" * 100
    (tmp_path / "g.fa").write_text(f">r\n{sequence}\n")
    manifest = shard([tmp_path / "g.fa"], tmp_path / "out", keep_soft_mask=keep, progress=False)
    assert manifest.statistics["dropped_unknown"] == 6000
    documents = list(read_documents(tmp_path / "out", "train"))
    assert [(document.start, len(document.tokens)) for document in documents] == [
        (0, 400),
        (6400, 400),
    ]
    assert all(document.tokens.max() < 4 for document in documents)


def test_soft_masked_targets_weigh_what_they_are_told(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">r\n" + "ACGT" * 64 + "acgt" * 64 + "\n")
    shard([tmp_path / "g.fa"], tmp_path / "out", keep_soft_mask=True, progress=False)
    source = TokenBatches(
        tmp_path / "out",
        split="train",
        context=512,
        batch_tokens=512,
        shuffle=False,
        soft_mask_weight=0.1,
    )
    batch = source[0]
    assert batch.weights is not None
    # The weight is that of the base to be predicted: the next one.
    assert batch.weights[:255].tolist() == [1.0] * 255
    assert batch.weights[255:511].tolist() == pytest.approx([0.1] * 256)
    assert batch.input_ids.max() < 4
