"""The section about a model of text and code: at what kinds of bytes its chunks begin."""

from __future__ import annotations

from hnet_seq.report.bars import Rate, begins_at_zero, rate_chart
from hnet_seq.report.html import Markup, Section, caption, element, figure, join, table
from hnet_seq.report.run_data import RunData
from hnet_seq.report.units import BYTE
from hnet_seq.report.wording import command, limits, missing, rate, ratio
from hnet_seq.results.boundaries import BYTE_SECTIONS, ByteClass, LabelBoundaries, TextBoundaries

_MEASURE = "times as many boundaries as at random"
_HOW_TO_READ = (
    "In each figure the dot says how many times as many boundaries there are at such bytes as "
    "there would be if they were placed at random, with its 95% interval. Grey, at 1, is random. "
    "A kind of byte is notable where the interval leaves 1 out; without an interval it is too rare "
    "to tell."
)
_FIGURES = {
    "kinds": (
        "Kinds of bytes",
        "Every byte is of one kind; a word is a run of letters, digits and underscores, and its "
        "first byte is its start",
    ),
    "places": (
        "Places",
        "A byte may be at several places; a continuation byte is one inside a UTF-8 character, "
        "where no boundary should be if characters are kept whole",
    ),
    "multi_byte": (
        "Inside characters of several bytes",
        "Of the bytes of characters that take several, such as those of Chinese, the first and "
        "the later ones, beside boundaries placed at random on these bytes alone",
    ),
}


_TOO_FEW = "too few bytes or all alike"
_TITLE = "Where chunks begin in text"


def text_section(run: RunData) -> Section | None:
    """Figures over all documents, and a table by label; nothing for a model of DNA."""
    found = run.text_boundaries
    if found is None and (run.isotropic or run.unit is not BYTE):
        return None
    if found is None:
        out = str(run.path)
        shards = [word for folder in run.shards for word in ("--shards", folder)]
        again = command("hnet-seq", "segment", out, *shards, "--out", out)
        note = missing("text_boundaries.json is missing: no boundaries in text.", again)
        return Section("text", _TITLE, note)
    return Section(
        "text",
        _TITLE,
        element("p", _intro(found)),
        element("p", _HOW_TO_READ),
        *(_section_figure(found, section) for section in BYTE_SECTIONS),
        _by_label(found),
    )


def _intro(found: TextBoundaries) -> str:
    whole = found.all
    split = f", the {found.split} split" if found.split else ""
    per_chunk = f": one in {whole.bytes / whole.boundaries:.2f} bytes" if whole.boundaries else ""
    return (
        f"{whole.boundaries:,} boundaries of stage {found.stage} on {whole.bytes:,} bytes of "
        f"{whole.documents:,} documents ({', '.join(found.inputs)}{split}){per_chunk}. Intervals "
        f"are over {whole.units:,} {whole.resampled}, each left out once."
    )


def _section_figure(found: TextBoundaries, section: str) -> Markup:
    rows = [_as_rate(row) for row in found.all.rows(section)]
    if not any(row.rate is not None for row in rows):
        return join([])
    title, caption = _FIGURES[section]
    shown = [found.all] if len(found.labels) < 2 else [found.all, *found.labels]
    return figure(
        rate_chart(rows, BYTE, measure=_MEASURE, description=f"{title}: {_MEASURE}"),
        f"{caption}{'' if begins_at_zero(rows) else ' (the axis does not begin at 0)'}.",
        join([_numbers(label, label is found.all, section) for label in shown]),
        title=title,
    )


def _as_rate(row: ByteClass) -> Rate:
    control = 1.0 if row.ratio is not None else None
    return Rate(row.class_, row.ratio, row.ratio_low, row.ratio_high, control, None, row.bytes)


def _numbers(found: LabelBoundaries, everything: bool, section: str) -> Markup:
    head = ("", "Of boundaries", "95% interval", "At random", "Ratio", "95% interval", "Bytes")
    name = "all documents" if everything else _label_name(found)
    return table(
        head,
        [
            (
                row.class_,
                rate(row.share),
                limits((row.low, row.high), _TOO_FEW),
                rate(row.expected),
                ratio(row.ratio),
                limits((row.ratio_low, row.ratio_high), _TOO_FEW, ratio),
                f"{row.bytes:,}",
            )
            for row in found.rows(section)
        ],
        caption=f"{name}: {found.boundaries:,} boundaries, {found.bytes:,} bytes",
        numeric=range(1, len(head)),
    )


def _by_label(found: TextBoundaries) -> Markup:
    """The ratios side by side, where there are several labels."""
    if len(found.labels) < 2:
        return join([])
    columns = [found.all, *found.labels]
    rows = [
        (cells[0].class_, *(ratio(cell.ratio) for cell in cells))
        for section in BYTE_SECTIONS
        for cells in zip(*(label.rows(section) for label in columns), strict=True)
    ]
    rows.append(
        (
            "bytes per chunk",
            *(f"{x.bytes / x.boundaries:.2f}" if x.boundaries else ratio(None) for x in columns),
        )
    )
    head = ("", "All", *(_label_name(label) for label in found.labels))
    return join(
        [
            element("h3", "By label"),
            table(head, rows, numeric=range(1, len(head))),
            caption(
                f"How many {_MEASURE}, in the documents of each label; the last two kinds are "
                "counted among the bytes of characters of several bytes."
            ),
        ]
    )


def _label_name(found: LabelBoundaries) -> str:
    return found.label or "no label"
