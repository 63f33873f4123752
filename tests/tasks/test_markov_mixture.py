"""``markov --mix``, of bytes too, and ``--with``: a model and counts, mixed by log-odds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment
from hnet_seq.results.markov import Markov
from hnet_seq.tasks.pretrain import pretrain
from modalities import dna
from tests.train.runs import TINY, make_shards, metrics

WORDS = ["the", "cat", "sat", "on", "a", "mat", "山", "水"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of short documents in two languages, a third of them held out."""
    folder, random = tmp_path_factory.mktemp("code"), np.random.default_rng(0)
    rows = [
        {
            "path": f"{n}.{end}",
            "lang": language,
            "text": "\n".join([start, *random.choice(WORDS, 30)]) + "\n",
        }
        for n in range(20)
        for language, end, start in (("python", "py", "x ="), ("c", "c", "int y ="))
    ]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["shard", f"{folder}/t.jsonl", "--modality", "code", "--out", f"{folder}/shards"]
    options = ["--validation", "fraction:0.33", "--duplicates", "keep", "--workers", "1"]
    assert main([*command, *options]) == 0
    return folder / "shards"


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a genome with unknown bases, also in its held-out end."""
    tokens = np.random.default_rng(0).integers(0, 4, 6_000).astype(np.uint8)
    tokens[3_000:] = np.tile(tokens[:500], 6)
    tokens[5_700:5_720] = dna.UNKNOWN
    return make_shards(tmp_path_factory.mktemp("dna"), dna.decode(tokens))


@pytest.mark.parametrize("kind", ["words", "genome"])
def test_a_model_is_scored_as_pretrain_does_and_mixed_with_counts(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: Capture
) -> None:
    shards: Path = request.getfixturevalue(kind)
    unit = "base" if kind == "genome" else "byte"
    name = "ecoli_demo" if kind == "genome" else "code_text"
    run, out = tmp_path / "run", tmp_path / "markov.json"
    overrides = [*TINY, f"data.sources=[{{path: '{shards}'}}]", "data.carry_over=16"]
    assert pretrain(load_experiment(name, overrides), run, device="cpu")
    capsys.readouterr()
    command = ["markov", f"{shards}", "--mix", "--with", f"{run}", "--out", f"{out}"]
    assert main([*command, "--max-order", "3"]) == 0
    *_, mixing, model, both = capsys.readouterr().out.splitlines()
    found = json.loads(out.read_text())
    last = [record for record in metrics(run) if record["event"] == "validation"][-1]
    scored = found["scored_bases" if unit == "base" else "scored_bytes"]
    assert last["scored_tokens"] == scored
    assert found["mixture"]["model"] == pytest.approx(last["bits_per_token"], rel=1e-4)
    alone = found["mixing"][f"bits_per_{unit}"]
    assert mixing.endswith(f": {alone:.4f}")
    assert model == f"{run}: {found['mixture']['model']:.4f}"
    assert both == f"both, mixed by log-odds: {found['mixture']['mixture']:.4f}"
    assert found["mixture"]["mixture"] < min(alone, found["mixture"]["model"]) + 0.1
    read = Markov.read(out)
    assert read.mixture is not None
    assert (read.mixing_bits, read.mixture.mixture) == (alone, found["mixture"]["mixture"])
    # Without a model, the same.
    assert main(["markov", f"{shards}", "--mix", "--max-order", "3", "--out", f"{out}"]) == 0
    plain = json.loads(out.read_text())
    assert "mixture" not in plain
    assert plain["mixing"][f"bits_per_{unit}"] == pytest.approx(alone, abs=1e-5)


def test_the_labels_of_several_folders_have_their_own_figures(
    words: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "markov.json"
    assert main(["markov", f"{words}", "--mix", "--out", f"{out}"]) == 0
    found = json.loads(out.read_text())
    rows = found["folders"][0]["labels"]
    assert [row["label"] for row in rows] == ["c", "python"]
    total = sum(row["mixing"] * row["scored_bytes"] for row in rows)
    assert found["mixing"]["bits_per_byte"] == pytest.approx(total / found["scored_bytes"])
    assert "context mixing of orders 1 to 6 and words: " in capsys.readouterr().out


def test_what_cannot_be_mixed_is_refused_in_one_line(
    words: Path, genome: Path, tmp_path: Path, capsys: Capture
) -> None:
    run, tokens = tmp_path / "run", tmp_path / "tokens"
    sources = f"data.sources=[{{path: '{genome}'}}]"
    assert pretrain(load_experiment("ecoli_demo", [*TINY, sources]), run, device="cpu")
    small = ["model.arch_layout=[m1]", "model.d_model=[64]", "train.steps=1", "data.context=64"]
    assert pretrain(
        load_experiment("dna_6mer_mamba2", [*small, "data.batch_tokens=128", sources]), tokens
    )
    capsys.readouterr()
    for shards, options, code, says in (
        (words, ["--mix", "--with", f"{run}"], 1, "holds code; give --with a run that"),
        (genome, ["--mix", "--with", f"{tokens}"], 1, "reads tokens of dna"),
        (genome, ["--with", f"{run}"], 2, "--with: goes with --mix"),
        (genome, ["--mix", "--with", f"{tmp_path}/none"], 1, "none"),
    ):
        assert main(["markov", f"{shards}", *options]) == code, says
        line = capsys.readouterr().err.splitlines()[-1]
        assert says in line
