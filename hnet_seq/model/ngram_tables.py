"""N-grams as a configuration says them."""

from __future__ import annotations

from dataclasses import dataclass, field

#: What is no symbol, between the sequences of a text that is counted.
GAP = 255
_CONTEXT_BITS = 62  # of an n-gram, as a number


@dataclass
class Ngrams:
    """Which n-grams a part of a model looks at; no orders, no such part.

    Attributes:
        orders: how many tokens each n-gram has, the current one included; distinct.
        symbols: the ids that make up nearly all n-grams are ``0 .. symbols - 1``; 0: all of the
            vocabulary.
    """

    orders: list[int] = field(default_factory=list)
    symbols: int = 0

    def validate(self, name: str, vocab_size: int) -> None:
        """Raise ValueError unless the values describe n-grams; ``name`` is their key."""
        if any(order < 1 for order in self.orders) or len(set(self.orders)) < len(self.orders):
            raise ValueError(
                f"{name}.orders: expected distinct numbers from 1; got {list(self.orders)}"
            )
        if not 0 <= self.symbols <= vocab_size:
            raise ValueError(
                f"{name}.symbols: expected 0 .. {vocab_size}, the vocabulary; got {self.symbols}"
            )


@dataclass
class NgramMemoryTables(Ngrams):
    """Tables of learned rows.

    Attributes:
        orders, symbols: see :class:`Ngrams`.
        rows: the most rows of a table. A table has one for each of ``symbols ** n`` n-grams where
            that is not more, and else n-grams share rows by a hash.
        width: of a row.
    """

    rows: int = 1 << 18
    width: int = 32

    def validate(self, name: str, vocab_size: int) -> None:
        """Raise ValueError unless the values describe tables; ``name`` is their key."""
        super().validate(name, vocab_size)
        for key, value in (("rows", self.rows), ("width", self.width)):
            if value < 1:
                raise ValueError(f"{name}.{key}: expected 1 or more; got {value}")


@dataclass
class NgramCountsConfig(Ngrams):
    """N-grams of the training data that are counted.

    Attributes:
        orders, symbols: see :class:`Ngrams`; only symbols are counted, and other ids end an n-gram.
        parts: how many texts are counted apart: 1, or one for each source of the data.
        tokens: of each of them. Pretraining sets it.
    """

    parts: int = 1
    tokens: list[int] = field(default_factory=list)

    def validate(self, name: str, vocab_size: int) -> None:
        """Raise ValueError unless the values describe n-grams; ``name`` is their key."""
        super().validate(name, vocab_size)
        symbols = self.symbols or min(vocab_size, GAP)
        if symbols > GAP:
            raise ValueError(f"{name}.symbols: expected at most {GAP}; got {symbols}")
        longest = longest_context(symbols)
        if max(self.orders, default=1) > longest:
            raise ValueError(
                f"{name}.orders: expected at most {longest} of {symbols} symbols; "
                f"got {max(self.orders)}"
            )
        if self.parts < 1:
            raise ValueError(f"{name}.parts: expected 1 or more; got {self.parts}")
        if self.tokens and (len(self.tokens) != self.parts or min(self.tokens) < 0):
            raise ValueError(
                f"{name}.tokens: expected {self.parts} numbers from 0, one for each part; "
                f"got {list(self.tokens)}"
            )


def symbol_bits(symbols: int) -> int:
    """Bits of a symbol, or none, in a context."""
    return symbols.bit_length()


def longest_context(symbols: int) -> int:
    """The most symbols of a context."""
    return _CONTEXT_BITS // symbol_bits(symbols)
