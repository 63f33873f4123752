"""Parts of a genome that are kept, or told apart, by BED, GFF or GTF intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pipelines.formats.intervals import Interval, Intervals, complement
from pipelines.shards.split import Region

INSIDE, OUTSIDE = "inside", "outside"


def keep_intervals(
    plan: Mapping[str, Sequence[Region]], intervals: Intervals
) -> dict[str, list[Region]]:
    """The parts of a plan's regions that lie in intervals."""
    return {
        record: _intersection(regions, intervals.get(record, []))
        for record, regions in plan.items()
    }


def label_intervals(
    plan: Mapping[str, Sequence[Region]], intervals: Intervals, lengths: Mapping[str, int]
) -> dict[str, list[Region]]:
    """All of a plan, cut at the intervals' edges and labelled ``inside`` or ``outside``.

    The labels are what a mixture can weigh: genes more often than what lies between them.
    """
    between = complement(intervals, lengths)
    labelled = {}
    for record, regions in plan.items():
        inside = _intersection(regions, intervals.get(record, []))
        outside = _intersection(regions, between.get(record, []))
        parts = [replace(region, label=INSIDE) for region in inside]
        parts += [replace(region, label=OUTSIDE) for region in outside]
        labelled[record] = sorted(parts, key=lambda region: region.start)
    return labelled


def _intersection(regions: Iterable[Region], intervals: Sequence[Interval]) -> list[Region]:
    """Both in order and without overlaps, so one pass over both is enough."""
    parts, first = [], 0
    for region in sorted(regions, key=lambda region: region.start):
        while first < len(intervals) and intervals[first].end <= region.start:
            first += 1
        for interval in intervals[first:]:
            if interval.start >= region.end:
                break
            start, end = max(region.start, interval.start), min(region.end, interval.end)
            parts.append(replace(region, start=start, end=end))
    return parts
