"""What was found at the boundaries of a genome with genes, as lines for people."""

from __future__ import annotations

from hnet_seq.results.boundaries import BaseRate, Boundaries

_SECTIONS = ("codon_position", "regions", "features")


def gene_table(found: Boundaries) -> str:
    """Boundary rates by codon position, region and start and stop codon, beside their controls."""
    lines = [
        f"{found.boundaries:,} boundaries on {found.bases:,} bases: "
        f"{_number(found.rate).strip()} a base; to context: beside bases after the same letters",
        f"{'':34s}{'bases':>12s}{'rate':>8s}{'95% interval':>17s}{'to all':>8s}{'to context':>12s}",
    ]
    for section in _SECTIONS:
        lines += [_line(section, row) for row in getattr(found, section) if row.bases]
    return "\n".join(lines)


def _line(section: str, row: BaseRate) -> str:
    name = row.name or f"codon position {row.position}, {row.strand} strand"
    interval = "" if row.low is None else f"{row.low:.4f} to {row.high:.4f}"
    return (
        f"{name:34s}{row.bases:12,}{_number(row.rate)}{interval:>17s}"
        f"{_ratio(row, row.control, 8)}{_ratio(row, row.context_control, 12)}"
    )


def _number(value: float | None) -> str:
    return f"{'-':>8s}" if value is None else f"{value:8.4f}"


def _ratio(row: BaseRate, control: float | None, width: int) -> str:
    if not control or row.rate is None:
        return f"{'-':>{width}s}"
    return f"{row.rate / control:{width}.2f}"
