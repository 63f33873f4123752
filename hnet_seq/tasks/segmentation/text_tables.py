"""What was found at the boundaries of text, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from hnet_seq.analysis.text_examples import MARK, Example
from hnet_seq.results.boundaries import BYTE_SECTIONS, LabelBoundaries, TextBoundaries


def tables(found: TextBoundaries) -> Iterator[str]:
    """Lines of text about each label, and about all where there are several."""
    labels = found.labels
    for label in labels:
        yield _table(label.label or ("all" if len(labels) == 1 else "(no label)"), label)
    if len(labels) > 1:
        yield _table("all", found.all)


def _table(name: str, found: LabelBoundaries) -> str:
    lines = [
        f"{name}: {found.documents:,} documents, {found.bytes:,} bytes, "
        f"{found.boundaries:,} boundaries, one in {_number(found.bytes_per_boundary, 6, 2)} "
        f"bytes; intervals over {found.units:,} {found.resampled}",
        f"{'':32s}{'boundaries':>10s}{'bytes':>9s}{'ratio':>8s}  95% interval",
    ]
    for section in BYTE_SECTIONS:
        for row in found.rows(section):
            interval = ""
            if row.ratio_low is not None:
                interval = f"  {row.ratio_low:.2f} to {row.ratio_high:.2f}"
            lines.append(
                f"  {row.class_:32s}{_number(row.share, 8, 3)}"
                f"{_number(row.expected, 9, 3)}{_number(row.ratio, 8, 2)}{interval}"
            )
    return "\n".join(lines)


def _number(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}s}" if value is None else f"{value:{width}.{digits}f}"


def shown(example: Example) -> str:
    label = f" ({example.label})" if example.label else ""
    place = f"bytes {example.start:,} to {example.end:,}"
    return f"{example.name}{label}, {place}, {MARK} before each chunk:\n{example.text}"
