"""A bigWig is whole or not there, and other readers find every record in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.tasks.segmentation import bigwig
from hnet_seq.tasks.segmentation.bigwig import open_bigwig
from hnet_seq.tasks.segmentation.bigwig_check import check_bigwig
from modalities.errors import InputError
from tests.full_disk import entries, files_of_at_most

library = pytest.importorskip("pyBigWig")


def made_record(name: str, length: int, seed: int = 0) -> RecordBoundaries:
    rng = np.random.default_rng(seed)
    depth = (rng.random(length) < 0.4).astype(np.uint8)
    tokens = rng.integers(0, 4, length, dtype=np.uint8)
    return RecordBoundaries(name, 0, tokens, depth, rng.random((2, length), np.float32))


def write(path: Path, records: list[RecordBoundaries], stage: int = 0) -> None:
    with open_bigwig(path, {r.name: len(r.tokens) for r in records}, stage) as take:
        for record in records:
            take(record)


@pytest.mark.parametrize("count", [300, pytest.param(32_768, marks=pytest.mark.slow)])
def test_another_reader_finds_all_records_whose_names_are_not_sorted(tmp_path, count):
    reader = pytest.importorskip("pybigtools")
    numbers = np.random.default_rng(0).permutation(count).tolist()
    looked_at = {0, 1, 9, 10, count // 2, count - 1, *numbers[:200]}
    with open_bigwig(tmp_path / "p.bw", {f"contig{n}": 3 for n in numbers}, 0) as take:
        # Values for more would only take longer: pyBigWig looks a name up among all.
        for n in filter(looked_at.__contains__, numbers):
            take(made_record(f"contig{n}", 3, n))
    with reader.open(str(tmp_path / "p.bw")) as file:
        assert list(file.chroms()) == sorted(f"contig{n}" for n in numbers)
        for n in looked_at:
            found = file.values(f"contig{n}", 0, 3, fillna=None)
            assert np.array_equal(found, made_record(f"contig{n}", 3, n).probs[0])


@pytest.mark.parametrize("stage", [0, 1])
def test_records_come_back_whatever_the_order_of_their_names(tmp_path, stage):
    reader = pytest.importorskip("pybigtools")
    records = [
        made_record(name, 500, seed) for seed, name in enumerate(["chr2", "chr10", "a", "é"])
    ]
    write(tmp_path / "p.bw", records, stage)
    with reader.open(str(tmp_path / "p.bw")) as file:
        for record in records:
            found = np.array(file.values(record.name, 0, 500, fillna=np.nan))
            looked_at = record.depth >= stage
            assert np.array_equal(found[looked_at], record.probs[stage, looked_at])
            assert np.isnan(found[~looked_at]).all()
    assert entries(tmp_path) == ["p.bw"]


def test_on_a_full_disk_there_is_no_bigwig_and_its_name_is_told(tmp_path):
    records = [made_record("chr1", 2_000)]
    whole = tmp_path / "whole.bw"
    write(whole, records)
    size = whole.stat().st_size
    out = tmp_path / "out" / "p.bw"
    for limit in np.linspace(0, size - 1, 9).astype(int).tolist():
        with files_of_at_most(limit), pytest.raises(OSError, match="File too large") as caught:
            write(out, records)
        assert caught.value.filename == str(out)
        assert entries(tmp_path) == ["whole.bw"]
    write(out, records)
    assert out.read_bytes() == whole.read_bytes()


def test_a_bigwig_does_not_depend_on_how_much_is_given_at_once(tmp_path, monkeypatch):
    values = np.where(np.arange(100) % 3, 0.5, np.nan).astype(np.float32)
    for slices in (7, 1 << 18):
        monkeypatch.setattr(bigwig, "_SLICE", slices)
        bigwig.write_bigwig(f"{tmp_path}/p.bw", {"a": 100}, [("a", 0, values)], dense=False)
        with library.open(f"{tmp_path}/p.bw") as file:
            assert np.array_equal(file.values("a", 0, 100, numpy=True), values, equal_nan=True)


@pytest.mark.parametrize("dense", [True, False])
def test_what_is_not_read_back_as_it_was_written_is_no_bigwig(tmp_path, dense):
    path = tmp_path / "p.bw"
    values = np.random.default_rng(0).random(5_000, np.float32)
    if not dense:
        values[1::3] = np.nan
    bigwig.write_bigwig(f"{path}", {"a": 5_000}, [("a", 0, values)], dense=dense)
    other, whole = values.copy(), path.read_bytes()
    other[4_500] = 0.5
    cases = [(whole, [("a", 0, values[:-3])], 5_000), (whole, [("a", 0, other)], 5_000)]
    cases += [(whole, [("a", 0, values)], 5_001), (whole, [("a", 1, values)], 5_000)]
    for size in (0, 1, 64, 500, 5_000, len(whole) // 2, len(whole) - 1):
        cases += [(whole[:size], [("a", 0, values)], 5_000)]
        # A hole, as of a disk that was full for a while.
        cases += [(whole[:size] + bytes(999) + whole[size + 999 :], [("a", 0, values)], 5_000)]
    for content, parts, length in cases:
        path.write_bytes(content)
        with pytest.raises((OSError, ValueError)):
            check_bigwig(path, {"a": length}, parts)
    path.write_bytes(whole)
    check_bigwig(path, {"a": 5_000}, [("a", 0, values)])


def test_what_the_library_refuses_is_one_line_that_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"p\.bw: pyBigWig could not write it: ") as caught:
        write(tmp_path / "p.bw", [made_record("a", 5), made_record("a", 5)])
    assert "\n" not in str(caught.value)
    assert "out of order" in str(caught.value)  # what it says, not what came after it
    assert entries(tmp_path) == []


def without(values: np.ndarray, *places: int) -> np.ndarray:
    values[list(places)] = np.nan
    return values


@pytest.mark.parametrize(
    "values",
    [
        [without(np.arange(6, dtype="f4") + 1, 0)],  # a slice with a gap, and then one without
        [without(np.arange(9, dtype="f4") + 1, 5)],
        [np.arange(6, dtype="f4"), without(np.arange(6, dtype="f4"), 1, 4)],
        [without(np.arange(6, dtype="f4"), 0), np.arange(6, dtype="f4")],
        [without(np.arange(4, dtype="f4"), 0, 1, 2, 3), np.arange(6, dtype="f4")],
        [np.arange(9, dtype="f4"), np.arange(3, dtype="f4")],
    ],
)
def test_values_with_gaps_here_and_there_are_read_back(tmp_path, monkeypatch, values):
    monkeypatch.setattr(bigwig, "_SLICE", 4)
    lengths = {f"r{number}": len(own) for number, own in enumerate(values)}
    parts = [(name, 0, own) for name, own in zip(lengths, values, strict=True)]
    bigwig.write_bigwig(f"{tmp_path}/p.bw", lengths, parts, dense=None)
    with library.open(f"{tmp_path}/p.bw") as file:
        for name, _, own in parts:
            found = file.values(name, 0, len(own), numpy=True)
            assert np.array_equal(found, own, equal_nan=True)


def test_a_track_longer_than_a_slice_with_its_first_base_unknown(tmp_path):
    values = without(np.arange(bigwig._SLICE + 2, dtype="f4"), 0)
    with bigwig.open_track(tmp_path / "p.bw", {"a": len(values)}) as take:
        take("a", 0, values)
    with library.open(f"{tmp_path}/p.bw") as file:
        found = file.values("a", 0, len(values), numpy=True)
    assert np.array_equal(found, values, equal_nan=True)


def test_a_track_without_a_value_is_told(tmp_path):
    with (
        pytest.raises(InputError, match=r"p\.bw: no base has a value"),
        bigwig.open_track(tmp_path / "p.bw", {"a": 3}) as take,
    ):
        take("a", 0, np.full(3, np.nan, "f4"))
    assert entries(tmp_path) == []
