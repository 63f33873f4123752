"""embed, segment and score on several ranks end with the bytes of one process."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq.cli import main
from hnet_seq.jobs import units as job_units
from hnet_seq.jobs.shared_run import SharedRun
from hnet_seq.jobs.units import Unit
from hnet_seq.tasks.embedding import plan as embed_plan
from hnet_seq.tasks.scoring import change_effects, variant_scores
from hnet_seq.tasks.scoring import sequences as score_sequences
from tests.conftest import make_model
from tests.forked import Forked, end_all, ranks
from tests.tasks import ranked_script
from tests.tasks.ranked_script import PART
from tests.tasks.test_segment_text import make_model as make_text_model

LENGTHS = [90, 60, 450, 30, 120, 90, 20, 90, 310, 90]
RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    model = make_model("few layers")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "model")
    generator = np.random.default_rng(0)
    records = ["".join(generator.choice(list("ACGT"), n)) for n in LENGTHS]
    (folder / "in.fa").write_text("".join(f">r{i}\n{own}\n" for i, own in enumerate(records)))
    rows = [
        (f"r{i}", pos, records[i][pos - 1], "ACGT"["TGCA".index(records[i][pos - 1])])
        for i in (2, 8)
        for pos in range(5, 300, 40)
    ]
    lines = [f"{c}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for c, pos, ref, alt in rows]
    header = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "in.vcf").write_text(header + "".join(lines))
    make_text_model().save_pretrained(folder / "text")
    texts = [
        {"path": f"{i}.c", "lang": "c" if i % 2 else "go", "text": "x = y; " * (i * 3 % 17)}
        for i in range(12)  # the first is empty and left out
    ]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(own)}\n" for own in texts))
    return folder


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in the script: parts of a few records, one thread."""
    monkeypatch.setattr(embed_plan, "PART_TOKENS", PART)
    monkeypatch.setattr(embed_plan, "PART_BYTES", PART * 64 * 4)
    monkeypatch.setattr(job_units, "MIN_TOKENS", PART)
    monkeypatch.setattr(score_sequences, "PART_TOKENS", PART)
    monkeypatch.setattr(variant_scores, "PART_TOKENS", PART)
    monkeypatch.setattr(change_effects, "_PART_TOKENS", 5 * PART)
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def commands(inputs: Path, out: Path) -> list[list[str]]:
    """Arguments of every verb, with outputs in ``out``."""
    model, fasta = str(inputs / "model"), str(inputs / "in.fa")
    common = ["--device", "cpu", "--batch-tokens", "100"]

    def to(name: str) -> str:
        return str(out / name)

    genome = ["--genome", fasta, "--window", "64"]
    region = ["--mutagenesis", "r2:100-110"]
    tables = ["--bed", to("stage{stage}.bed"), "--chunks", to("chunks.tsv.gz")]
    return [
        ["embed", model, fasta, "--out", to("v.parquet"), "--strands", "average", *common],
        ["embed", model, fasta, "--out", to("c.npy"), "--level", "chunk", *common],
        ["segment", model, fasta, *tables, *common],
        ["score", model, fasta, "--out", to("s.tsv"), *common],
        ["score", model, str(inputs / "in.vcf"), "--out", to("s.vcf"), *genome, *common],
        ["segment", str(inputs / "text"), str(inputs / "in.jsonl"), "--out", str(out), *common],
        ["score", model, *region, "--out", to("m.tsv"), *genome, *common],
        ["score", model, fasta, "--per-base", to("b.bw"), "--difference", to("d.bw"), *common],
    ]


OUTPUTS = (
    ("v.parquet",),
    ("c.npy", "c.rows.tsv"),
    ("stage0.bed", "chunks.tsv.gz"),
    ("s.tsv", "s.json"),
    ("s.vcf", "s.json"),
    ("text_boundaries.json",),
    ("m.tsv", "m.json", "m.svg", "m.html"),
    ("b.bw", "d.bw"),
)


def contents(out: Path, which: int) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in OUTPUTS[which]}


def test_two_ranks_end_with_the_bytes_of_one(inputs: Path, tmp_path: Path) -> None:
    asked = [commands(inputs, tmp_path / "two" / f"{i}")[i] for i in range(len(OUTPUTS))]
    for ended in end_all(ranks(2, ranked_script.run, asked, folder=tmp_path)):
        assert ended.code == 0, ended.err
    for which, names in enumerate(OUTPUTS):
        two, alone = (tmp_path / name / f"{which}" for name in ("two", "alone"))
        assert main(commands(inputs, alone)[which]) == 0
        assert contents(two, which) == contents(alone, which)
        assert not list(two.glob("*.ranks"))
        (record,) = two.glob("*.ranks.json")
        found = json.loads(record.read_text())["ranks"]
        assert sum(rank["units"] for rank in found) > 2, names


