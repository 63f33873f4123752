"""What `hnet-seq explore` can look at, by which name, and what of it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.tasks.explore import _names, first_span
from hnet_seq.tasks.exploring.pasting import pasted
from hnet_seq.tasks.exploring.sources import DocumentSource, GenomeSource, SequenceSource
from modalities.errors import InputError, UsageError
from modalities.text import with_markers
from pipelines.formats.genome import Genome
from tests.tasks.explore_pages import explorer_of, of_dna, write_genome


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_genome(tmp_path_factory.mktemp("genome"))


@pytest.mark.parametrize(
    "wrong",
    ["", "   \n", "ACGT!", ">a\nAC\n>b\nGT\n", "A" * 12_001, "\u5c71", "//", "ORIGIN\nORIGIN\nA"],
)
def test_what_is_no_sequence_is_refused(wrong: str) -> None:
    with pytest.raises(InputError):
        pasted(wrong, "dna")


def test_of_a_long_document_no_more_is_copied_than_is_read(monkeypatch: Any) -> None:
    document = np.frombuffer(bytes(range(256)) * 4, np.uint8)
    whole = with_markers(document.tobytes())
    source = DocumentSource(None, [("d", document)])
    monkeypatch.setattr("hnet_seq.tasks.exploring.sources.WHOLE", 100)
    monkeypatch.setattr("hnet_seq.tasks.exploring.sources.LEFT_CONTEXT", 64)
    copied: list[int] = []

    def counted(data: bytes) -> Any:
        copied.append(len(data))
        return with_markers(data)

    monkeypatch.setattr("hnet_seq.tasks.exploring.sources.text.with_markers", counted)
    for start, end in ((0, 1), (0, 30), (62, 63), (63, 64), (64, 90), (900, 960), (1000, 1024)):
        for both_sides in (False, True):
            own = source.stretch(("d", start, end), "+", both_sides=both_sides)
            stop = min(end + 65, 1026) if both_sides else end + 1
            assert (own.start, own.origin, own.end) == (start + 1, max(start - 63, 0), end + 1)
            assert own.read().tolist() == whole[own.origin : stop].tolist()
    assert max(copied) <= 60 + 2 * 64


@pytest.mark.parametrize("names", [["x", "x (2)", "x"], ["x", "x", "x (2)"], ["x", "x", "x"]])
def test_documents_of_one_name_are_all_there(names: list[str]) -> None:
    named = [(name, np.full(size, 65, np.uint8)) for size, name in enumerate(names, 3)]
    assert sorted(DocumentSource(None, named).lengths.values()) == [3, 4, 5]


def test_places_are_found_by_name_region_and_gene(genome: Path) -> None:
    source = explorer_of(genome, of_dna()).file
    assert source.find("chr1") == ("chr1", 0, 12_000)
    assert source.find(" chr1:1,001-2,000 ") == ("chr1", 1000, 2000)
    assert source.find("abcB") == ("chr1", 12_250, 12_850)
    for wrong in ("chr2", "chr1:0-5", "chr1:5-2", "chr1:1-99999", "abcZ", "chr1:1-12001", "", ":"):
        with pytest.raises(InputError):
            source.find(wrong)
    arrows = source.arrows(("chr1", 12_200, 12_820))
    assert [(own.name, own.strand, own.type) for own in arrows] == [
        ("abcA", "+", "CDS"), ("abcB", "-", "CDS"), ("trnX", "+", "tRNA"),
    ]  # fmt: skip


def test_a_gene_is_shown_with_as_much_around_it_as_there_is_room_for(tmp_path: Path) -> None:
    path = write_genome(tmp_path)
    row = "chr1\tx\tCDS\t{}\t{}\t.\t+\t0\tID={name};Name={name}\n"
    genes = [row.format(501, 12_400, name="most"), row.format(501, 12_501, name="more")]
    (tmp_path / "genes.gff").write_text("".join(genes))
    source = explorer_of(path, of_dna()).file
    assert source.find("most") == ("chr1", 450, 12_450)
    with pytest.raises(UsageError, match="12,301 bases"):
        source.find("more")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["run"], ["run"]),
        (["genomes-tiny", "/home/ann/a/run"], ["genomes-tiny", "a/run"]),
        (["/home/ann/a/run", "/home/ann/b/run/"], ["a/run", "b/run"]),
        (["/home/ann/1/a/run", "/home/ann/2/a/run"], ["a/run", "a/run (2)"]),
        (["/model", "/"], ["model", "model (2)"]),
    ],
)
def test_models_are_named_by_no_more_than_two_parts_of_their_paths(
    given: list[str], names: list[str]
) -> None:
    assert _names(given) == names


def test_a_model_that_lies_here_has_the_name_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "run")
    assert _names([".", "../run", ".."]) == ["a/run", "a/run (2)", f"{tmp_path.name}/a"]


def test_the_first_region_has_known_bases(tmp_path: Path) -> None:
    (tmp_path / "n.fa").write_text(f">a\n{'N' * 5000}{'ACGT' * 10}\n")
    assert first_span(GenomeSource(Genome(tmp_path / "n.fa"))) == ("a", 5000, 5040)
    assert first_span(SequenceSource("s", np.zeros(7, np.uint8))) == ("s", 0, 7)
