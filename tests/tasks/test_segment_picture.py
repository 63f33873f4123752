"""`hnet-seq segment --picture`: the gene or stretch that is drawn, and what is not one stretch."""

import json
import re

import numpy as np
import pytest

from hnet_seq.tasks.segmentation.genes import find_picture, read_genes
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from tests.tasks.test_segment import annotation, genome, model, run, saved, sequences

__all__ = ["annotation", "genome", "model", "sequences"]  # fixtures


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("geneB", ("chr|1.1", 200, 700)),  # 150 bases around it, as far as there are
        ("chr|1.1:101-200", ("chr|1.1", 100, 200)),
        ("tiny", ("tiny", 0, 1)),
    ],
)
def test_a_picture_is_of_the_gene_or_stretch_that_is_asked_for(
    model, genome, annotation, tmp_path, asked, place
):
    out = tmp_path / "out"
    given = ("--annotation", annotation, "--out", out, "--picture", asked)
    run(saved(model, tmp_path), genome, *given)
    found = json.loads((out / "region.json").read_text())
    assert (found["sequence"], found["start"], found["end"]) == place
    assert len(found["boundary_prob"]) == place[2] - place[1]


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        (
            "geneC",
            InputError,
            r"genes\.gff: .* no CDS is called 'geneC', .* CDS are geneB",
        ),
        ("chr3", UsageError, r"chr3 is not within what is cut, `region` chr\|1.1:1-300"),
        ("chr|1.1:1-9000", InputError, "1-9000 is not within 1-700"),
        ("chr2:a:1-50", UsageError, "is not within what is cut"),
        ("geneB", UsageError, "is not within what is cut"),
    ],
)
def test_a_picture_of_what_is_not_cut_is_refused(
    model, genome, annotation, tmp_path, asked, error, says
):
    out = tmp_path / "out"
    given = ("--annotation", annotation, "--out", out, "--picture", asked)
    with pytest.raises(error, match=says):
        run(saved(model, tmp_path), genome, *given, "--region", "chr|1.1:1-300")
    assert not out.exists()


CIRCLE = 60_000
COPIES = [  # insB twice, isoforms of yadA, yfcA across the origin, a long one
    ("CDS", 1001, 1300, "a", "insB"),
    ("CDS", 5001, 5300, "b", "insB"),
    ("CDS", 9001, 9300, "c", "yadA"),
    ("CDS", 9201, 9500, "d", "yadA"),
    ("CDS", CIRCLE - 149, CIRCLE + 150, "e", "yfcA"),
    ("CDS", 20_001, 35_000, "f", "long"),
]


@pytest.fixture(scope="module")
def circle(tmp_path_factory):
    """A circular genome and its genes, read."""
    folder = tmp_path_factory.mktemp("circle")
    letters = np.random.default_rng(1).choice([*"ACGT"], CIRCLE)
    (folder / "g.fa").write_text(f">c\n{''.join(letters)}\n")
    rows = [("region", 1, CIRCLE, "r", "r;Is_circular=true"), *COPIES]
    (folder / "g.gff").write_text(
        "##gff-version 3\n"
        + "".join(
            f"c\tx\t{kind}\t{start}\t{end}\t.\t+\t0\tID={own};gene={name}\n"
            for kind, start, end, own, name in rows
        )
    )
    genome = Genome(folder / "g.fa")
    return read_genes(folder / "g.gff", genome), genome


def test_a_gene_at_one_place_is_drawn_with_its_isoforms(circle):
    genes, genome = circle
    assert find_picture("yadA", genes, genome, None) == ("c", 8850, 9650)
    assert find_picture("insB", genes, genome, "c:4001-6000") == ("c", 4850, 5450)  # one copy


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("insB", "insB lies at c:1001-1300, c:5001-5300; give one as NAME:START-END"),
        ("yfcA", f"yfcA lies at c:1-150, c:{CIRCLE - 149}-{CIRCLE}; give one as NAME:START-END"),
        ("long", "has 15,300 bases; 12,000 are drawn at most: give a part, such as c:19851-31850"),
    ],
)
def test_a_picture_that_is_not_one_stretch_says_what_to_ask_for(circle, asked, says):
    genes, genome = circle
    with pytest.raises(UsageError, match=re.escape(says)):
        find_picture(asked, genes, genome, None)
