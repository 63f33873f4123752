"""``markov.json``: what counting short strings achieves, of bases or bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import count_of, fields, number_of, read_object
from modalities.errors import InputError

LOW_ORDER = 3
"""Up to it the contexts are so short that a few megabytes fill their tables."""


@dataclass(frozen=True)
class MarkovBits:
    """Bits per token of each order, on the same tokens."""

    bits: dict[int, float]
    best_order: int

    @property
    def best(self) -> float:
        return self.bits[self.best_order]

    @property
    def best_low_order(self) -> int:
        """The best of the orders up to ``LOW_ORDER``."""
        low = [order for order in self.bits if order <= LOW_ORDER]
        return min(low or self.bits, key=self.bits.__getitem__)


@dataclass(frozen=True)
class Markov(MarkovBits):
    """The whole file.

    Attributes:
        unit: ``"base"`` or ``"byte"``.
        counted: how many tokens of training data were counted, and how.
        smoothing: what is done about strings that are rare.
        mixing: bits of context mixing, where it was asked for.
        mixture: bits of that and a model together, mixed by log-odds.
        groups: of bytes, by folder and label.
    """

    unit: str
    train_tokens: int
    scored_tokens: int
    counted: str
    smoothing: str
    mixing: float | None = None
    mixture: float | None = None
    groups: dict[tuple[str, str], MarkovBits] = field(default_factory=dict)

    def group(self, folder: str, label: str) -> MarkovBits | None:
        """The scores of one label of a folder, which may be spelt in another way."""
        place = _place(folder)
        return next(
            (
                bits
                for (other, name), bits in self.groups.items()
                if name == label and _place(other) == place
            ),
            None,
        )


def _place(folder: str) -> str:
    return folder.rstrip("/") if "://" in folder else str(Path(folder).resolve())


def read_markov(path: Path) -> Markov:
    """Raises InputError when the file is not what ``hnet-seq markov`` writes."""
    top = "top level"
    content = read_object(path)
    if content.get("unit") == "byte":
        return _of_bytes(content, path)
    found = _bits(content, "bits_per_base", path)
    fields(content, path, top, "both_strands")
    train, scored = (count_of(content, key, path, top) for key in ("train_bases", "scored_bases"))
    strands = "both strands" if content["both_strands"] else "one strand"
    return Markov(
        found.bits,
        found.best_order,
        unit="base",
        train_tokens=train,
        scored_tokens=scored,
        counted=f"counted on {strands}",
        smoothing=f"{number_of(content, 'smoothing', path, top):g} added to each count",
        mixing=_part(content, "mixing", "bits_per_base", path),
        mixture=_part(content, "mixture", "mixture", path),
    )


def _part(content: Mapping[str, Any], key: str, value: str, path: Path) -> float | None:
    if key not in content:
        return None
    part = fields(content, path, "top level", key, kind=dict)[key]
    return number_of(part, value, path, key)


def _of_bytes(content: Mapping[str, Any], path: Path) -> Markov:
    top = "top level"
    found = _bits(content, "bits_per_byte", path)
    groups = {}
    for i, folder in enumerate(fields(content, path, top, "folders", kind=list)["folders"]):
        where = f"folders[{i}]"
        name = fields(folder, path, where, "folder", kind=str)["folder"]
        for j, row in enumerate(fields(folder, path, where, "labels", kind=list)["labels"]):
            place = f"{where}, labels[{j}]"
            label = fields(row, path, place, "label", kind=str)["label"]
            groups[name, label] = _bits(row, "bits_per_byte", path, place)
    train, scored = (count_of(content, key, path, top) for key in ("train_bytes", "scored_bytes"))
    return Markov(
        found.bits,
        found.best_order,
        unit="byte",
        train_tokens=train,
        scored_tokens=scored,
        counted="counted",
        smoothing=f"{fields(content, path, top, 'smoothing')['smoothing']} back-off",
        groups=groups,
        mixing=_part(content, "mixing", "bits_per_byte", path),
        mixture=_part(content, "mixture", "mixture", path),
    )


def _bits(content: Any, key: str, path: Path, where: str = "") -> MarkovBits:
    top = where or "top level"
    rows = fields(content, path, top, "orders", kind=list)["orders"]
    inside = f"{where}, " if where else ""
    bits = {}
    for i, row in enumerate(rows):
        place = f"{inside}orders[{i}]"
        bits[count_of(row, "order", path, place)] = number_of(row, key, path, place)
    best = count_of(content, "best_order", path, top)
    if best not in bits:
        raise InputError(path, f"best_order {best} is not among the orders; make it again")
    return MarkovBits(bits, best)
