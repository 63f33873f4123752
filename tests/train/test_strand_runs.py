"""Training of a strand-symmetric model: it resumes, learns, and is bounded as another one is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.chunk_budget import chunk_budget, chunks_of_sequences
from hnet_seq.train.extent import Extent
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.ratio_control import RatioInForce
from modalities import dna
from modalities.errors import UsageError
from pipelines.batches.token_batches import PackedBatch
from tests.model.strand_models import assert_mirrored, reverse_complement, strand_model
from tests.train.runs import make_shards, metrics, tiny, train_until_killed, weights

LENGTHS = [70, 30, 1, 55, 90, 44]


@pytest.fixture(scope="module")
def repeat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a genome in which a base follows from its neighbours."""
    return make_shards(tmp_path_factory.mktemp("repeat"), "ACGGTCATTG" * 2000)


def test_a_killed_run_resumes_bit_for_bit_and_stays_symmetric(repeat: Path, tmp_path: Path) -> None:
    config = tiny("ecoli_strands", repeat, "data.micro_batch_tokens=256")
    assert pretrain(config, tmp_path / "whole", device="cpu")
    train_until_killed(config, tmp_path / "cut", 4)
    assert pretrain(config, tmp_path / "cut", resume=True, device="cpu")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    model = load_pretrained(tmp_path / "whole", "cpu")
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 5, sum(LENGTHS)))
    bounds = torch.tensor([0, *LENGTHS]).cumsum(0)
    assert_mirrored(model(ids, bounds), model(reverse_complement(ids, LENGTHS), bounds), LENGTHS)


def test_thirty_steps_lower_the_loss_from_both_sides(repeat: Path, tmp_path: Path) -> None:
    config = tiny("ecoli_strands", repeat, "train.steps=30", "train.validate_every=0")
    pretrain(config, tmp_path / "run", device="cpu")
    records = metrics(tmp_path / "run")
    assert records[0]["bits_per_token"] > 2
    assert records[-1]["bits_per_token"] < 1
    model = HNetForMaskedLM.from_pretrained(tmp_path / "run", "cpu")
    ids = torch.from_numpy(dna.encode("ACGGTCATTG" * 6).astype(np.int64))
    for place in (0, 33, 59):  # from what lies behind, on both sides, and before
        hidden = ids.clone()
        hidden[place] = dna.MASK
        assert model(hidden).logits[place].argmax() == ids[place]


def test_the_other_strand_is_not_asked_for_twice(repeat: Path) -> None:
    with pytest.raises(UsageError, match="the same to a strand-symmetric model"):
        tiny("ecoli_strands", repeat, "data.strands=augment")


def test_chunks_are_counted_and_bounded_on_one_strand() -> None:
    model = strand_model("one stage")
    random = np.random.default_rng(0)
    total = sum(LENGTHS)
    bounds = np.cumsum([0, *LENGTHS]).astype(np.int32)
    ids = random.integers(0, 4, total, np.uint8)
    batch = PackedBatch(ids, ids.astype(np.int16), bounds, None)
    out = model(torch.from_numpy(ids).long(), torch.from_numpy(bounds))
    mask = out.boundaries[0].boundary_mask
    chunks = [int(own.sum()) for own in mask.split(LENGTHS)]

    def forward() -> None:
        model(torch.from_numpy(ids).long(), torch.from_numpy(bounds))

    counted = chunks_of_sequences(model, torch.from_numpy(bounds), forward)
    assert counted == [LENGTHS, chunks]
    with chunk_budget(model, [sum(chunks)]):
        forward()

    def gradients(limit: int) -> tuple[list[torch.Tensor], int]:
        model.zero_grad()
        interval = Interval.of_stages(1)
        objective = Objective(model, "batch", [limit])
        ratio = RatioInForce([3.0], [0.7])
        objective.backward(batch, Extent.of([batch]), ratio, interval)
        return [p.grad.clone() for p in model.parameters() if p.grad is not None], interval.splits

    (whole, none), (pieces, splits) = gradients(0), gradients(sum(chunks) - 1)
    assert (none, splits) == (0, 1)
    for one, two in zip(whole, pieces, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=2e-5 * float(one.abs().max()) + 1e-9)
