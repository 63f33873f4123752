"""What a token of a run is: the only place of the report that tells bases from bytes."""

from __future__ import annotations

from dataclasses import dataclass

from hnet_seq.results.run import Run


@dataclass(frozen=True)
class Unit:
    """Words for a token, and what is predicted of it.

    Attributes:
        one, many: its name.
        uniform: bits of guessing at equal odds.
        symbols: what is guessed among.
        short_strings: what a Markov model counts.
        unseen: how to hold out data, where a run has none.
        mixed: the contexts of ``markov --mix``.
    """

    one: str
    many: str
    uniform: float
    symbols: str
    short_strings: str
    unseen: str
    mixed: str

    @property
    def guess(self) -> str:
        """The worst that a model should do, as a clause."""
        return f"guessing the {self.symbols} at equal odds takes {self.uniform:g}"


BASE = Unit(
    "base",
    "bases",
    2.0,
    "four bases",
    "short words",
    "hnet-seq shard GENOME.fna.gz --out SHARDS --validation last:0.1",
    "orders 1 to 24",
)
BYTE = Unit(
    "byte",
    "bytes",
    8.0,  # 254 values of UTF-8, begin and end
    "256 byte values",
    "short strings of bytes",
    "hnet-seq shard TEXT --modality text --out SHARDS --validation fraction:0.05",
    "orders 1 to 6 and words",
)
LETTER = Unit(
    "byte",
    "bytes",
    2.0,  # only A, C, G and T are predicted of DNA as bytes
    "four letters of DNA",
    "short words",
    "hnet-seq shard GENOME.fna.gz --modality dna_bytes --out SHARDS --validation last:0.1",
    "orders 1 to 6 and words",
)


def unit_of(provenance: Run | None) -> Unit:
    """The unit that ``run.json`` states; runs that are too old to say so are of DNA."""
    if provenance is None or provenance.facts.get("unit") != "byte":
        return BASE
    return LETTER if provenance.facts.get("modalities") == ["dna_bytes"] else BYTE
