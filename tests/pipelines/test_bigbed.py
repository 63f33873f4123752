"""bigBed is read as the BED that it was made of."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

from modalities.errors import InputError, UsageError
from pipelines.formats import bigbed
from pipelines.formats.bed import bed_rows
from pipelines.formats.bigbed import bigbed_lines
from pipelines.formats.intervals import annotation_format, read_intervals
from pipelines.formats.stranded_bed import read_bed_features

pybigtools = pytest.importorskip("pybigtools", reason="writes bigBed; not installed")
pytest.importorskip("pyBigWig", reason="reads bigBed; not installed")
LENGTHS = {"c1": 400, "c2": 90}
ROWS = [
    ("c1", 0, 10, "thrA\t960\t-"),
    ("c1", 5, 300, "heat shock protein\t0\t+"),
    ("c1", 120, 121, "thrA\t1\t."),
    ("c2", 89, 90, "end\t0\t-"),
]


@pytest.fixture
def big(tmp_path: Path) -> Path:
    pybigtools.open(f"{tmp_path}/t.bb", "w").write(LENGTHS, iter(ROWS))
    return (tmp_path / "t.bb").rename(tmp_path / "peaks")  # content decides, not the name


def as_bed(path: Path) -> Path:
    path.write_text("".join(f"{a}\t{b}\t{c}\t{rest}\n" for a, b, c, rest in ROWS))
    return path


@pytest.mark.parametrize("span", [7, 100, 10_000_000])
def test_rows_are_those_of_the_bed(
    big: Path, tmp_path: Path, span: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigbed, "_SPAN", span)
    bed = as_bed(tmp_path / "t.bed")
    assert list(bed_rows(big, LENGTHS, strands=True)) == list(bed_rows(bed, LENGTHS, strands=True))
    assert read_bed_features(big) == read_bed_features(bed)
    assert [own.strand for own in read_bed_features(big)] == ["-", "+", ".", "-"]
    assert annotation_format(big) == "BED"
    assert read_intervals(big) == read_intervals(bed)


def test_three_columns_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "t.bb"
    pybigtools.open(f"{path}", "w").write({"c": 9}, iter([("c", 1, 4, "")]))
    assert list(bigbed_lines(path)) == ["c\t1\t4"]


def test_what_is_no_readable_bigbed_is_told(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "t.bb.gz"
    packed.write_bytes(gzip.compress(big.read_bytes()))
    with pytest.raises(InputError, match="is compressed bigBed; unpack it"):
        list(bed_rows(packed))
    with pytest.raises(InputError, match="line 2: "):
        list(bed_rows(big, {"c1": 200, "c2": 90}))
    monkeypatch.setitem(sys.modules, "pyBigWig", None)
    with pytest.raises(UsageError, match=r"hnet-seq\[tracks\]"):
        list(bed_rows(big))
