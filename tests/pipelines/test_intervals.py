"""Regions of a genome: every format gives the same intervals, and a wrong line is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modalities.errors import InputError, UsageError
from pipelines.formats.intervals import Interval, Intervals, clip, complement, read_intervals

ROOT = Path(__file__).parents[2]
ECOLI = ROOT / "examples/data/ecoli_536/prodigal.gff.gz"
CELEGANS = ROOT / "../shared/data/genomes/celegans_1pct/annotation.gff3.gz"
LENGTHS = {"chr1": 100, "chr2": 50}


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def gff(*rows: tuple[str, str, int, int, str]) -> str:
    return "".join(
        f"{record}\tx\t{kind}\t{start}\t{end}\t.\t+\t0\t{attributes}\n"
        for record, kind, start, end, attributes in rows
    )


BED = "chr1\t10\t20\ta\nchr2\t0\t5\tb\nchr1\t30\t40\n"
EXPECTED = {"chr1": [Interval(10, 20, "a"), Interval(30, 40)], "chr2": [Interval(0, 5, "b")]}


@pytest.mark.parametrize(
    "text",
    [
        BED,
        BED.replace("\n", "\r\n"),
        BED.removesuffix("\n"),
        BED.replace("\t", "  "),
        f"browser position chr1:1-9\ntrack name=x description='a b c'\n#c\n\n{BED}",
        BED.replace("\ta\n", "\ta\t0\t+\t10\t20\t0\t2\t2,2\t0,8\n"),
        gff(
            ("chr1", "gene", 11, 20, "Name=a;ID=z"),
            ("chr2", "gene", 1, 5, "gene=b"),
            ("chr1", "gene", 31, 40, "."),
        ),
        "##gff-version 3\n"
        + gff(("chr1", "gene", 11, 20, "ID=a"), ("chr2", "CDS", 1, 5, "ID=b"))
        # A record named "region" spans its record and says nothing about it.
        + gff(("chr1", "gene", 31, 40, ""), ("chr1", "region", 1, 100, "ID=chr1")),
        "#!genome-build x\n"
        + gff(
            ("chr1", "gene", 11, 20, 'gene_id "i"; gene_name "a"; tag "x"; tag "y";'),
            ("chr2", "gene", 1, 5, 'gene_id "b"; level 2;'),
            ("chr1", "gene", 31, 40, ""),
        ),
    ],
)
def test_every_format_gives_the_same(tmp_path: Path, text: str) -> None:
    assert read_intervals(write(tmp_path / "a.txt", text), lengths=LENGTHS) == EXPECTED
    (tmp_path / "a.gz").write_bytes(gzip.compress(text.encode()))
    assert read_intervals(tmp_path / "a.gz") == EXPECTED


def test_only_the_features_asked_for_are_taken(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.gff",
        gff(("chr1", "gene", 1, 50, "ID=g"), ("chr1", "CDS", 5, 9, "ID=c"))
        + gff(("chr1", "region", 1, 100, "ID=r")),
    )
    assert read_intervals(path, ["CDS"]) == {"chr1": [Interval(4, 9, "c")]}
    assert read_intervals(path, ["region"]) == {"chr1": [Interval(0, 100, "r")]}
    assert read_intervals(path) == {"chr1": [Interval(0, 50, "g")]}
    with pytest.raises(InputError, match=r"no features of type exon; it has gene, CDS, region"):
        read_intervals(path, ["exon"])


def test_what_overlaps_or_touches_is_one_with_the_first_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bed", "c 30 40 d\nc 5 10 b\nc 0 6 a\nc 10 12 c\nc 32 34 e\n")
    assert read_intervals(path) == {"c": [Interval(0, 12, "a"), Interval(30, 40, "d")]}


def test_flanks_are_added_before_merging_and_clipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bed", "chr1 3 10 a\nchr1 20 30 b\nchr1 90 95 c\n")
    assert read_intervals(path, flank=5) == {"chr1": [Interval(0, 35, "a"), Interval(85, 100, "c")]}
    found = read_intervals(path, flank=7, lengths=LENGTHS)
    assert found == {"chr1": [Interval(0, 37, "a"), Interval(83, 100, "c")]}
    assert clip(read_intervals(path, flank=7), LENGTHS) == found


WRONG = {
    "unknown record": ("chr1 0 5\nchr7 0 5\n", r"line 2: no record 'chr7' in the genome.*chr1"),
    "beyond the end": ("chr2 0 5\nchr2 4 51\n", r"line 2: the end, 51, lies beyond chr2, .* 50"),
    "no bases": ("chr1 5 5\n", r"line 1: the start and the end are both 5, so it has no bases"),
    "swapped": ("#c\nchr1 5 3\n", r"line 2: the end, 3, lies before the start, 5; swap them"),
    "no number": ("chr1\tx\t5\n", r"line 1: the start is 'x', expected a whole number"),
    "no number below": ("chr1 0 5\nchr1 1 1e2\n", r"line 2: the end is '1e2', expected a whole"),
    "negative": ("chr1 0 5\nchr1 -1 5\n", r"line 2: the start is '-1'"),
    "two columns": ("chr1 0 5\nchr1 1\n", r"line 2: 2 columns, expected record, start and end"),
    "one word": ("hello\n", r"line 1: found 'hello', expected BED"),
    "only a header": (
        "track name=x\n",
        r"whole file: no intervals; expected BED, GFF3, GTF or GenBank",
    ),
    "nothing": ("", r"whole file: no intervals"),
    "gff end": (gff(("chr2", "gene", 1, 51, ".")), r"line 1: the end, 51, lies beyond chr2"),
    "gff record": (gff(("ch1", "gene", 1, 5, ".")), r"line 1: no record 'ch1' .* as chr1"),
    "gff swapped": (gff(("chr1", "gene", 6, 5, ".")), r"line 1: the end, 5, lies before"),
    "gff landmark": (gff(("chr1", "region", 1, 9, ".")), r"only features that span whole records"),
    "gtf attribute": (
        gff(("chr1", "gene", 1, 5, 'a "b";'), ("chr1", "gene", 1, 5, 'a "b')),
        r"line 2: the attribute 'a \"b' is not key",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_line_is_named(tmp_path: Path, what: str) -> None:
    text, message = WRONG[what]
    path = write(tmp_path / "a.txt", text)
    with pytest.raises(InputError, match=message) as caught:
        read_intervals(path, lengths=LENGTHS)
    assert str(path) in str(caught.value)


def test_misuse_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bed", BED)
    with pytest.raises(UsageError, match="flank: is -1"):
        read_intervals(path, flank=-1)
    with pytest.raises(UsageError, match=r"features: .*a\.bed is BED, which has no types"):
        read_intervals(path, ["gene"])
    with pytest.raises(InputError, match="no record 'chr2' in the genome"):
        clip(read_intervals(path), {"chr1": 100})
    with pytest.raises(InputError, match="no record 'chr2' in the genome"):
        complement(read_intervals(path), {"chr1": 100})


lengths = st.dictionaries(st.sampled_from("abc"), st.integers(1, 30), min_size=1)
pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=5)


@given(lengths, st.data())
def test_inside_and_outside_are_every_base_once(sizes: dict[str, int], data: st.DataObject) -> None:
    intervals: Intervals = {
        name: [Interval(start, start + size) for start, size in data.draw(pairs)]
        for name in data.draw(st.sets(st.sampled_from(sorted(sizes))))
    }
    outside = complement(intervals, sizes)
    assert list(outside) == list(sizes)
    for name, size in sizes.items():
        inside = np.zeros(size, np.bool_)
        for interval in clip(intervals, sizes).get(name, []):
            assert 0 <= interval.start < interval.end <= size
            inside[interval.start : interval.end] = True
        covered = np.zeros(size, np.int64)
        for interval in outside[name]:
            assert interval.start < interval.end
            covered[interval.start : interval.end] += 1
        assert np.array_equal(covered, ~inside)
        starts = [interval.start for interval in outside[name]]
        assert starts == sorted(starts)


def test_real_annotations_read() -> None:
    name = "gi|110640213|ref|NC_008253.1|"
    genes = read_intervals(ECOLI, {"CDS"}, lengths={name: 4_938_920})[name]
    covered = sum(i.end - i.start for i in genes)
    assert 0.85 < covered / 4_938_920 < 0.9
    if not CELEGANS.is_file():
        pytest.skip("the shared genomes are not there")
    found = read_intervals(CELEGANS, {"exon", "intron"})
    assert read_intervals(CELEGANS, {"exon"}).keys() <= found.keys()
