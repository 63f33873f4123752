"""Embeddings on the page: what was embedded, a map of it, and what the map may be nothing but."""

from __future__ import annotations

from collections import Counter

from hnet_seq.report import svg
from hnet_seq.report.html import Markup, Section, element, figure, join, number, table
from hnet_seq.report.wording import difference, duration
from hnet_seq.results.embedding import Embedding, Overview

_WIDTH, _HEIGHT = 600.0, 440.0
_LEFT, _TOP, _BOTTOM = 62.0, 30.0, 54.0
# Marks differ in shape as well as in colour.
_MARKS = (
    ("var(--mark-1)", "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0 -3 0Z"),
    ("var(--mark-2)", "M-2.8 -2.8H2.8V2.8H-2.8Z"),
    ("var(--mark-3)", "M0 -4L4 3H-4Z"),
    ("var(--mark-4)", "M0 -4L4 0L0 4L-4 0Z"),
    ("var(--mark-5)", "M-3.4 -1H-1V-3.4H1V-1H3.4V1H1V3.4H-1V1H-3.4Z"),
    ("var(--mark-6)", "M-3.6 -3H3.6L0 4Z"),
)
_OTHER = "other labels"
_STRONG = 0.7  # |r| from which a component is said to follow a property


def embedding_section(found: Embedding) -> Section:
    """The map, what its axes follow, the variance of each component, the norms; and the facts."""
    facts = table(("Detail", "Value"), _facts(found))
    if found.overview is None:
        return Section("embedding", "Embeddings", facts)
    shown = found.overview
    return Section(
        "embedding",
        "Embeddings",
        element("p", _verdict(shown)),
        figure(
            _scatter(shown),
            f"Each mark is one of {shown.sampled:,} sequences, evenly spaced over the input, at "
            "its first two principal components. Distances on the map are those of the vectors "
            "only as far as these two components go.",
            join([_variance_table(shown), _norm_table(shown)]),
            title="Map of sequences",
        ),
        _correlation_table(shown),
        facts,
    )


def _facts(found: Embedding) -> list[tuple[str, str]]:
    source, model, options = found.input, found.model, found.options
    chosen = [
        (key, f"{options[key]}")
        for key in ("level", "pooling", "layer", "stage", "strands")
        if options.get(key) is not None
    ]
    return [
        ("sequences", f"{source.sequences:,} ({source.bases:,} tokens) of {source.source}"),
        ("model", f"{model.checkpoint}, weights {model.sha256!s:.12}"),
        ("dimensions", f"{found.width:,}"),
        *chosen,
        ("time", duration(found.seconds)),
    ]


def _verdict(found: Overview) -> str:
    shares = found.variance_explained
    said = f"The first two principal components hold {100 * sum(shares[:2]):.0f}% of the variance"
    followed = [
        f"component {index + 1} follows {_PROPERTIES[key]} (r = {difference(r, 2)})"
        for index, row in enumerate(found.correlations)
        for key, r in vars(row).items()
        if r is not None and abs(r) >= _STRONG
    ]
    if followed:
        return f"{said}; {' and '.join(followed)}, which takes no model to see."
    return f"{said}; neither follows the share of G and C or the length closely."


_PROPERTIES = {"gc": "the share of G and C", "length": "the length"}


def _scatter(found: Overview) -> Markup:
    points, labels = found.points, _labels(found)
    groups = _groups(labels)
    names = [name for name in groups if name]
    right = _WIDTH - (max(map(svg.text_width, names)) + 34 if names else 12)
    bottom = _HEIGHT - _BOTTOM
    x = svg.Scale(*_range(points.x), _LEFT, right)
    y = svg.Scale(*_range(points.y), bottom, _TOP)
    place = {name: index for index, name in enumerate(groups)}
    marks = []
    for index, (a, b) in enumerate(zip(points.x, points.y, strict=True)):
        label = "" if labels is None else labels[index]
        group = place.get(label, place.get(_OTHER, 0))
        marks.append(_mark(x(a), y(b), group))
    legend = [
        part
        for index, name in enumerate(names)
        for part in (
            _mark(right + 16, _TOP + 20 * index + 8, index),
            svg.text(right + 26, _TOP + 20 * index + 12, name, class_="label"),
        )
    ]
    shares = [*found.variance_explained, 0.0, 0.0]
    by = f", by label: {', '.join(names)}" if names else ""
    return svg.drawing(
        _WIDTH,
        _HEIGHT,
        svg.y_axis(y, _LEFT, right, f"component 2 ({100 * shares[1]:.0f}% of the variance)"),
        *marks,
        svg.x_axis(x, bottom, f"component 1 ({100 * shares[0]:.0f}% of the variance)"),
        *legend,
        description=f"The first two principal components of {found.sampled:,} sequences{by}.",
    )


def _labels(found: Overview) -> list[str] | None:
    labels = found.points.labels
    return None if labels is None else [label or "no label" for label in labels]


def _groups(labels: list[str] | None) -> list[str]:
    """Labels with a mark of their own, the most frequent ones; the others share the last."""
    if labels is None:
        return [""]
    counts = Counter(labels)
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    if len(ordered) <= len(_MARKS):
        return ordered
    return [*ordered[: len(_MARKS) - 1], _OTHER]


def _mark(x: float, y: float, group: int) -> Markup:
    colour, shape = _MARKS[group]
    # The style sheet draws paths as lines: a mark is filled by its own style.
    return element(
        "path",
        d=shape,
        style=f"fill:{colour};fill-opacity:.6;stroke:{colour};stroke-width:.7",
        transform=f"translate({number(float(x))} {number(float(y))})",
    )


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _variance_table(found: Overview) -> Markup:
    rows = []
    total = 0.0
    for index, share in enumerate(found.variance_explained):
        total += share
        rows.append((f"{index + 1}", f"{100 * share:.1f}%", f"{100 * total:.1f}%"))
    head = ("Component", "Variance", "Together")
    return table(head, rows, caption="Variance by principal component", numeric=(1, 2))


def _norm_table(found: Overview) -> Markup:
    rows = [(f"{row.percentile:g}", f"{row.norm:.3g}") for row in found.norm_percentiles]
    return table(("Percentile", "Norm"), rows, caption="Norms of the vectors", numeric=(1,))


def _correlation_table(found: Overview) -> Markup:
    rows = [
        (f"component {index + 1}", difference(row.gc, 2), difference(row.length, 2))
        for index, row in enumerate(found.correlations)
    ]
    return table(
        ("", "Share of G and C", "Length"),
        rows,
        caption="Correlation (Pearson's r) with what takes no model; a dash does not vary",
        numeric=(1, 2),
    )
