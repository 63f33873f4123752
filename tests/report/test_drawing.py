"""Scales, ticks, distributions, arrows."""

from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnet_seq.report.bars import Rate, begins_at_zero, geometric_shares, shares
from hnet_seq.report.curves import Reference, Series, curve_chart, range_around
from hnet_seq.report.gene_track import ROW_BASES, gene_track
from hnet_seq.report.html import Markup, element, escape, number, table
from hnet_seq.report.svg import Scale, polyline, round_values, tick_labels
from hnet_seq.report.wording import bits, difference, duration
from hnet_seq.results.boundaries import Gene, Region


def test_a_scale_maps_its_ends_and_points_upwards_when_told_to() -> None:
    up = Scale(0, 10, 200, 100)
    assert (up(0), up(5), up(10)) == (200, 150, 100)


@given(
    low=st.floats(-1e6, 1e6, allow_nan=False),
    span=st.floats(1e-3, 1e6),
    wanted=st.integers(2, 10),
)
def test_ticks_are_round_inside_and_told_apart(low: float, span: float, wanted: int) -> None:
    ticks = round_values(low, low + span, wanted)
    assert 1 <= len(ticks) <= 2 * wanted + 2
    slack = 1e-6 * max(span, abs(low), 1)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1.9, 1.95, 2.0], ["1.90", "1.95", "2.00"]),
        ([0, 2e6, 4e6], ["0", "2M", "4M"]),
        ([0, 500_000, 1_000_000], ["0", "0.5M", "1.0M"]),
        ([0, 20_000], ["0", "20k"]),
        ([2, 4, 6], ["2", "4", "6"]),
        ([], []),
    ],
)
def test_tick_labels_have_the_decimals_of_their_step(values, labels) -> None:
    assert tick_labels(values) == labels


def test_a_line_breaks_where_there_is_no_value() -> None:
    drawn = polyline([(0, 0), (1, math.nan), (2, 2), (3, 3)], "curve")
    assert 'd="M0 0M2 2L3 3"' in drawn


@given(mean=st.floats(1, 40), longest=st.integers(1, 80))
def test_the_geometric_control_is_a_distribution(mean: float, longest: int) -> None:
    law = geometric_shares(mean, longest)
    assert math.isclose(sum(law.values()), 1, abs_tol=1e-9)
    assert set(law) == set(range(1, longest + 1))


def test_the_geometric_control_has_the_mean_of_the_chunks() -> None:
    law = geometric_shares(3.0, 300)
    assert math.isclose(sum(k * share for k, share in law.items()), 3.0, rel_tol=1e-6)


def test_shares_sum_to_one() -> None:
    assert shares({1: 30, 2: 10}) == {1: 0.75, 2: 0.25}


def rate(value: float) -> Rate:
    return Rate("x", value, value, value, None, None, 10)


def test_an_axis_of_rates_close_together_leaves_zero_out() -> None:
    assert begins_at_zero([rate(0.1), rate(0.5)])
    assert not begins_at_zero([rate(0.45), rate(0.5)])


def test_a_range_is_cut_at_its_top_and_never_empty() -> None:
    low, high = range_around([3.0, 1.9], always=[2.0], top=2.01)
    assert low < 1.9
    assert 2.0 < high < 2.1
    low, high = range_around([5.0])
    assert low < 5 < high


def test_crowded_reference_labels_give_way_to_the_important_one() -> None:
    lines = [Reference(f"order {k}", 1.93 + k * 1e-5, "markov") for k in range(6)]
    lines.append(Reference("the best", 1.93, "markov best", priority=5))
    drawn = curve_chart(
        [Series("validation", [(0, 2.0), (10, 1.95)], "model")],
        lines,
        x_name="x",
        y_name="y",
        y_range=(1.9, 2.0),
        description="d",
    )
    labels = re.findall(r'class="label[^"]*">([^<]*)<', drawn)
    assert sorted(labels) == ["the best", "validation"]


