"""``text_boundaries.json``: at what kinds of bytes chunks begin, beside random boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import count_of, fields, optional_number, read_object
from modalities.errors import InputError

SECTIONS = ("kinds", "places", "multi_byte")


@dataclass(frozen=True)
class ByteClass:
    """Bytes of one kind.

    Attributes:
        share, low, high: of all boundaries, those at such bytes, and its 95% interval.
        expected: the share that boundaries at random would have there.
        ratio, ratio_low, ratio_high: share / expected, and its 95% interval.
    """

    name: str
    tokens: int
    boundaries: int
    share: float | None
    low: float | None
    high: float | None
    expected: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True)
class LabelBoundaries:
    """All kinds of bytes in the documents of one label; ``sections`` by the names above."""

    label: str
    documents: int
    tokens: int
    boundaries: int
    units: int
    resampled: str
    sections: dict[str, list[ByteClass]]


@dataclass(frozen=True)
class TextBoundaries:
    """The whole file; ``labels`` has one entry at least."""

    stage: int
    inputs: list[str]
    split: str | None
    everything: LabelBoundaries
    labels: list[LabelBoundaries]


def read_text_boundaries(path: Path) -> TextBoundaries:
    """Raises InputError when the file is not what ``hnet-seq segment --out`` writes."""
    top = "top level"
    content = read_object(path)
    fields(content, path, top, "inputs", "labels", kind=list)
    fields(content, path, top, "split", "all")
    split = content["split"]
    everything = _label(content["all"], "", path, "all")
    labels = []
    for i, row in enumerate(content["labels"]):
        where = f"labels[{i}]"
        labels.append(_label(row, fields(row, path, where, "label")["label"], path, where))
        if _names(labels[-1]) != _names(everything):
            raise InputError(path, "has other rows than 'all'; make the file again", where=where)
    return TextBoundaries(
        stage=count_of(content, "stage", path, top),
        inputs=[f"{name}" for name in content["inputs"]],
        split=None if split is None else f"{split}",
        everything=everything,
        labels=labels,
    )


def _names(label: LabelBoundaries) -> list[list[str]]:
    return [[row.name for row in label.sections[section]] for section in SECTIONS]


def _label(content: Any, label: Any, path: Path, where: str) -> LabelBoundaries:
    fields(content, path, where, *SECTIONS, kind=list)
    documents, size, boundaries, units = (
        count_of(content, key, path, where) for key in ("documents", "bytes", "boundaries", "units")
    )
    return LabelBoundaries(
        f"{label}",
        documents,
        size,
        boundaries,
        units,
        f"{fields(content, path, where, 'resampled')['resampled']}",
        {
            section: [
                _byte_class(row, path, f"{where}, {section}[{i}]")
                for i, row in enumerate(content[section])
            ]
            for section in SECTIONS
        },
    )


def _byte_class(row: Any, path: Path, where: str) -> ByteClass:
    name = f"{fields(row, path, where, 'class')['class']}"
    size, boundaries = (count_of(row, key, path, where) for key in ("bytes", "boundaries"))
    numbers = (
        optional_number(row, key, path, where)
        for key in ("share", "low", "high", "expected", "ratio", "ratio_low", "ratio_high")
    )
    return ByteClass(name, size, boundaries, *numbers)
