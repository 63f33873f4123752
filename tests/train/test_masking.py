"""The masked objective: what is hidden is a function, a run of it resumes, and it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modalities
from hnet_seq.config import ExperimentConfig
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.masking import MaskedBatches, mask_token, mask_tokens
from modalities import dna
from modalities.errors import UsageError
from pipelines.batches.token_batches import TokenBatches
from tests.train.runs import make_shards, metrics, tiny, train_until_killed, weights

HOW: dict[str, Any] = {"rate": 0.15, "mask_token": dna.MASK, "eligible": dna.BASES}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a random genome in which every eleventh base is unknown."""
    tokens = np.random.default_rng(0).integers(0, 4, 20_000).astype(np.uint8)
    tokens[::11] = dna.UNKNOWN
    return make_shards(tmp_path_factory.mktemp("data"), dna.decode(tokens))


@pytest.fixture(scope="module")
def repeat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a genome in which a base follows from its neighbours."""
    return make_shards(tmp_path_factory.mktemp("repeat"), "ACGGTCATTG" * 2000)


def _config(shards: Path, *overrides: str) -> ExperimentConfig:
    return tiny("ecoli_masked", shards, *overrides)


def test_a_token_fares_the_same_however_the_stream_is_cut() -> None:
    tokens = np.random.default_rng(1).integers(0, 5, 1000)
    ids, targets = mask_tokens(tokens, seed=3, first=70, **HOW)
    for cut in (1, 2, 3, 500, 999):
        parts = [
            mask_tokens(tokens[:cut], seed=3, first=70, **HOW),
            mask_tokens(tokens[cut:], seed=3, first=70 + cut, **HOW),
        ]
        assert np.array_equal(np.concatenate([part[0] for part in parts]), ids)
        assert np.array_equal(np.concatenate([part[1] for part in parts]), targets)


@pytest.mark.parametrize("other", [{"seed": 4, "first": 70}, {"seed": 3, "first": 71}])
def test_another_seed_or_place_hides_other_tokens(other: dict[str, Any]) -> None:
    tokens = np.zeros(1000, np.int64)
    chosen = mask_tokens(tokens, seed=3, first=70, **HOW)[1] >= 0
    again = mask_tokens(tokens, **other, **HOW)[1] >= 0
    both = (chosen & again).mean()
    assert both == pytest.approx(0.15**2, abs=0.015)


def test_of_the_chosen_80_percent_are_masked_10_replaced_10_kept() -> None:
    tokens = np.random.default_rng(1).integers(0, 4, 400_000)
    ids, targets = mask_tokens(tokens, seed=0, first=0, **HOW)
    chosen = targets >= 0
    assert chosen.mean() == pytest.approx(0.15, abs=0.002)
    assert np.array_equal(targets[chosen], tokens[chosen])
    assert np.array_equal(ids[~chosen], tokens[~chosen])
    masked = ids[chosen] == dna.MASK
    assert masked.mean() == pytest.approx(0.8, abs=0.005)
    # A random base is the right one in a quarter of the cases.
    changed = (ids[chosen] != tokens[chosen]) & ~masked
    assert changed.mean() == pytest.approx(0.1 * 3 / 4, abs=0.004)
    assert set(np.unique(ids)) == {*dna.BASES, dna.MASK}


def test_tokens_that_are_not_eligible_are_left_alone() -> None:
    tokens = np.random.default_rng(1).integers(0, 8, 10_000)
    ids, targets = mask_tokens(tokens, seed=0, first=0, **(HOW | {"rate": 1.0}))
    others = ~np.isin(tokens, dna.BASES)
    assert np.array_equal(ids[others], tokens[others])
    assert np.array_equal(targets >= 0, ~others)


def test_the_mask_is_the_vocabularys_or_one_id_more() -> None:
    assert mask_token(modalities.get("dna")) == dna.MASK
    assert mask_token(modalities.get("text")) == 256


def test_masked_batches_are_the_batches_with_tokens_hidden(shards: Path) -> None:
    options: dict[str, Any] = {"context": 128, "batch_tokens": 512, "seed": 5}
    plain, masked = TokenBatches(shards, **options), MaskedBatches(shards, mask_rate=0.3, **options)
    assert masked.fingerprint != plain.fingerprint
    assert masked.fingerprint != MaskedBatches(shards, mask_rate=0.2, **options).fingerprint
    for k in (0, 7):
        one, two = plain[k], masked[k]
        scored = two.targets >= 0
        assert np.array_equal(two.targets[scored], one.input_ids[scored])
        assert np.array_equal(two.input_ids[~scored], one.input_ids[~scored])
        assert np.array_equal(two.cu_seqlens, one.cu_seqlens)
        assert not (one.input_ids[scored] == dna.UNKNOWN).any()


def test_validation_shows_no_token_that_it_asks_for(shards: Path) -> None:
    batch = MaskedBatches(shards, split="validation", mask_rate=0.3, context=128)[0]
    scored = batch.targets >= 0
    assert scored.any()
    assert (batch.input_ids[scored] == dna.MASK).all()
    assert (batch.input_ids[~scored] != dna.MASK).all()


def test_a_killed_masked_run_resumes_bit_for_bit(shards: Path, tmp_path: Path) -> None:
    config = _config(shards, "train.steps=6", "data.micro_batch_tokens=256")
    assert pretrain(config, tmp_path / "whole", device="cpu")
    train_until_killed(config, tmp_path / "cut", 4)
    assert pretrain(config, tmp_path / "cut", resume=True, device="cpu")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_thirty_steps_lower_the_loss(repeat: Path, tmp_path: Path) -> None:
    config = _config(repeat, "train.steps=30", "train.validate_every=0")
    pretrain(config, tmp_path / "run", device="cpu")
    records = metrics(tmp_path / "run")
    assert {record["objective"] for record in records} == {"masked"}
    assert records[0]["bits_per_token"] > 2
    assert records[-1]["event"] == "validation"
    assert records[-1]["bits_per_token"] < 1
    # Asked for 15% of the bases, not for all of them.
    validation = TokenBatches(repeat, "validation", context=128).tokens_per_epoch
    assert records[-1]["scored_tokens"] == pytest.approx(0.15 * validation, rel=0.1)

    model = HNetForMaskedLM.from_pretrained(tmp_path / "run", "cpu")
    assert model.metadata["modality"] == "dna"
    ids = torch.from_numpy(dna.encode("ACGGTCATTG" * 6).astype(np.int64))
    hidden = ids.clone()
    hidden[33] = dna.MASK
    assert model(hidden).logits[33].argmax() == ids[33]


def test_validation_hides_the_same_tokens_whatever_the_seed(shards: Path, tmp_path: Path) -> None:
    scored = set()
    for seed in (0, 1):
        run = tmp_path / str(seed)
        pretrain(_config(shards, "train.steps=1", f"seed={seed}"), run, device="cpu")
        scored.add(metrics(run)[-1]["scored_tokens"])
    assert len(scored) == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.objective=causal", "model.bidirectional is true"),
        ("model.bidirectional=false", "a masked objective needs true"),
        ("train.objective=mask", "is not causal or masked"),
        ("train.mask_rate=0", "train.mask_rate"),
        ("train.mask_rate=1.5", "train.mask_rate"),
        ("data.soft_mask_weight=0.5", "soft_mask_weight"),
    ],
)
def test_what_does_not_go_together_is_misuse(shards: Path, override: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _config(shards, override)


def test_the_vocabulary_must_have_room_for_the_mask(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vocabulary of 8 with the mask"):
        pretrain(_config(shards, "model.vocab_size=7"), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
