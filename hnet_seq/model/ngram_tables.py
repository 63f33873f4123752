"""Tables of n-grams as a configuration says them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class NgramTables:
    """Tables of n-grams; no orders, no tables.

    Attributes:
        orders: how many tokens each table looks at, the current one included; distinct.
        rows: the most rows of a table. A table has one for each of ``symbols ** n`` n-grams where
            that is not more, and else n-grams share rows by a hash.
        symbols: the ids that make up nearly all n-grams are ``0 .. symbols - 1``; 0: all of the
            vocabulary. Counts are of these alone.
    """

    orders: list[int] = field(default_factory=list)
    rows: int = 1 << 18
    symbols: int = 0

    def validate(self, name: str, vocab_size: int) -> None:
        """Raise ValueError unless the values describe tables; ``name`` is their key."""
        if any(order < 1 for order in self.orders) or len(set(self.orders)) < len(self.orders):
            raise ValueError(
                f"{name}.orders: expected distinct numbers from 1; got {list(self.orders)}"
            )
        if self.rows < 1:
            raise ValueError(f"{name}.rows: expected 1 or more; got {self.rows}")
        if not 0 <= self.symbols <= vocab_size:
            raise ValueError(
                f"{name}.symbols: expected 0 .. {vocab_size}, the vocabulary; got {self.symbols}"
            )


@dataclass
class NgramMemoryTables(NgramTables):
    """Tables of learned rows.

    Attributes:
        orders, rows, symbols: see :class:`NgramTables`.
        width: of a row.
    """

    width: int = 32

    def validate(self, name: str, vocab_size: int) -> None:
        """Raise ValueError unless the values describe tables; ``name`` is their key."""
        super().validate(name, vocab_size)
        if self.width < 1:
            raise ValueError(f"{name}.width: expected 1 or more; got {self.width}")
