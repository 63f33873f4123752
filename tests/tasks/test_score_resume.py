"""A score that was stopped goes on in one process, and ends with the bytes of one that was not."""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.jobs import units as job_units
from hnet_seq.jobs.spool import _COMMITS
from hnet_seq.jobs.units import Unit
from hnet_seq.tasks.scoring import sequences as score_sequences
from hnet_seq.tasks.scoring import variant_scores
from pipelines.formats import variant_source, variants
from pipelines.storage.leftovers import temporary_name
from tests.conftest import make_model
from tests.tasks.test_ranked_folder import hold

OUTPUTS = {
    "sequences": ("s.tsv", "s.json"),
    "vcf": ("s.vcf", "s.json"),
    "table": ("s.parquet", "s.json"),
    "mutagenesis": ("s.tsv", "s.json", "s.svg", "s.html"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    model = make_model("few layers")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "run")
    generator = np.random.default_rng(0)
    record = "".join(generator.choice(list("ACGT"), 300))
    (folder / "g.fa").write_text(f">c\n{record}\n")
    cuts = sorted(generator.choice(300, 8, replace=False).tolist())
    pieces = [record[a:b] for a, b in pairwise(cuts)]
    (folder / "s.fa").write_text("".join(f">r{i}\n{own}\n" for i, own in enumerate(pieces)))
    rows = [(pos, record[pos - 1], record[pos - 1] + "AG") for pos in range(20, 280, 25)]
    # What comes twice, and in another order, shares windows over the calls of the model.
    rows += [*rows[1:3], (rows[5][0], rows[5][1], "ACGT"[("ACGT".index(rows[5][1]) + 1) % 4])]
    header = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [f"c\t{pos}\t.\t{ref}\t{alt},<DEL>\t.\t.\t.\n" for pos, ref, alt in rows]
    (folder / "v.vcf").write_text(header + "".join(lines))
    table = "".join(f"c,{pos},{ref},{alt}\n" for pos, ref, alt in rows)
    (folder / "v.csv").write_text(f"chrom,pos,ref,alt\n{table}")
    return folder


def command(inputs: Path, use: str, out: Path, *options: str) -> list[str]:
    given = {
        "sequences": [f"{inputs / 's.fa'}", "--strands", "average"],
        "vcf": [f"{inputs / 'v.vcf'}", "--window", "64"],
        "table": [f"{inputs / 'v.csv'}", "--window", "64"],
        "mutagenesis": ["--mutagenesis", "c:101-104", "--window", "64"],
    }[use]
    batch = "60" if use == "sequences" else "140"
    places = ["--out", f"{out / OUTPUTS[use][0]}", "--device", "cpu", "--batch-tokens", batch]
    genome = [] if use == "sequences" else ["--genome", f"{inputs / 'g.fa'}"]
    return ["score", f"{inputs / 'run'}", *given, *genome, *places, *options]


class Calls:
    """Counts calls of the model, and stops a run at one."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int | None = None) -> None:
        self.count = 0
        encode = HNetForCausalLM.encode

        def counted(model: HNetForCausalLM, *arguments: Any) -> object:
            self.count += 1
            if last is not None and self.count > last:
                raise KeyboardInterrupt
            return encode(model, *arguments)

        patch.setattr(HNetForCausalLM, "encode", counted)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("use", list(OUTPUTS))
def test_what_was_computed_is_kept_and_the_rest_ends_with_the_same_bytes(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    use: str,
    units: int,
) -> None:
    if units > 1:
        monkeypatch.setattr(job_units, "MIN_TOKENS", 400)
        monkeypatch.setattr(score_sequences, "PART_TOKENS", 150)
        monkeypatch.setattr(variant_scores, "PART_TOKENS", 600)
    with monkeypatch.context() as patch:
        calls = Calls(patch)
        assert main(command(inputs, use, tmp_path / "whole")) == 0
    whole = calls.count
    assert whole >= 6
    out = tmp_path / "stopped"
    for last in (1, whole // 2, whole - 1):
        with monkeypatch.context() as patch:
            Calls(patch, last)
            assert main(command(inputs, use, out)) == 130
        if last == 1:
            assert not any(out.glob("*"))  # nothing was computed, and nothing is left
            continue
        assert [path.name for path in out.iterdir()] == [f"{OUTPUTS[use][0]}.ranks"]
        capsys.readouterr()
        for unit in out.glob("*.ranks/.unit-*"):  # as a machine leaves it that goes down
            for file, half in (
                (unit / _COMMITS, b"[1, "),
                *((own, b"x" * 7) for own in unit.iterdir()),
            ):
                with file.open("ab") as stream:
                    stream.write(half)
        with monkeypatch.context() as patch:
            calls = Calls(patch)
            assert main(command(inputs, use, out)) == 0
        assert 0 < calls.count < whole
        assert " are kept from the run that was stopped" in capsys.readouterr().err
        assert sorted(path.name for path in out.iterdir()) == sorted(OUTPUTS[use])
        assert contents(out) == contents(tmp_path / "whole")
        for path in out.iterdir():
            path.unlink()


def test_what_was_killed_while_it_parted_leaves_nothing(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.tmp").touch()
    mine = temporary_name(tmp_path / "s.tsv.ranks").name
    (tmp_path / mine.replace(f"-{os.getpid()}.", "-4194305.")).mkdir()  # of no process
    assert main(command(inputs, "sequences", tmp_path)) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.tmp", "s.json", "s.tsv"]


def test_a_stopped_run_of_other_options_is_not_gone_on_with(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        Calls(patch, 4)
        assert main(command(inputs, "vcf", tmp_path)) == 130
    other = [*command(inputs, "vcf", tmp_path), "--strands", "none"]
    assert main(other) == 2
    assert "strands was 'average', is 'none'" in capsys.readouterr().err
    assert main(command(inputs, "vcf", tmp_path)) == 0


def test_a_second_process_leaves_the_first_alone(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for last in (0, 4):  # before and after the first rows
        with monkeypatch.context() as patch:
            Calls(patch, 4)
            assert main(command(inputs, "vcf", tmp_path)) == 130
        if last == 0:
            (tmp_path / "s.vcf.ranks/.unit-00000" / _COMMITS).write_text("")
        first = hold(tmp_path / "s.vcf", Unit(0, 1, 1, 1, 1.0))
        try:
            assert main(command(inputs, "vcf", tmp_path)) == 2
            assert "is being computed by another process" in capsys.readouterr().err
        finally:
            first.kill()
            first.communicate()
        assert [path.name for path in tmp_path.iterdir()] == ["s.vcf.ranks"]
    assert main(command(inputs, "vcf", tmp_path)) == 0


def test_a_finished_output_is_made_anew(inputs: Path, tmp_path: Path) -> None:
    assert main(command(inputs, "vcf", tmp_path)) == 0
    whole = contents(tmp_path)
    (tmp_path / "s.vcf").write_text("")
    assert main(command(inputs, "vcf", tmp_path)) == 0
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("use", ["vcf", "table"])
def test_variants_are_read_once_and_their_form_is_asked_once(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    seen: Counter[str] = Counter()

    def counted(module: ModuleType, name: str) -> None:
        own = getattr(module, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            seen[name] += 1
            return own(*arguments, **options)

        monkeypatch.setattr(module, name, counting)

    counted(variants, "variant_form")
    counted(variant_source, "read_vcf")
    counted(variant_source, "table_variants")
    assert main(command(inputs, use, tmp_path)) == 0
    assert seen == {"variant_form": 1, {"vcf": "read_vcf", "table": "table_variants"}[use]: 1}