def region(start: int, end: int, boundaries: list[int], genes: list[Gene]) -> Region:
    return Region(
        sequence="chr",
        start=start,
        end=end,
        bases=None,
        boundary_prob=[0.5] * (end - start),
        boundaries=boundaries,
        genes=genes,
    )


def drawn_genes(*genes: Gene, bases: int = 100) -> list[list[tuple[float, float]]]:
    drawn = gene_track(region(0, bases, [], list(genes)), description="d")
    return [
        [(float(x), float(y)) for x, y in (corner.split(",") for corner in points.split())]
        for points in re.findall(r'<polygon points="([^"]+)"', drawn)
    ]


def tips(corners: list[tuple[float, float]]) -> int:
    """Corners at half height: only an arrow head has one."""
    heights = sorted({y for _, y in corners})
    return sum(y == heights[1] for _, y in corners) if len(heights) == 3 else 0


def test_arrows_point_in_the_direction_of_transcription() -> None:
    forward, backward = drawn_genes(Gene(10, 40, "+", "a"), Gene(50, 90, "-", "b"))
    assert max(forward)[0] == max(x for x, y in forward if y not in {min(c[1] for c in forward)})
    assert tips(forward) == tips(backward) == 1
    middle = sorted({y for _, y in forward})[1]
    assert next(x for x, y in forward if y == middle) == max(x for x, _ in forward)
    middle = sorted({y for _, y in backward})[1]
    assert next(x for x, y in backward if y == middle) == min(x for x, _ in backward)


def test_a_gene_that_goes_on_beyond_the_picture_has_no_head() -> None:
    beyond, before = drawn_genes(Gene(60, 2000, "+", "a"), Gene(-500, 40, "-", "b"))
    assert tips(beyond) == tips(before) == 0


@pytest.mark.parametrize("bases", [1, 2, ROW_BASES, ROW_BASES + 1])
def test_a_stretch_may_have_any_length(bases: int) -> None:
    drawn = gene_track(region(41, 41 + bases, [41], []), description="d")
    assert drawn.count('class="prob chosen"') == math.ceil(bases / ROW_BASES)


@pytest.mark.parametrize("bases", [1, 40, 87, 412, ROW_BASES])
def test_positions_of_a_short_last_row_have_room(bases: int) -> None:
    drawn = gene_track(region(3582, 3582 + ROW_BASES + bases, [], []), description="d")
    label = r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="middle" class="tick">'
    rows: dict[str, list[float]] = {}
    for x, y in re.findall(label, drawn):
        rows.setdefault(y, []).append(float(x))
    assert len(rows) == 2
    for places in rows.values():
        gaps = [right - left for left, right in itertools.pairwise(places)]
        assert min(gaps, default=99) > 60


def test_overlapping_genes_are_drawn_below_each_other() -> None:
    first, second = drawn_genes(Gene(10, 50, "+", "a"), Gene(46, 90, "+", "b"))
    assert max(y for _, y in first) < min(y for _, y in second)


def test_markup_is_escaped_once() -> None:
    inner = element("b", "a<b")
    assert element("p", inner, title='"&') == '<p title="&quot;&amp;"><b>a&lt;b</b></p>'
    assert escape(Markup("<i/>")) == "<i/>"
    assert escape("a\x00b") == "a\ufffdb"


@pytest.mark.parametrize(
    ("value", "written"), [(1.0, "1"), (1.005, "1"), (2.5, "2.5"), (-0.001, "0"), (7, "7")]
)
def test_coordinates_are_short(value: float, written: str) -> None:
    assert number(value) == written


def test_numbers_are_worded_for_readers() -> None:
    assert bits(1.91649) == "1.916"
    assert difference(-0.0171) == "\u22120.017"
    assert difference(0.002) == "+0.002"
    assert [duration(s) for s in (9.4, 125, 7260)] == ["9 s", "2 min 5 s", "2 h 1 min"]


def test_a_table_is_named_by_its_heads_that_are_there() -> None:
    assert 'aria-label="Rate, Control"' in table(["", "Rate", "Control"], [["a", "1", "2"]])
