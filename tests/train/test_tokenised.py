"""Tokenised baselines: bits over exactly the letters that a model of letters is scored on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.cli import main
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.evaluation import ValidationSource, evaluate
from hnet_seq.train.tokenised import TokenisedBatches, letters_per_token, make_tokenizer
from modalities import dna
from modalities.errors import UsageError
from modalities.tokenizer import BytePairs, Kmers, Tokenizer, tokenizer_of
from pipelines.batches.token_batches import PackedBatch, TokenBatches
from tests.train.runs import make_shards, metrics, train_until_killed, weights

SMALL = [
    "model.arch_layout=[m1]",
    "model.d_model=[64]",
    "model.d_intermediate=[0]",
    "model.ssm_cfg.d_state=16",
    "data.context=100",
    "data.batch_tokens=512",
    "train.steps=4",
    "train.log_every=2",
    "train.validate_every=2",
    "train.checkpoint_every=2",
]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "山", "水", "1234", "\n\n"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a random genome with runs of N, one at the start."""
    random = np.random.default_rng(0)
    tokens = random.integers(0, 4, 9_000).astype(np.uint8)
    for start in (0, 700, 703, 2_000, 8_500):
        tokens[start : start + int(random.integers(1, 40))] = dna.UNKNOWN
    return make_shards(tmp_path_factory.mktemp("dna"), dna.decode(tokens))


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of short documents of text, a third of them held out."""
    folder, random = tmp_path_factory.mktemp("text"), np.random.default_rng(0)
    rows = [" ".join(random.choice(WORDS, random.integers(1, 90))) for _ in range(60)]
    (folder / "t.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    command = ["shard", f"{folder}/t.jsonl", "--modality", "text", "--out", f"{folder}/shards"]
    options = ["--validation", "fraction:0.33", "--duplicates", "keep", "--workers", "1"]
    assert main([*command, *options]) == 0
    return folder / "shards"


def config_of(shards: Path, *overrides: str, name: str = "dna_6mer_mamba2") -> ExperimentConfig:
    """An experiment of seconds."""
    data = f"data.sources=[{{path: '{shards}'}}]"
    return load_experiment(name, [*SMALL, data, *overrides])


def tokenizers(kind: str) -> list[Tokenizer]:
    """Tokenizers of text or of DNA; the first joins nothing."""
    pytest.importorskip("tokenizers")
    if kind == "text":
        characters = "".join(map(chr, range(256)))
        return [BytePairs(characters, []), BytePairs(characters, [("t", "h"), ("th", "e")])]
    characters = "ACGTN567"
    merges = [("A", "C"), ("AC", "G"), ("T", "T"), ("TT", "TT")]
    return [BytePairs(characters, []), BytePairs(characters, merges), Kmers(6, 8, dna.BASES)]


def all_batches(batches: TokenBatches, count: int = 6) -> Iterator[PackedBatch]:
    last = batches.batches_per_epoch if batches.split == "validation" else count
    for k in range(last):
        yield batches[k]


# What is read ------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {"split": "validation"},
    {"split": "train"},
    {"split": "train", "carry_over": 17},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", ["text", "dna"])
def test_a_tokenizer_that_joins_nothing_gives_the_batches_of_letters(
    kind: str, options: dict[str, Any], words: Path, genome: Path
) -> None:
    shards = words if kind == "text" else genome
    options = {"context": 100, "batch_tokens": 333} | options
    if kind == "dna" and options["split"] == "train":
        options["reverse_complement"] = True
    letters = TokenBatches(shards, **options)
    tokens = TokenisedBatches(shards, tokenizer=tokenizers(kind)[0], **options)
    for one, other in zip(all_batches(letters), all_batches(tokens), strict=True):
        for name in ("input_ids", "targets", "cu_seqlens"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert one.scored == other.scored


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", ["text", "dna"])
def test_tokens_cover_what_a_model_of_letters_is_scored_on_once_and_nothing_else(
    kind: str, options: dict[str, Any], words: Path, genome: Path
) -> None:
    shards = words if kind == "text" else genome
    options = {"context": 100, "batch_tokens": 333} | options
    letters = TokenBatches(shards, **options)
    for tokenizer in tokenizers(kind)[1:]:
        tokens = TokenisedBatches(shards, tokenizer=tokenizer, **options)
        fewer = False
        for one, other in zip(all_batches(letters), all_batches(tokens), strict=True):
            scored = other.targets[other.targets >= 0]
            assert np.array_equal(tokenizer.decode(scored.tolist()), one.targets[one.targets >= 0])
            assert one.scored == other.scored
            # A position is read right after its target: nothing is skipped.
            for first, last in zip(other.cu_seqlens[:-1], other.cu_seqlens[1:], strict=True):
                read, goals = other.input_ids[first:last], other.targets[first:last]
                follows = goals[:-1] >= 0
                assert np.array_equal(read[1:][follows], goals[:-1][follows])
            fewer |= len(scored) < one.scored
        assert fewer


def test_a_batch_needs_no_other_and_micro_batches_cut_no_sequence(genome: Path) -> None:
    batches = TokenisedBatches(
        genome, tokenizer=tokenizers("dna")[2], context=100, batch_tokens=1000
    )
    whole, ends = batches[3], batches.sequence_ends(3)
    parts = [batches.read(3000, ends[4]), batches.read(ends[4], 4000)]
    joined = PackedBatch.joined(parts)
    for name in ("input_ids", "targets", "cu_seqlens", "covers"):
        assert np.array_equal(getattr(whole, name), getattr(joined, name))


def test_byte_pairs_are_learned_from_the_training_part_alone(words: Path) -> None:
    train = TokenBatches(words, context=100, batch_tokens=512)
    made = make_tokenizer("bpe", train, 280)
    assert made.to_json() == make_tokenizer("bpe", train, 280).to_json()
    assert made.vocab_size == 280
    tokens = TokenisedBatches(words, tokenizer=made, context=100, batch_tokens=512)
    assert letters_per_token(tokens) > 2
    assert tokens.fingerprint != train.fingerprint
    assert tokens.vocabulary_fingerprint != train.vocabulary_fingerprint


# Bits --------------------------------------------------------------------------------------------


def test_guessing_at_equal_odds_costs_log2_of_the_vocabulary_a_token(genome: Path) -> None:
    tokenizer = Kmers(6, 8, dna.BASES)
    batches = TokenisedBatches(
        genome, tokenizer=tokenizer, split="validation", context=100, batch_tokens=300
    )
    model = HNetForCausalLM(config_of(genome).model)
    torch.nn.init.zeros_(model.lm_head.weight)
    found = evaluate(model, [ValidationSource("g", "", batches)], [])
    tokens = sum(int((batch.targets >= 0).sum()) for batch in all_batches(batches))
    letters = TokenBatches(genome, split="validation", context=100, batch_tokens=300)
    bases = sum(batch.scored for batch in all_batches(letters))
    assert found["scored_tokens"] == bases
    assert found["bits_per_token"] == pytest.approx(math.log2(4104) * tokens / bases, rel=1e-6)
    assert found["letters_per_token"] == pytest.approx(bases / tokens)


def test_a_run_that_joins_nothing_has_the_figures_of_a_run_on_bytes(
    words: Path, tmp_path: Path
) -> None:
    size = "model.vocab_size=256"
    tokens = config_of(words, size, name="text_bpe_mamba2")
    letters = config_of(words, size, "data.tokenizer=none", name="text_bpe_mamba2")
    for config, out in ((tokens, "tokens"), (letters, "letters")):
        assert pretrain(config, tmp_path / out, device="cpu")
    assert metrics(tmp_path / "tokens") == metrics(tmp_path / "letters")


# Runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text_bpe_mamba2", "dna_6mer_mamba2"])
def test_a_killed_run_goes_on_bit_for_bit_with_its_tokenizer(
    name: str, words: Path, genome: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = words if name.startswith("text") else genome
    config = config_of(shards, "model.vocab_size=4200", name=name)
    if name.startswith("text"):
        config.model.vocab_size = 280
    assert pretrain(config, tmp_path / "whole", device="cpu")
    train_until_killed(config, tmp_path / "killed", step=3)
    # It is that of the checkpoint, whatever would be learned now.
    monkeypatch.setattr("hnet_seq.tasks.pretrain_data.make_tokenizer", None)
    assert pretrain(config, tmp_path / "killed", resume=True, device="cpu")
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    given = config_of(shards, f"train.init={tmp_path / 'whole'}", name=name)
    given.model = config.model
    assert pretrain(given, tmp_path / "more", device="cpu")
    models = [HNetForCausalLM.from_pretrained(tmp_path / run) for run in ("whole", "more")]
    first, second = (tokenizer_of(model.metadata) for model in models)
    assert first is not None
    assert second is not None
    assert first.to_json() == second.to_json()
    assert models[0].metadata["modality"] == f"tokens of {'text' if shards == words else 'dna'}"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.tokenizer=words", "is not none, bpe, or k-mers such as 6mer"),
        ("data.soft_mask_weight=0.5", "does not go with data.soft_mask_weight"),
        ("model.ngram_counts.orders=[3]", "does not go with model.ngram_counts"),
    ],
)
def test_what_does_not_go_together_is_refused(genome: Path, override: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        config_of(genome, override)


def test_tokens_of_chunks_are_refused(genome: Path) -> None:
    with pytest.raises(UsageError, match="which cuts the sequence itself"):
        load_experiment("ecoli_demo", ["data.tokenizer=6mer"])


def test_validation_speaks_of_bytes_and_generation_of_letters(
    words: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "run"
    config = config_of(words, "model.vocab_size=280", name="text_bpe_mamba2")
    assert pretrain(config, run, device="cpu")
    said = capsys.readouterr().err
    assert "bits per byte over" in said
    assert "to a token" in said
    assert main(["generate", f"{run}", "--prompt", "the cat", "--max-new-tokens", "9"]) == 0
    assert capsys.readouterr().out.startswith("the cat")
    model = HNetForCausalLM.from_pretrained(run)
    (new,) = model.generate("the cat", 5, seeds=3)
    assert len(new) == 5
    assert main(["info", f"{run}"]) == 0
    said = capsys.readouterr().out
    assert "per byte or base: " in said
    assert "merges" not in said


@pytest.fixture(scope="module")
def run(genome: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on six bases at a time."""
    out = tmp_path_factory.mktemp("run") / "run"
    assert pretrain(config_of(genome), out, device="cpu")
    return out


