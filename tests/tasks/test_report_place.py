"""`hnet-seq report --gene`, `--region`: what is drawn, from where, and what there is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.cli import main
from hnet_seq.report.gene_track import LETTERED
from hnet_seq.tasks.report import report
from modalities.errors import InputError, UsageError
from tests.report.pages import words
from tests.tasks.test_report import make_run
from tests.tasks.test_segment import annotation, genome, model, run, sequences

__all__ = ["annotation", "genome", "model", "sequences"]  # fixtures
NAME = "chr|1.1"


@pytest.fixture
def folder(model, genome, annotation, tmp_path: Path) -> Path:
    """A run with a stretch of 500 bases that has geneA whole, and a part of geneB."""
    made = make_run(tmp_path / "run", "1.95")
    model.save_pretrained(made / "checkpoints" / "step-00000005")
    run(
        made / "checkpoints" / "step-00000005",
        genome,
        *("--annotation", annotation, "--out", made, "--picture", f"{NAME}:1-500"),
    )
    return made


def drawn(page: Path) -> str:
    """The section of the stretch."""
    import xml.etree.ElementTree as ElementTree

    root = ElementTree.fromstring(page.read_text())
    return words(next(s for s in root.iter("section") if s.get("aria-labelledby") == "region"))


def genes(folder: Path) -> dict[str, tuple[int, int]]:
    content = json.loads((folder / "region.json").read_text())
    return {own["name"]: (own["start"], own["end"]) for own in content["genes"]}


def test_a_part_of_the_stretch_needs_no_other_file(folder: Path) -> None:
    whole = json.loads((folder / "region.json").read_text())
    found = drawn(report(folder, region=f"{NAME}:101-180"))
    assert f"{NAME}, 101 to 180, read row by row" in found
    cuts = [own for own in whole["boundaries"] if 100 <= own < 180]
    assert f"stronger for the {len(cuts):,} that do" in found
    plain = "".join(b for i, b in enumerate(whole["bases"]) if 100 <= i < 180 and i not in cuts)
    bold = "".join(whole["bases"][i] for i in cuts)
    assert plain in found
    assert bold in found
    assert f"{NAME}, 1 to 500" in drawn(report(folder, region=NAME))


def test_a_gene_in_the_stretch_has_bases_around_it(folder: Path) -> None:
    start, end = genes(folder)["geneA"]
    found = drawn(report(folder, gene="geneA"))
    assert f"{NAME}, {max(0, start - 150) + 1} to {min(500, end + 150)}, read" in found
    assert "geneA" in found


def test_the_model_cuts_what_is_not_there(folder: Path, genome: Path, annotation: Path) -> None:
    files: dict[str, Any] = {"genome": f"{genome}", "annotation": f"{annotation}"}
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    found = drawn(report(folder, gene="geneB", **files))
    assert f"{NAME}, 201 to 700, read" in found  # as segment --picture has it
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before
    # What both can draw is the same, to the last rounding of a probability.
    ours = drawn(report(folder, region=f"{NAME}:101-180", **files))
    assert ours == drawn(report(folder, region=f"{NAME}:101-180"))
    (folder / "region.json").unlink()
    alone = drawn(report(folder, region=f"{NAME}:101-180", genome=f"{genome}"))
    assert "101 to 180" in alone
    assert "geneA" not in alone


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"gene": "geneB"}, r"geneB is not whole in .*, chr.1.1:1-500 \(geneA, geneB\); give"),
        ({"gene": "geneZ"}, "give `genome` and `annotation`, and the model of the run cuts it"),
        ({"region": f"{NAME}:400-600"}, "^region: chr.1.1:400-600 is not whole"),
        ({"region": "chr2:1-5"}, "give `genome`, and the model"),
        ({"region": f"{NAME}:9-3"}, f"9-3 of {re.escape(NAME)} is no START-END: 1-based, and END"),
        ({"region": f"{NAME}:0-3"}, "region: 0-3 of .* is no START-END"),
    ],
)
def test_what_the_stretch_lacks_is_said_with_the_way_to_it(
    folder: Path, asked: dict[str, str], says: str
) -> None:
    with pytest.raises((UsageError, InputError), match=says):
        report(folder, **asked)
    assert not (folder / "report.html").exists()


def test_what_the_genome_lacks_is_an_error_too(
    folder: Path, genome: Path, annotation: Path
) -> None:
    files: dict[str, Any] = {"genome": f"{genome}", "annotation": f"{annotation}"}
    with pytest.raises(InputError, match=r"gene: no CDS is called 'geneC'"):
        report(folder, gene="geneC", **files)
    with pytest.raises(InputError, match="1-9000 is not within 1-700"):
        report(folder, region=f"{NAME}:1-9000", **files)


@pytest.mark.parametrize(
    ("words_", "says"),
    [
        (["--gene", "a", "--region", "b:1-2"], "--gene: goes without --region"),
        (["--genome", "{g}"], "--genome: goes with --gene or --region"),
        (["--region", "b:1-2", "--annotation", "{g}"], "--annotation: goes with --genome"),
        (["--gene", "b", "--genome", "{g}"], "--annotation: is missing"),
        (["--gene", "b", "--genome", "{g}", "--annotation", "no.gff"], "no.gff: no such file"),
        (["--region", "b:1-2", "--genome", "{g}", "--out", "{g}"], "--out: "),
    ],
)
def test_options_that_do_not_go_together(
    folder: Path, genome: Path, words_: list[str], says: str, capsys
) -> None:
    given = [word.replace("{g}", f"{genome}") for word in words_]
    before = genome.read_bytes()
    assert main(["report", f"{folder}", *given]) in (1, 2)
    assert says in capsys.readouterr().err
    assert genome.read_bytes() == before


def test_results_that_are_no_run_have_no_stretch(tmp_path: Path, capsys) -> None:
    (tmp_path / "s.json").write_text("{}")
    assert main(["report", f"{tmp_path}", "--region", "c:1-2"]) == 2
    assert "--region: is for runs" in capsys.readouterr().err


def test_a_long_stretch_has_no_letters(folder: Path) -> None:
    content = json.loads((folder / "region.json").read_text())
    bases = content["bases"] * (LETTERED // 500 + 1)
    probs = content["boundary_prob"] * (LETTERED // 500 + 1)
    content |= {"end": len(bases), "bases": bases, "boundary_prob": probs}
    (folder / "region.json").write_text(json.dumps(content))
    assert "Letters are" not in drawn(report(folder))
    assert "Letters are" in drawn(report(folder, region=f"{NAME}:1-{LETTERED}"))


@pytest.mark.parametrize(
    ("rows", "between", "says"),
    [
        ([(31, 91, "+"), (181, 241, "+")], "", "chr|1.1:32-91, chr|1.1:182-241"),
        ([(31, 91, "-"), (181, 241, "-")], "", "chr|1.1:32-91, chr|1.1:182-241"),
        ([(31, 91, "+"), (100, 160, "-")], "", "chr|1.1:32-91, chr|1.1:101-160"),
        ([(31, 91, "+"), (181, 241, "+")], "GTAG", ""),  # exons
        ([(31, 91, "-"), (181, 241, "-")], "CTAC", ""),
        ([(31, 92, "+"), (181, 241, "+")], "", ""),  # exons, of which no intron is known
        ([(31, 91, "+"), (92, 241, "+")], "", ""),  # a frameshift
        ([(31, 91, "+"), (61, 241, "+")], "", ""),  # isoforms
    ],
)
def test_copies_of_a_gene_are_several_places_and_exons_one(
    folder: Path, rows: list[tuple[int, int, str]], between: str, says: str
) -> None:
    content = json.loads((folder / "region.json").read_text())
    (_, first, _), (last, _, _) = rows
    bases = list("A" * len(content["bases"]))
    if between:
        bases[first : first + 2], bases[last - 2 : last] = between[:2], between[2:]
    genes = [{"start": a, "end": b, "strand": s, "name": "twice"} for a, b, s in rows]
    (folder / "region.json").write_text(
        json.dumps(content | {"bases": "".join(bases), "genes": genes})
    )
    if says:
        with pytest.raises(UsageError) as error:
            report(folder, gene="twice")
        assert f"{error.value}" == f"gene: twice lies at {says}; give one as `region`"
    else:
        assert f"{NAME}, 1 to 391, read" in drawn(report(folder, gene="twice"))
