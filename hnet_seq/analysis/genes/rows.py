"""What each row of an annotation says of itself and of the features that it belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from hnet_seq.analysis.genes.row_types import (
    CUT_OUT,
    PRECURSORS,
    is_processed,
    is_pseudogenic,
    is_transcript,
)

_NO = ("false", "0", "no", "f", "n")
_BIOTYPES = ("gene_biotype", "gene_type", "transcript_biotype", "transcript_type", "biotype")
SIGNS = {"+": 1, "-": -1}


class Feature(Protocol):
    """One annotated interval, 0-based and half-open, as ``pipelines.formats.annotation`` reads
    it."""

    @property
    def type(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def strand(self) -> str: ...
    @property
    def phase(self) -> int | None: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, eq=False)
class Row:
    """A feature with its place in the file's hierarchy.

    Attributes:
        key: rows of one key are parts of one feature.
        parents: keys of the features that it is part of.
        is_named: whether the file gives the key, so that other rows of the feature would have it.
        gene: key of its gene, where a row names that beside its parent, as GTF does.
    """

    feature: Feature
    index: int
    key: str
    parents: tuple[str, ...]
    is_named: bool = True
    gene: str = ""

    @property
    def type(self) -> str:
        return self.feature.type

    @property
    def start(self) -> int:
        return self.feature.start

    @property
    def end(self) -> int:
        return self.feature.end

    @property
    def sign(self) -> int:
        """+1, -1, or 0 without a strand."""
        return SIGNS.get(self.feature.strand, 0)

    @property
    def bases(self) -> int:
        return self.feature.end - self.feature.start

    def get(self, key: str) -> str:
        """An attribute; empty where there is none."""
        return self.feature.attributes.get(key, "")

    @property
    def part(self) -> int | None:
        """Which part of its feature it is, where it says so (``part=1/2`` or ``part=1``)."""
        number = self.get("part").partition("/")[0]
        return int(number) if number.isdecimal() else None

    @property
    def exception(self) -> str:
        """``trans-splicing``, ``ribosomal slippage``, ...; empty for most."""
        for name in ("trans_splicing", "ribosomal_slippage"):
            if name in self.feature.attributes and self.get(name).lower() not in _NO:
                return name.replace("trans_", "trans-").replace("_", " ")
        return self.get("exception").lower().replace("_", " ").replace("trans splic", "trans-splic")


class Rows:
    """The rows of one record, by key and by parent."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.of_key: dict[str, list[Row]] = defaultdict(list)
        self.children: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            self.of_key[row.key].append(row)
            for parent in row.parents:
                self.children[parent].append(row)
        self._pseudo: dict[str, bool] = {}

    def of_type(self, kind: str) -> list[Row]:
        """Rows of a type, in the file's order."""
        return [row for row in self.rows if row.type == kind]

    def above(self, parents: Iterable[str]) -> Iterator[Row]:
        """Rows of the features above, nearest first; each feature once, however it is linked."""
        waiting, seen = list(parents), set()
        while waiting:
            key = waiting.pop(0)
            if key in seen:
                continue
            seen.add(key)
            for row in self.of_key.get(key, ()):
                yield row
                waiting.extend(row.parents)

    def is_pseudo(self, row: Row, parent: str | None = None) -> bool:
        """Whether a row, or what it is part of, is a pseudogene.

        Args:
            parent: one of its parents, to ask for that one alone; else all of them must be.
        """
        if says_pseudo(row.feature) or self._derives_from_pseudo(row):
            return True
        if row.gene and self._key_is_pseudo(row.gene, frozenset()):
            return True
        parents = (parent,) if parent is not None else row.parents
        if not parents:
            return bool(row.get("locus_tag")) and row.get("locus_tag") in self._pseudo_tags
        return all(self._key_is_pseudo(key, frozenset()) for key in parents)

    def _derives_from_pseudo(self, row: Row) -> bool:
        name = row.get("Derives_from")
        return bool(name) and self._key_is_pseudo(name, frozenset())

    def _key_is_pseudo(self, key: str, below: frozenset[str]) -> bool:
        if key in below:  # a circle of parents
            return False
        if key not in self._pseudo:
            rows = self.of_key.get(key, ())
            parents = {parent for row in rows for parent in row.parents}
            self._pseudo[key] = any(says_pseudo(row.feature) for row in rows) or (
                bool(parents) and all(self._key_is_pseudo(p, below | {key}) for p in parents)
            )
        return self._pseudo[key]

    @cached_property
    def _pseudo_tags(self) -> frozenset[str]:
        tags = (row.get("locus_tag") for row in self.rows if says_pseudo(row.feature))
        return frozenset(filter(None, tags))

    def is_product(self, row: Row) -> bool:
        """Whether a transcript is cut out of another one (miRNA, rRNA of an operon)."""
        if is_processed(row.type):
            return True
        derived = tuple(filter(None, row.get("Derives_from").split(",")))
        if any(is_transcript(above.type) for above in self.above((*row.parents, *derived))):
            return True
        if row.type not in CUT_OUT and row.get("ncRNA_class") not in CUT_OUT:
            return False
        return any(
            sibling.type in PRECURSORS
            and sibling.sign == row.sign
            and sibling.start <= row.start
            and row.end <= sibling.end
            for parent in row.parents
            for sibling in self.children[parent]
        )


def says_pseudo(feature: Feature) -> bool:
    """Whether a row calls itself a pseudogene, or a part of one."""
    values = feature.attributes
    return (
        is_pseudogenic(feature.type)
        or any(values[k].lower() not in _NO for k in ("pseudo", "pseudogene") if k in values)
        or any("pseudogene" in values[k].lower() for k in _BIOTYPES if k in values)
    )


def gff_rows(features: Iterable[Feature]) -> list[Row]:
    """Rows of GFF3 or GenBank: rows of one ``ID`` are one feature."""
    return [
        Row(
            feature,
            index,
            feature.attributes.get("ID") or f"row {index}",
            tuple(filter(None, feature.attributes.get("Parent", "").split(","))),
            bool(feature.attributes.get("ID")),
        )
        for index, feature in enumerate(features)
    ]
