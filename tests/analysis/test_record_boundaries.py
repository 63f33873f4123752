"""What the pieces of a record say comes together."""

from types import SimpleNamespace

import numpy as np
import pytest

from hnet_seq.analysis import record_boundaries
from hnet_seq.analysis.annotation import from_features
from hnet_seq.analysis.gene_region import describe_window, gene_richest_window
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.results.boundaries import Gene


def test_pieces_of_a_region_come_together():
    record = RecordBoundaries.empty("r", 4, np.zeros(9, np.uint8), num_stages=1)
    for start, end, cuts in ((4, 6, [1]), (6, 13, [0, 6])):
        depth = np.zeros(end - start, np.uint8)
        depth[cuts] = 1
        record.add(start, depth, np.arange(start, end, dtype=np.float32)[None])
    assert record.cuts(0).positions.tolist() == [5, 6, 12]
    assert record.cuts(0).probs.tolist() == [5, 6, 12]
    assert record.boundary_prob.tolist() == list(range(4, 13))


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("positions", "starts", "ends"),
    [([10, 14], [10, 14], [14, 20]), ([13], [10, 13], [13, 20]), ([], [10], [20])],
)
def test_chunks_tile_a_region_also_where_it_begins_inside_one(
    positions, starts, ends, size, monkeypatch
):
    monkeypatch.setattr(record_boundaries, "_SLICE", size)
    record = RecordBoundaries.empty("r", 10, np.zeros(10, np.uint8), num_stages=2)
    record.probs[0] = 0.25
    for position in positions:
        record.depth[position - 10] = 2
        record.probs[:, position - 10] = 0.9
    for stage, first in ((0, 0.25), (1, 0)):
        rows = [np.concatenate(column) for column in zip(*record.chunks(stage), strict=True)]
        assert (rows[0].tolist(), rows[1].tolist()) == (starts, ends)
        assert rows[2][0] == np.float32(0.9 if starts[0] in positions else first)
        assert np.flatnonzero(record.mask(stage)).tolist() == [p - 10 for p in positions]
        assert record.count(stage) == len(positions)


def test_an_empty_region_has_no_chunks():
    assert not list(RecordBoundaries.empty("r", 3, np.zeros(0, np.uint8), 1).chunks(0))


def test_the_picture_shows_the_window_with_most_whole_genes():
    def cds(start, end, strand, name):
        where = {"start": start, "end": end, "strand": strand, "phase": 0}
        return SimpleNamespace(type="CDS", attributes={"gene": name}, **where)

    isoforms = [cds(12_000 + k, 12_030, "+", f"isoform {k}") for k in range(9)]
    rows = [*isoforms, cds(100, 2900, "+", "long")]
    rows += [cds(5000 + 700 * k, 5600 + 700 * k, "+-"[k % 2], f"g{k}") for k in range(4)]
    coding = from_features(rows).coding
    score, start = gene_richest_window(coding, 0, 20_000)
    assert score[0] == 5  # four genes, and both strands
    assert start <= 5000
    tokens = np.zeros(3000, np.uint8)
    prob = np.full(3000, 0.123456, np.float32)
    picture = describe_window("r", start, tokens, prob, np.array([0, start, 9999]), coding)
    assert [gene.name for gene in picture.genes] == ["g0", "g1", "g2", "g3"]
    assert picture.boundaries == [start]
    assert {gene.strand for gene in picture.genes} == {"+", "-"}
    assert len(picture.bases or "") == len(picture.boundary_prob) == 3000


def test_a_record_shorter_than_the_picture_is_shown_whole():
    assert gene_richest_window(from_features([]).coding, 5, 100) == ((0, 0), 5)


def test_exons_that_isoforms_share_are_one_arrow():
    row = {"type": "CDS", "start": 10, "end": 40, "strand": "-", "phase": 0}
    rows = [SimpleNamespace(attributes={"gene": name}, **row) for name in ("a", "b")]
    prob = np.zeros(100, np.float32)
    coding = from_features(rows).coding
    picture = describe_window("r", 0, np.zeros(100, np.uint8), prob, np.array([0]), coding)
    assert picture.genes == [Gene(10, 40, "-", "a")]
