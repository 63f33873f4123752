"""One alternative allele of a genome, as a row of VCF or of a table says it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from modalities.errors import InputError

MISSING_ALLELE = "."
LEAVE_OUT = "--on-mismatch skip leaves such rows out"
NO_POSITION = -1

_LETTERS = re.compile(r"[ACGTUNRYSWKMBDHV]+", re.IGNORECASE)
_DELETED_UPSTREAM = "*"
# VCF 4.3, section 1.6.1: a breakend, with its mate in brackets or with none.
_BREAKEND = re.compile(r"[^,\s]*[\[\]][^,\s]*|\.[ACGTN]+|[ACGTN]+\.", re.IGNORECASE)
# A symbol in angle brackets; and what came before these: the X of samtools mpileup, I and D with
# letters or lengths of VCF 3, names of structural variants without their brackets.
_SYMBOL = re.compile(
    r"<[^<>,\s]+>|[A-Z?]|I[ACGTN]+|D[0-9]+"
    r"|(DEL|INS|DUP|INV|CNV|BND|TRA|CTX|ITX)([:_/][^,\s]*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Variant:
    """One alternative allele of one row.

    Attributes:
        chrom: record of the genome.
        pos: 1-based position of the first letter of ``ref``; 0 and one past the end of the record
            are its telomeres. -1 where the row has no number.
        ref, alt: letters in upper case; or what stands there and says none, such as ``<DEL>``.
        name: the ID, ``.`` for none.
        line: of the file, 1-based (rows of Parquet count from 1); 0 where there is no file, or it
            was read by its index.
        path: of the file, for messages.
        fault: what is wrong with a row that is no variant; empty for a variant.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    name: str = MISSING_ALLELE
    line: int = 0
    path: Path | None = field(default=None, compare=False)
    fault: str = ""

    def refusal(self, remedy: str) -> InputError:
        """The error that a row with a fault is, where it is not to be kept."""
        return InputError(self.path, f"{self.fault} ({remedy})", where=self._line or self.where)

    @property
    def where(self) -> str:
        """For messages."""
        place = f"{self.chrom}:{self.pos}"
        return f"{self._line}, {place}" if self.line else place

    @property
    def _line(self) -> str:
        return f"line {self.line}" if self.line else ""

    def within(self, region: tuple[str, int, int]) -> bool:
        """Whether its reference allele has a base of a record's [start, end), 0-based."""
        record, start, end = region
        first = self.pos - 1
        return self.chrom == record and first < end and start < first + len(self.ref)


def without_letters(allele: str) -> str | None:
    """Why an allele says no letters, a key of ``variant_windows.REASONS``; None where it does."""
    if allele == MISSING_ALLELE:
        return "no_alternative"
    if allele == _DELETED_UPSTREAM:
        return "overlapping_deletion"
    if _LETTERS.fullmatch(allele):
        return None
    if _BREAKEND.fullmatch(allele):
        return "breakend"
    return "symbolic" if _SYMBOL.fullmatch(allele) else None


def row_variants(
    path: Path,
    line: int,
    cells: tuple[str, str, str, str, str],
) -> list[Variant]:
    """The variants of a row, one an alternative; what is none has its ``fault``.

    Args:
        cells: chromosome, position, reference allele, alternatives with commas between, name.
    """
    chrom, pos, ref, alts, name = cells
    number = int(pos) if pos.isdecimal() and pos.isascii() else NO_POSITION
    fault = _fault_of(chrom, number, pos, ref)
    if fault:
        return [fault_variant(path, line, fault, cells, number)]
    variants = []
    for alt in alts.split(","):
        allele = alt.strip()
        own = (chrom, pos, _upper(ref), _upper(allele), name)
        if not is_allele(allele):
            fault = f"alternative allele {allele!r} {_letters_wanted(allele)}"
            variants.append(fault_variant(path, line, fault, own, number))
        else:
            variants.append(Variant(chrom, number, own[2], own[3], name, line, path))
    return variants


def fault_variant(
    path: Path,
    line: int,
    fault: str,
    cells: tuple[str, str, str, str, str] = ("", "", "", "", MISSING_ALLELE),
    pos: int = NO_POSITION,
) -> Variant:
    """A row that is no variant."""
    chrom, _, ref, alt, name = cells
    return Variant(chrom, pos, ref, alt, name, line, path, fault)


def _fault_of(chrom: str, number: int, pos: str, ref: str) -> str:
    if not chrom:
        return "has no chromosome; name one, or remove the row"
    if number < 0:
        return f"position {pos!r} is no whole number of 0 or more (1-based; 0 is a telomere)"
    if not is_allele(ref):
        return f"reference allele {ref!r} {_letters_wanted(ref)}"
    return ""


def is_allele(text: str) -> bool:
    """Whether a text is letters of DNA, or one of the signs that stand for an allele without."""
    return _LETTERS.fullmatch(text) is not None or without_letters(text) is not None


def _upper(allele: str) -> str:
    letters = _LETTERS.fullmatch(allele)
    return allele.upper().replace("U", "T") if letters else allele


def _letters_wanted(allele: str) -> str:
    if allele in ("", "-"):
        return "is empty; write insertions and deletions as VCF does, with the base before them"
    return "is not of the letters A, C, G, T, N"
