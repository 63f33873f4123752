"""What functions give back: rows that fill themselves, tables, and drawings."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.results.rows import Rows
from modalities.errors import UsageError


def rows(count: int, computed: list[int]) -> Rows[int]:
    def due() -> Iterator[int]:
        for number in range(count):
            computed.append(number)
            yield number

    return Rows(due(), ("n", "<half>"), lambda n: {"n": n, "<half>": n / 2}, "numbers")


def test_rows_are_computed_once_and_no_sooner_than_asked_for() -> None:
    computed: list[int] = []
    found = rows(50, computed)
    assert computed == []
    assert found[2] == 2
    assert computed == [0, 1, 2]
    assert list(found) == list(found) == list(range(50))
    assert (len(found), found[-1], found[3:5]) == (50, 49, [3, 4])
    assert computed == list(range(50))
    assert "50 numbers" in repr(found)


def test_two_loops_over_rows_do_not_disturb_each_other() -> None:
    found = rows(3, [])
    assert [(a, b) for a in found for b in found] == [(a, b) for a in range(3) for b in range(3)]


def test_a_notebook_shows_the_first_rows_alone() -> None:
    computed: list[int] = []
    html = rows(1000, computed)._repr_html_()
    assert len(computed) == 21
    assert html.count("<tr>") == 22
    assert "&hellip;" in html
    assert "&lt;half&gt;" in html
    assert "&hellip;" not in rows(20, [])._repr_html_()


def test_rows_become_a_table() -> None:
    table = rows(3, []).to_pandas()
    assert list(table.columns) == ["n", "<half>"]
    assert table["<half>"].tolist() == [0, 0.5, 1]
    assert rows(0, []).to_pandas().shape == (0, 2)


@pytest.fixture
def record() -> RecordBoundaries:
    depth = np.array([2, 0, 1, 0, 2, 0], np.uint8)
    probs = np.array([[1, 0.1, 0.9, 0.2, 0.8, 0.3], [1, 0, 0.4, 0, 0.7, 0]], np.float32)
    return RecordBoundaries("chr<1>", 100, np.zeros(6, np.uint8), depth, probs)


def test_chunks_of_a_stage_become_a_table(record: RecordBoundaries) -> None:
    outer, inner = record.to_pandas(), record.to_pandas(stage=1)
    assert outer[["start", "end"]].values.tolist() == [[100, 102], [102, 104], [104, 106]]
    assert inner[["start", "end", "length"]].values.tolist() == [[100, 104, 4], [104, 106, 2]]
    assert "chr&lt;1&gt;" in record._repr_html_()
    assert repr(record) == "RecordBoundaries('chr<1>', 100 to 106, boundaries of each stage: 3, 2)"
    with pytest.raises(UsageError, match="stage: is 2; there are 0 to 1"):
        record.to_pandas(stage=2)


def test_a_drawing_has_what_the_stage_looks_at(record: RecordBoundaries) -> None:
    mpl.use("Agg")
    try:
        line = record.plot().lines[0]
        np.testing.assert_array_equal(line.get_xdata(), np.arange(100, 106))
        np.testing.assert_array_equal(line.get_ydata(), record.probs[0])
        inner = record.plot(stage=1, start=101).lines[0]
        np.testing.assert_array_equal(inner.get_xdata(), [102, 104])
        with pytest.raises(UsageError, match="start, end: 106 to None is not in 100 to 106"):
            record.plot(start=106)
    finally:
        pyplot.close("all")