def test_weights_of_another_tokenizer_are_no_beginning(
    genome: Path, run: Path, tmp_path: Path
) -> None:
    for other, says in (("none", "vocabulary"), ("bpe", "6mer in")):
        config = config_of(genome, f"data.tokenizer={other}", f"train.init={run}")
        with pytest.raises(UsageError, match=says):
            pretrain(config, tmp_path / other, device="cpu")


@pytest.mark.parametrize("verb", ["embed", "segment", "score", "classify"])
def test_verbs_that_read_letters_refuse_a_model_of_tokens(
    verb: str, run: Path, tmp_path: Path, capsys: Capture
) -> None:
    fasta, out = tmp_path / "g.fa", tmp_path / "out"
    fasta.write_text(">a\nACGTACGTACGT\n")
    (tmp_path / "t.csv").write_text(
        "sequence,label,split\nACGT,a,train\nTTGA,b,train\nAC,a,test\nTT,b,test\n"
    )
    arguments = {
        "embed": ["embed", f"{run}", f"{fasta}", "--out", f"{out}.parquet"],
        "segment": ["segment", f"{run}", f"{fasta}", "--bed", f"{out}.bed"],
        "score": ["score", f"{run}", f"{fasta}", "--out", f"{out}.tsv"],
        "classify": ["classify", "train", f"{run}", "--table", f"{tmp_path}/t.csv"],
    }
    capsys.readouterr()
    assert main([*arguments[verb], *(["--out", f"{out}"] if verb == "classify" else [])]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the model reads tokens of dna" in line
    with pytest.raises(Exception, match="reads tokens of dna"):
        HNetForCausalLM.from_pretrained(run)("ACGT")
