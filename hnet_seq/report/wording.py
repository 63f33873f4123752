"""Numbers and commands as a reader sees them."""

from __future__ import annotations

import shlex

from hnet_seq.report.html import Markup, element


def bits(value: float) -> str:
    """Bits per base; the third decimal is about the sampling error of half a million bases."""
    return f"{value:.3f}"


def rate(value: float | None) -> str:
    """Boundaries per base, or a probability."""
    return "\u2013" if value is None else f"{value:.3f}"


def interval(low: float | None, high: float | None) -> str:
    return "too few bases" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def score(value: float | None) -> str:
    """Accuracy, MCC, AUROC."""
    return "\u2013" if value is None else f"{value:.3f}"


def difference(value: float) -> str:
    """Signed, three decimals, with a real minus sign."""
    return f"{value:+.3f}".replace("-", "\u2212")


def duration(seconds: float) -> str:
    """Two units at most."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def command(*words: str) -> str:
    """A command to copy into a shell."""
    return shlex.join(words)


def missing(what: str, remedy: str) -> Markup:
    """A note in place of a piece that the run folder does not hold."""
    return element(
        "p", f"{what} Make it with:", element("code", remedy, class_="command"), class_="missing"
    )
