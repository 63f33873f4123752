"""Scores are the same whether windows share what they begin with or go through the model whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    HNetConfig,
    HNetForCausalLM,
    Variant,
    load_pretrained,
    read_fasta,
    saturation_mutagenesis,
    score_variants,
)
from hnet_seq.tasks.scoring import branches, change_effects, window_pairs
from hnet_seq.tasks.scoring.branches import can_branch
from modalities.errors import InputError
from tests.conftest import LAYOUTS, make_model
from tests.model.policies import POLICIES, with_policy

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/performance.md").read_text()
# Nats. A window of 64 letters has about 133 of them, which fp32 keeps to 1.6e-5.
TOLERANCE = 2e-5
RECORD = "".join(np.random.default_rng(3).choice(list("ACGT"), 300))
RECORD = RECORD[:170] + "N" + RECORD[171:]
SHORT = RECORD[40:90]

SHAPE: dict[str, Any] = {
    "arch_layout": ["m1t1", ["m1t1"], "m1"],
    "d_model": [32, 64],
    "d_intermediate": [0, 0],
    "vocab_size": 8,
    "ssm_cfg": {"d_state": 16},
    "attn_cfg": {"num_heads": [2, 2], "rotary_emb_dim": [8, 8], "window_size": [5, -1]},
}
MEMORY = "n-gram memory"
# Of a learned policy are the others; counts are no such model.
UNCOUNTED = [name for name in POLICIES if name not in ("learned", "entropy", "surprisal")]


def varied(model: HNetForCausalLM) -> HNetForCausalLM:
    """Weights of which every part matters."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and "embeddings" not in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def model_of(kind: str) -> HNetForCausalLM:
    """A layout of the tests, a model with n-gram memory, or one that follows a policy."""
    if kind in LAYOUTS:
        return make_model(kind)
    if kind == MEMORY:
        shape = {**SHAPE, "ngram_memory": {"orders": [2, 3, 7], "rows": 300, "width": 8}}
        return varied(HNetForCausalLM(HNetConfig.from_dict(shape), seed=2))
    model = with_policy(SHAPE, POLICIES[kind])
    assert isinstance(model, HNetForCausalLM)
    return varied(model)


