"""Numbers and commands as a reader sees them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from hnet_seq.report.html import Markup, element
from hnet_seq.report.units import Unit
from hnet_seq.results.zero_shot import Figure

DASH = "\u2013"


def bits(value: float) -> str:
    """Bits per token; the third decimal is about the sampling error of half a million bases."""
    return f"{value:.3f}"


def rate(value: float | None) -> str:
    """Boundaries per token, a share, or a probability."""
    return DASH if value is None else f"{value:.3f}"


score = rate
"""Accuracy, MCC, AUROC."""


def ratio(value: float | None) -> str:
    """How many times as much as at random."""
    return DASH if value is None else f"{value:.2f}"


def difference(value: float | None, digits: int = 3) -> str:
    """Signed, with a real minus sign."""
    return DASH if value is None else f"{value:+.{digits}f}".replace("-", "\u2212")


def limits(
    ends: Sequence[float | None] | None,
    why_not: str | None = None,
    shown: Callable[[float], str] = rate,
) -> str:
    """An interval; the reason where there is none."""
    known = [end for end in ends or () if end is not None]
    return " to ".join(map(shown, known)) if len(known) == 2 else why_not or DASH


def interval_of(figure: Figure) -> str:
    """Of a zero-shot test."""
    return limits((figure["low"], figure["high"]), figure.get("no_interval"))


def interval(low: float | None, high: float | None, unit: Unit) -> str:
    """Of boundaries."""
    return limits((low, high), f"too few {unit.many} or all alike")


def signed_interval(ends: Sequence[float] | None, why_not: str | None) -> str:
    """Of a difference."""
    return limits(ends, why_not, difference)


def times_read(value: float) -> str:
    """Passes over a source: two decimals, or two digits where it was hardly begun."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """Two units at most."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plain(value: Any) -> str:
    """A JSON value as a reader would write it."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value}"


def command(*words: str) -> str:
    """A command to copy into a shell."""
    return shlex.join(words)


def missing(what: str, remedy: str) -> Markup:
    """A note in place of a piece that the run folder does not hold."""
    return element(
        "p", f"{what} Make it with:", element("code", remedy, class_="command"), class_="missing"
    )