def test_what_a_rank_leaves_that_is_killed_is_finished_by_others(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = commands(inputs, tmp_path / "one")[0]
    place = dict(zip(RANKS, "121", strict=True))
    rank = Forked(ranked_script.run, [command], 1, 1, folder=tmp_path, environment=place)
    ended = rank.end()
    assert ended.code == -signal.SIGKILL, ended.err
    left = tmp_path / "one" / "v.parquet.ranks"
    assert len(list(left.glob("unit-*"))) == 1
    assert len(list(left.glob(".unit-*"))) == 1
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert main(command) == 0
    with monkeypatch.context() as patch:
        for name, value in zip(RANKS, "020", strict=True):
            patch.setenv(name, value)
        assert main(commands(inputs, tmp_path / "two")[0]) == 0  # the rank that survives
    assert main(commands(inputs, tmp_path / "alone")[0]) == 0
    expected = json.loads((tmp_path / "alone" / "v.json").read_text()) | {"seconds": 0}
    for out in (tmp_path / "one", tmp_path / "two"):
        record = json.loads((out / "v.parquet.ranks.json").read_text())
        assert [(own["rank"], own["units"] > 1) for own in record["ranks"]] == [
            (0, True),
            (1, False),
        ]
        assert contents(out, 0) == contents(tmp_path / "alone", 0)
        assert json.loads((out / "v.json").read_text()) | {"seconds": 0} == expected


def interrupt_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    claim, begun = SharedRun.claim, 0

    def failing(self: SharedRun, unit: Unit) -> bool:
        nonlocal begun
        begun += 1
        if begun > count:
            raise KeyboardInterrupt
        return claim(self, unit)

    monkeypatch.setattr(SharedRun, "claim", failing)


@pytest.mark.parametrize("which", [1, 2, 3, 4, 5, 6])
def test_an_interrupted_rank_is_gone_on_from_with_the_bytes_of_one_process(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    which: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = commands(inputs, tmp_path)[which]
    with monkeypatch.context() as patch:
        for name, value in zip(RANKS, "121", strict=True):
            patch.setenv(name, value)
        interrupt_after(patch, 2)
        assert main(command) == 130
    (folder,) = tmp_path.glob("*.ranks")
    assert len(list(folder.glob("unit-*"))) == 2
    assert not (tmp_path / OUTPUTS[which][0]).exists()
    capsys.readouterr()
    assert main(command) == 0
    assert " are kept from the run" in capsys.readouterr().err
    assert not folder.exists()
    other = commands(inputs, tmp_path / "alone")[which]
    assert main(other) == 0
    assert contents(tmp_path, which) == contents(tmp_path / "alone", which)


def test_ranks_refuse_what_they_cannot_share_out(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    embed, _, _, score, variants, *_ = commands(inputs, tmp_path)
    for name, value in zip(RANKS, "020", strict=True):
        monkeypatch.setenv(name, value)
    (tmp_path / "in.csv").write_text("sequence,effect\nACGT,1\n")
    measured = [*variants[:2], f"{tmp_path / 'in.csv'}", "--measured", "effect"]
    without_out = [*score[:3], *score[5:]]
    from_stdin = [*embed[:2], "-", *embed[3:]]
    for command, says in (
        (measured, "score --measured runs in one process; start it without torchrun"),
        (without_out, "ranks meet beside the output: give --out"),
        (from_stdin, "standard input is read once; give a file"),
    ):
        assert main(command) == 2
        assert says in capsys.readouterr().err


def test_another_track_or_baseline_is_made_though_the_scores_are_there(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in zip(RANKS, "020", strict=True):
        monkeypatch.setenv(name, value)
    model, fasta = str(inputs / "model"), str(inputs / "in.fa")
    words = ["score", model, fasta, "--device", "cpu", "--out", str(tmp_path / "s.tsv")]
    words += ["--difference", str(tmp_path / "d.bw")]

    def is_made(*more: str) -> bool:
        assert main([*words, *more]) == 0
        return "s.tsv is complete" in capsys.readouterr().err

    assert not is_made()
    by_markov = (tmp_path / "d.bw").read_bytes()
    assert is_made("--baseline", "markov")
    assert not is_made("--per-base", str(tmp_path / "b.bw"))
    assert (tmp_path / "b.bw").stat().st_size
    assert not is_made("--baseline", "mixing")
    assert (tmp_path / "d.bw").read_bytes() != by_markov
    assert is_made("--baseline", "mixing")
