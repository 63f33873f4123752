"""What was found at the boundaries of a genome with genes, or of text, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from hnet_seq.analysis.text_examples import MARK, Example
from hnet_seq.results.boundaries import (
    BYTE_SECTIONS,
    BaseRate,
    Boundaries,
    LabelBoundaries,
    TextBoundaries,
)


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


_SECTIONS = ("codon_position", "regions", "features")


def gene_table(found: Boundaries) -> str:
    """Boundary rates by codon position, region and start and stop codon, beside their controls."""
    rate = _number(found.rate, 8, 4).strip()
    lines = [
        f"{found.boundaries:,} boundaries on {found.bases:,} bases: {rate} a base; to context: "
        "beside bases after the same letters",
        f"{'':34s}{'bases':>12s}{'rate':>8s}{'95% interval':>17s}{'to all':>8s}{'to context':>12s}",
    ]
    for section in _SECTIONS:
        lines += [_line(section, row) for row in getattr(found, section) if row.bases]
    return "\n".join(lines)


def _line(section: str, row: BaseRate) -> str:
    name = row.name or f"codon position {row.position}, {row.strand} strand"
    interval = "" if row.low is None else f"{row.low:.4f} to {row.high:.4f}"
    return (
        f"{name:34s}{row.bases:12,}{_number(row.rate, 8, 4)}{interval:>17s}"
        f"{_ratio(row, row.control, 8)}{_ratio(row, row.context_control, 12)}"
    )


def _ratio(row: BaseRate, control: float | None, width: int) -> str:
    return _number(row.rate / control if control and row.rate is not None else None, width, 2)
