"""``markov.json``: what counting short strings achieves, of bases or bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from hnet_seq.results.record import Result
from pipelines.storage.json_records import Later

LOW_ORDER = 3
"""Up to it the contexts are so short that a few megabytes fill their tables."""


@dataclass(frozen=True, kw_only=True)
class OrderBits:
    """Bits per token of one order."""

    order: int
    bits_per_base: float | None = None
    bits_per_byte: float | None = None

    def __post_init__(self) -> None:
        if self.bits_per_base is None and self.bits_per_byte is None:
            raise ValueError("no 'bits_per_base' or 'bits_per_byte'")

    @property
    def bits(self) -> float:
        """Of either."""
        return self.bits_per_base or self.bits_per_byte or 0.0


@dataclass(frozen=True, kw_only=True)
class Orders:
    """All orders, on the same tokens."""

    orders: list[OrderBits]
    best_order: int

    def __post_init__(self) -> None:
        if self.best_order not in self.bits:
            raise ValueError(f"best_order {self.best_order} is not among the orders")

    @property
    def bits(self) -> dict[int, float]:
        """By order."""
        return {row.order: row.bits for row in self.orders}

    @property
    def best(self) -> float:
        """Bits of the best order."""
        return self.bits[self.best_order]

    @property
    def best_low_order(self) -> int:
        """The best of the orders up to ``LOW_ORDER``."""
        bits = self.bits
        return min([order for order in bits if order <= LOW_ORDER] or bits, key=bits.__getitem__)


@dataclass(frozen=True, kw_only=True)
class LabelOrders(Orders):
    """The documents with one label; ``mixing`` has the bits of context mixing."""

    label: str
    scored_bytes: Later[int]
    mixing: float | None = None


@dataclass(frozen=True, kw_only=True)
class FolderOrders(Orders):
    """The shards of one folder."""

    folder: str
    scored_bytes: Later[int]
    labels: list[LabelOrders]


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """Bits per token of context mixing, in one of two fields."""

    bits_per_base: float | None = None
    bits_per_byte: float | None = None
    orders: Later[list[int]]
    train_bases: int | None = None
    scored_bases: int | None = None


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Bits per token of a ``model``, and of it and context mixing together."""

    checkpoint: Later[str]
    model: Later[float]
    mixture: float


@dataclass(frozen=True, kw_only=True)
class Markov(Orders, Result):
    """The whole file.

    Attributes:
        smoothing: what is added to each count; of bytes the name of the back-off.
        unit: None is a base.
        folders: of bytes.
    """

    KIND: ClassVar[str] = "markov"
    unit: Literal["base", "byte"] | None = None
    both_strands: bool | None = None
    smoothing: float | str
    train_bases: int | None = None
    scored_bases: int | None = None
    train_bytes: int | None = None
    scored_bytes: int | None = None
    folders: list[FolderOrders] | None = None
    mixing: Mixing | None = None
    mixture: Mixture | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        many = f"{self.token}s"
        for name in (f"train_{many}", f"scored_{many}"):
            if getattr(self, name) is None:
                raise ValueError(f"no {name!r}")

    @property
    def token(self) -> str:
        """``base`` or ``byte``."""
        return self.unit or "base"

    @property
    def train_tokens(self) -> int:
        """Bases or bytes that were counted."""
        return self.train_bases or self.train_bytes or 0

    @property
    def scored_tokens(self) -> int:
        """Bases or bytes that bits are of."""
        return self.scored_bases or self.scored_bytes or 0

    @property
    def mixing_bits(self) -> float | None:
        """Bits per token of context mixing, where it was asked for."""
        found = self.mixing
        return None if found is None else found.bits_per_base or found.bits_per_byte

    def group(self, folder: str, label: str) -> Orders | None:
        """The scores of one label of a folder, which may be spelt in another way."""
        place = _place(folder)
        found = (x for own in self.folders or [] if _place(own.folder) == place for x in own.labels)
        return next((own for own in found if own.label == label), None)


def _place(folder: str) -> str:
    return folder.rstrip("/") if "://" in folder else str(Path(folder).resolve())
