"""The cases of scores: edits, rows that VCF allows, and a run that was killed."""

from __future__ import annotations

import csv
import importlib.util
import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from hnet_seq.cli import main
from hnet_seq.jobs.spool import Spool
from tests.cases.case import Case
from tests.forked import Forked

_BY_STRAND = ("llr", "llr_forward", "llr_reverse")


def _rows(path: Path, key: str = "id") -> dict[str, dict[str, str]]:
    with path.open() as file:
        return {row[key]: row for row in csv.DictReader(file, delimiter="\t")}


def _scored(case: Case, variants: str, genome: str, window: int = 256) -> dict[str, dict[str, str]]:
    out = case.out / f"{variants}.{window}.tsv"
    places = ("--genome", case[genome], "--window", f"{window}", "--out", out)
    case.right("score", case.model, case[variants], *places)
    return _rows(out)


def _small(case: Case) -> dict[str, dict[str, str]]:
    return _scored(case, "variants.vcf", "genome.fa", 64)


def indel_notation(case: Case) -> None:
    for window in (64, 256, 1024):
        rows = _scored(case, "variants.vcf", "genome.fa", window)
        for name in ("homopolymer", "unit", "insertion"):
            for column in _BY_STRAND:
                left, right = (float(rows[f"{name}_{side}"][column]) for side in ("left", "right"))
                assert left == pytest.approx(right, abs=1e-5), (name, window)


def indel_other_strand(case: Case) -> None:
    one = _scored(case, "variants.vcf", "genome.fa")
    two = _scored(case, "mirrored.vcf", "mirrored.fa")
    for name in ("snv", "insertion", "deletion"):
        for own, other in zip(_BY_STRAND, ("llr", "llr_reverse", "llr_forward"), strict=True):
            assert float(one[name][own]) == pytest.approx(float(two[name][other]), abs=1e-4)


def indel_inverse(case: Case) -> None:
    rows = _scored(case, "variants.vcf", "genome.fa")
    for name in ("snv", "insertion", "deletion"):
        undone = _scored(case, f"inverse_{name}.vcf", f"edited_{name}.fa")[name]
        for column in _BY_STRAND:
            assert float(undone[column]) == pytest.approx(-float(rows[name][column]), abs=1e-4)


def strands_average_n_at_one_end(case: Case) -> None:
    found = []
    for name in ("sequences.fa", "reversed.fa"):
        out = case.out / f"{name}.tsv"
        case.right("score", case.model, case[name], "--strands", "average", "--out", out)
        found.append(_rows(out, "name"))
    for name, one in found[0].items():
        two = found[1][name]
        assert one["scored"] == two["scored"]
        for column in ("log_likelihood", "bits_per_base", "composition_bits"):
            assert float(one[column] or "nan") == pytest.approx(
                float(two[column] or "nan"), abs=1e-4, nan_ok=True
            )


def iupac_ref_first_letter(case: Case) -> None:
    rows = _small(case)
    assert rows["code"]["skipped"] == "unknown_base"
    assert all(float(rows[name]["llr"]) for name in ("before", "after"))


def iupac_ref_itself(case: Case) -> None:
    rows = _small(case)
    assert rows["code"]["skipped"] == "unknown_base"
    assert float(rows["after"]["llr"])


def pos_zero(case: Case) -> None:
    rows = _small(case)
    assert (rows["tel5"]["skipped"], rows["tel3"]["skipped"]) == ("symbolic", "breakend")
    assert float(rows["snv"]["llr"])


def alt_x_ref_star(case: Case) -> None:
    rows = _small(case)
    assert [rows[name]["skipped"] for name in ("x", "i", "star")] == [
        "symbolic",
        "symbolic",
        "no_reference",
    ]
    assert float(rows["snv"]["llr"])


def vcf_source_before_fileformat(case: Case) -> None:
    assert [bool(row["llr"]) for row in _small(case).values()] == [True]


def vcf_header_trailing_blank(case: Case) -> None:
    assert [bool(row["llr"]) for row in _small(case).values()] == [True]


def vcf_header_only(case: Case) -> None:
    out = case.out / "scores.tsv"
    places = ("--genome", case["genome.fa"], "--window", "64", "--out", out)
    answer = case.right("score", case.model, case["variants.vcf"], *places)
    assert out.read_text().startswith("chrom\tpos\t")
    assert len(out.read_text().splitlines()) == 1
    assert "0 alleles" in answer.err


def bcf_given(case: Case) -> None:
    out = case.out / "scores.tsv"
    given = ("score", case.model, case["variants.bcf"], "--genome", case["genome.fa"])
    places = ("--window", "64", "--out", out)
    with patch.dict(sys.modules, {"pysam": None}):
        answer = case.refused(*given, *places, naming="BCF")
    assert answer.code == 1
    assert "bcftools view" in answer.err
    if importlib.util.find_spec("pysam"):
        case.right(*given, *places)
        assert [bool(row["llr"]) for row in _rows(out, "pos").values()] == [True]


def killed_from(item: int, arguments: list[str]) -> int:
    """Run a command that is killed when so many of its items are kept."""
    commit = Spool.commit

    def killing(self: Spool, items: int) -> None:
        commit(self, items)
        if self.items >= item:
            os.kill(os.getpid(), signal.SIGKILL)

    with patch.object(Spool, "commit", killing):
        return main(arguments)


def score_killed(case: Case) -> None:
    # A sixth of the variants: what is computed twice is as much, and the others add only time.
    variants = case.out / "variants.vcf"
    variants.write_text("".join(case["variants.vcf"].read_text().splitlines(True)[:36]))
    window = ("--window", "1024")
    given: list[str | Path] = [case.model, variants, "--genome", case["genome.fa"], *window]
    whole, out = case.out / "whole.tsv", case.out / "killed" / "scores.tsv"
    case.right("score", *given, "--out", whole)
    begun = Forked(killed_from, 20, ["score", *map(str, given), "--out", f"{out}"], folder=case.out)
    assert begun.end().code == -signal.SIGKILL
    assert not out.exists()
    answer = case.right("score", *given, "--out", out)
    (said,) = [line for line in answer.err.splitlines() if "are kept from the run" in line]
    assert int(said.split()[0]) >= 20
    assert sorted(path.name for path in out.parent.iterdir()) == ["scores.json", "scores.tsv"]
    assert out.read_bytes() == whole.read_bytes()