@contextmanager
def whole() -> Iterator[None]:
    """Inside the block no window shares anything."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (change_effects, window_pairs):
            patch.setattr(module, "can_branch", lambda model: False)
        yield


def variants() -> list[Variant]:
    """SNVs with all their letters, at both ends of a record too, and edits of every kind."""
    found = [
        Variant("c", at + 1, RECORD[at], letter)
        for at in (0, 150, 299)
        for letter in "ACGT"
        if letter != RECORD[at]
    ]
    found += [
        Variant("s", at + 1, own, "A") for at, own in enumerate(SHORT) if own != "A" and at % 7 < 2
    ]
    for at in (0, 290):
        ref = RECORD[at : at + 4]
        for alt in (ref[0], ref[0] + "GATTACA", "TT" + ref[2:]):
            if alt != ref:
                found.append(Variant("c", at + 1, ref, alt))
    found.append(Variant("c", 297, RECORD[296:], RECORD[296]))  # to the record's last base
    return found


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    path.write_text(f">c\n{RECORD}\n>s\n{SHORT}\n")
    return path


def scores(
    model: HNetForCausalLM, genome: Path, batch_tokens: int = 8192, every: int = 1
) -> np.ndarray:
    rows = score_variants(
        model, genome, variants()[::every], window=64, batch_tokens=batch_tokens, device="cpu"
    )
    found = np.array([(row.llr_forward, row.llr_reverse) for row in rows])
    assert np.isfinite(found).all()
    return found


@pytest.mark.parametrize("kind", [*LAYOUTS, MEMORY, *UNCOUNTED])
def test_variants_and_mutants_have_the_scores_of_whole_windows(kind: str, genome: Path) -> None:
    model = model_of(kind)
    assert can_branch(model)
    context = RECORD[150:180]
    with whole():
        expected, effects = (
            scores(model, genome),
            saturation_mutagenesis(model, context, device="cpu"),
        )
    largest = np.abs(expected).max()
    assert largest > 1e-2  # what is compared is no zero
    # Where embeddings are tied an untrained model is sure of itself: tens of nats.
    nats = TOLERANCE * max(1, largest / 10)
    np.testing.assert_allclose(scores(model, genome), expected, atol=nats, rtol=0)
    found = saturation_mutagenesis(model, context, device="cpu")
    np.testing.assert_allclose(found, effects, atol=nats, rtol=0)


def test_the_shipped_model_differs_by_no_more_than_is_said() -> None:
    said = re.search(r"1,024 \(`genomes-tiny`,\s+one strand\) differ by (\S+) nats at most", GUIDE)
    assert said is not None
    model, genome = load_pretrained("genomes-tiny", "cpu"), ROOT / "examples/data/ecoli_536"
    assert isinstance(model, HNetForCausalLM)
    record = next(iter(read_fasta(genome / "genome.fna.gz")))
    places = range(100_000, 100_400, 100)
    letters = ["ACGT"[record.tokens[at]] for at in places]
    given = [
        Variant(record.name, at + 1, own, "CGTA"["ACGT".index(own)])
        for at, own in zip(places, letters, strict=True)
    ]

    def found() -> list[float]:
        rows = score_variants(
            model, genome / "genome.fna.gz", given, window=1024, strands="none", device="cpu"
        )
        return [row.llr for row in rows]

    shared = found()
    with whole():
        expected = found()
    assert np.abs(expected).max() > 0.1
    assert shared != expected  # they went another way
    np.testing.assert_allclose(shared, expected, atol=float(said[1]), rtol=0)


def test_neither_the_size_of_a_call_nor_the_room_for_states_matters(
    genome: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("one stage")
    every = 2  # still edits of every kind, of both records
    expected = scores(model, genome, every=every)
    effects = saturation_mutagenesis(model, RECORD[:60], start=52, device="cpu")
    monkeypatch.setattr(branches, "_STATES", 3 * model.new_state(1).num_bytes)
    for batch_tokens in (50, 150):
        found = scores(model, genome, batch_tokens, every)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)
        again = saturation_mutagenesis(
            model, RECORD[:60], start=52, batch_tokens=batch_tokens, device="cpu"
        )
        np.testing.assert_allclose(again, effects, atol=TOLERANCE, rtol=0)


def test_endings_follow_their_own_beginnings_over_several_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model("one stage")
    monkeypatch.setattr(branches, "_STATES", 3 * model.new_state(1).num_bytes)
    letters = np.random.default_rng(4).integers(0, 4, (10, 12)).astype(np.uint8)
    beginnings, endings, owners = letters[:3], letters[3:], [0, 2, 1, 2, 0, 1, 1]
    trunk = branches.Trunk(model, len(beginnings), 50)
    trunk.read(list(beginnings))
    found = trunk.branches(owners, list(endings))
    for owner, ending, own in zip(owners, endings, found, strict=True):
        alone = branches.Trunk(model, 1, 50)
        expected = alone.branches([0], [np.concatenate([beginnings[owner], ending])])[0]
        np.testing.assert_allclose(own, expected[len(beginnings[owner]) :], atol=TOLERANCE, rtol=0)


def test_most_of_the_tokens_go_through_once(genome: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = make_model("one stage"), []
    encode = model.encode

    def spy(ids: torch.Tensor, *rest: Any) -> Any:
        seen.append(len(ids))
        return encode(ids, *rest)

    monkeypatch.setattr(model, "encode", spy)
    saturation_mutagenesis(model, RECORD[:100], start=90, strands="none", device="cpu")
    # The context for itself, what is before the changes, and of each change what follows.
    assert sum(seen) == 100 + 89 + 30 * 11


def test_counts_of_the_training_text_are_read_over_whole_windows() -> None:
    shape = {**SHAPE, "ngram_counts": {"orders": [1, 3]}}
    assert not can_branch(HNetForCausalLM(HNetConfig.from_dict(shape)))
    assert not can_branch(model_of("entropy"))


def test_a_window_too_long_for_the_cache_says_so(
    genome: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branches, "CACHE_LIMIT", 10)
    one = [Variant("c", 151, RECORD[150], "ACGT"[("ACGT".index(RECORD[150]) + 1) % 4])]
    with pytest.raises(InputError, match="shorten the windows"):
        list(score_variants(make_model("one stage"), genome, one, window=200, batch_tokens=30))
