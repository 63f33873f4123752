"""`hnet-seq segment`: bigWig, tables of chunks, and a file for each stage."""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.commands.segment import add_arguments
from hnet_seq.tasks import segment as task
from hnet_seq.tasks.segment import segment
from hnet_seq.tasks.segmentation.files import chunk_columns
from modalities import dna
from modalities.errors import UsageError
from tests.tasks.test_segment import make_model, saved

LENGTHS = {"chr|1.1": 700, "chr2:a": 130, "tiny": 1}


@pytest.fixture(scope="module")
def model():
    return make_model(["m1", ["m1", ["m1"], "m1"], "m1"])


@pytest.fixture
def genome(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "genome.fa"
    letters = {name: "".join(rng.choice(list("ACGTN"), n)) for name, n in LENGTHS.items()}
    path.write_text("".join(f">{name}\n{s}\n" for name, s in letters.items()))
    return path


def run(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return task.main(parser.parse_args([*map(str, arguments), "--device", "cpu"]))


def test_a_bigwig_of_each_stage_holds_the_probabilities_that_its_router_gave(
    model, genome, tmp_path
):
    bigwig = pytest.importorskip("pyBigWig")
    run(saved(model, tmp_path), genome, "--bigwig", tmp_path / "stage{stage}.bw")
    records = {record.name: record for record in segment(model, genome)}
    for stage in (0, 1):
        file = bigwig.open(str(tmp_path / f"stage{stage}.bw"))
        assert file.chroms() == LENGTHS
        for name, record in records.items():
            values = np.array(file.values(name, 0, LENGTHS[name]))
            looked_at = record.depth >= stage
            np.testing.assert_allclose(values[looked_at], record.probs[stage, looked_at], atol=1e-5)
            assert np.isnan(values[~looked_at]).all()
        file.close()
    assert (~(records["chr|1.1"].depth >= 1)).any()


def test_a_bigwig_of_a_region_lies_at_its_place(model, genome, tmp_path):
    bigwig = pytest.importorskip("pyBigWig")
    out = tmp_path / "region.bw"
    run(saved(model, tmp_path), genome, "--bigwig", out, "--region", "chr|1.1:201-400")
    file = bigwig.open(str(out))
    assert [(start, end) for start, end, _ in file.intervals("chr|1.1")][:1] == [(200, 201)]
    assert not np.isnan(file.values("chr|1.1", 200, 400)).any()
    assert np.isnan(file.values("chr|1.1", 0, 200)).all()
    file.close()


def test_without_the_extra_a_bigwig_is_refused_before_the_work(
    model, genome, tmp_path, monkeypatch
):
    monkeypatch.setitem(__import__("sys").modules, "pyBigWig", None)
    with pytest.raises(UsageError, match="pip install pyBigWig"):
        run(saved(model, tmp_path), genome, "--bigwig", tmp_path / "out.bw")
    assert not (tmp_path / "out.bw").exists()


def test_a_bed_for_each_stage(model, genome, tmp_path):
    run(saved(model, tmp_path), genome, "--bed", tmp_path / "chunks.{stage}.bed")
    records = list(segment(model, genome))
    for stage in (0, 1):
        lines = (tmp_path / f"chunks.{stage}.bed").read_text().splitlines()
        assert len(lines) == sum(record.count(stage) for record in records)


@pytest.mark.parametrize("suffix", [".parquet", ".tsv", ".tsv.gz"])
def test_a_table_holds_the_chunks_of_all_stages(model, genome, tmp_path, suffix):
    out = tmp_path / f"chunks{suffix}"
    run(saved(model, tmp_path), genome, "--chunks", out)
    if suffix == ".parquet":
        rows = pq.read_table(out).to_pylist()
    else:
        opened = gzip.open if suffix.endswith("gz") else open
        with opened(out, "rt") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    records = {record.name: record for record in segment(model, genome)}
    by_stage = defaultdict(list)
    for row in rows:
        assert list(row) == ["record", "start", "end", "length", "stage", "probability", "gc"]
        start, end = int(row["start"]), int(row["end"])
        assert int(row["length"]) == end - start
        letters = dna.decode(records[row["record"]].tokens[start:end]).replace("N", "")
        if letters:
            share = sum(letter in "GC" for letter in letters) / len(letters)
            assert float(row["gc"]) == pytest.approx(share, abs=1e-4)
        else:
            assert row["gc"] in (None, "")
        by_stage[row["record"], int(row["stage"])].append(start)
    for name, record in records.items():
        for stage in (0, 1):
            assert by_stage[name, stage] == record.cuts(stage).positions.tolist()


def test_chunks_of_a_long_record_come_some_at_a_time_and_tile_it(monkeypatch):
    rng = np.random.default_rng(0)
    length = 1 << 19
    depth = (rng.random(length) < 0.2).astype(np.uint8)
    tokens = rng.integers(0, 4, length, dtype=np.uint8)
    record = RecordBoundaries("r", 100, tokens, depth, np.ones((1, length), np.float32))
    parts = list(chunk_columns(record))
    assert len(parts) > 2
    assert sum(part["length"].sum() for part in parts) == length
    shares = np.concatenate([part["gc"] * part["length"] for part in parts])
    assert shares.sum() == pytest.approx(np.isin(tokens, (1, 2)).sum())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--chunks", "chunks.csv"), r"\.parquet, \.tsv, \.tsv\.gz"),
        (("--chunks", "folder/chunks.tsv"), "folder is a file"),
        (("--bigwig", "folder/{stage}.bw"), "bigwig"),
    ],
)
def test_files_that_cannot_be_written_are_misuse(
    model, genome, tmp_path, monkeypatch, arguments, says
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").write_text("")
    with pytest.raises(UsageError, match=says):
        run(saved(model, tmp_path), genome, *arguments)


def test_of_several_ranks_another_stage_is_written_though_one_is_there(
    model, genome, tmp_path, monkeypatch
):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    bed = tmp_path / "out" / "p.bed"
    for stage in (0, 1):
        run(saved(model, tmp_path), genome, "--bed", bed, "--stage", stage)
        assert {line.split("\t")[3] for line in bed.read_text().splitlines()} == {f"stage{stage}"}
