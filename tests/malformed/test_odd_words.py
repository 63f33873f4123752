"""Commands as people type them: done as meant, or one line that names word and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq.cli import main
from tests.malformed.conftest import Good, Refused

DATA, USAGE = 1, 2
TINY = """
model:
  arch_layout: [m1, [m1], m1]
  d_model: [32, 32]
  d_intermediate: [0, 0]
  vocab_size: 8
  ssm_cfg: {d_conv: 4, expand: 2, d_state: 16, chunk_size: 64}
data: {context: 64, batch_tokens: 128}
train: {steps: 1, validate_every: 0, ratio_loss: {targets: [3.0], weights: [1.0]}}
"""

NAMED = "data: {sources: [{path: '', name: a}, {path: '', name: b, weight: 2}]}\n"

# Words of a command, and what is said of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "an empty region": ("segment {model} {genome} --bed c.bed --region=", "--region: is empty, as"),
    "an empty genome": ("embed {model} {genome} --out v.npy --genome=", "--genome: is empty, as"),
    "an empty input": ("embed {model} ~ --out v.npy", "input: is empty, as a variable that is"),
    "empty weights": ("pretrain dna_small --data {shards} --out r --init=", "--init: is empty, as"),
    "a file twice": ("shard {genome} {genome} --out s --workers 1", "genome.fa is given twice"),
    "nothing to peek at": ("shard peek {shards} --count 0", "--count: must be 1 or more; got 0"),
    "scores as CSV": (
        "score {model} {genome} --out s.csv",
        "--out: s.csv says another format",
    ),
    "scores packed": ("score {model} {genome} --out s.tsv.gz", "--out: s.tsv.gz says another form"),
    "labels as CSV": ("classify predict {model} {genome} --out p.csv", "in .tsv or .parquet"),
    "a key with dashes": (
        "pretrain dna_small --data {shards} --out r --train.steps=2",
        "unrecognized arguments: --train.steps=2; key=value goes without dashes; see",
    ),
    "a part of a list": (
        "pretrain dna_small --data {shards} --out r model.d_model[0]=16",
        "command line: model.d_model[0]=16: Cannot merge",
    ),
    "a guard that takes all": (
        "shard {short} --out s --validation last:0.1 --workers 1",
        "--validation last:0.1: leaves no bases for train beside --guard 1000",
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_words_that_cannot_be_meant(
    case: str, good: Good, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.fa").write_text(">a\n" + "ACGTTGCA" * 40 + "\n")
    words, says = COMMANDS[case]
    filled = words.format(**vars(good), short="short.fa").split()
    assert says in refused(["" if word == "~" else word for word in filled], USAGE, "hnet-seq ")


def test_options_may_stand_before_the_verb(
    good: Good, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGTAC\n")
    assert main(["--device", "cpu", "score", f"{good.model}", f"{path}"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("a\t6\t5\t")


def test_links_to_one_file_are_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("blob").write_text("Equal files are one in the cache of a hub.\n" * 9)
    for name in ("a.txt", "b.txt"):
        Path(name).symlink_to("blob")
    command = ["shard", "a.txt", "b.txt", "--modality", "text", "--out", "s", "--workers", "1"]
    assert main(command) == 0


def test_a_run_that_is_there_knows_its_shards(
    good: Good, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY)
    Path("shards").symlink_to(good.shards)
    command = ["pretrain", "tiny.yaml", "--out", "run", "--continue", "--device", "cpu"]
    assert main([*command, "--data", "shards"]) == 0
    assert main([*command, "--data", f"../{tmp_path.name}/shards/"]) == 0
    # One word, with the blanks that a copied line may have.
    assert main([*command, "train.steps = 2"]) == 0
    assert len(Path("run/metrics.jsonl").read_text().splitlines()) >= 2
    Path("named.yaml").write_text(f"include: tiny.yaml\n{NAMED}")
    command[1], command[3] = "named.yaml", "mixed"
    assert main([*command, "--data", "a=shards", "--data", "b=shards"]) == 0
    assert main([*command, "train.steps=2"]) == 0
    assert main([*command, "train.steps=2", "--data", f"b={tmp_path / 'shards'}"]) == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    resume = ["pretrain", "--resume", "../run", "train.steps=3", "--device", "cpu"]
    said = refused(resume, DATA, "no such folder here, and the run in ../run reads it")
    assert said.endswith("or say where it lies now with --data FOLDER\n")
    assert main([*resume, "--data", "../shards"]) == 0
