"""DNA as tokens: A 0, C 1, G 2, T 3, unknown (N) 4, begin 5, end 6, mask 7.

U reads as T, and case is ignored. The other IUPAC codes (R, Y, S, W, K, M, B, D, H, V) read as
unknown or are refused, by option; every other character is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from modalities.base import Modality, Tokens
from modalities.errors import InputError, UsageError

Iupac = Literal["unknown", "error"]

VOCABULARY = ("A", "C", "G", "T", "N", "<begin>", "<end>", "<mask>")
UNKNOWN, BEGIN, END, MASK = 4, 5, 6, 7
BASES = (0, 1, 2, 3)  # the only tokens that are ever predicted

# Besides its token, an annotated byte says what the letter was: see `encode_annotated`.
TOKEN_BITS = 0x07
IUPAC_BITS = 0x78  # of an ambiguity code: the bases that it stands for, A in the lowest bit
SOFT_MASK_BIT = 0x80
REFUSED = 0xFF

# What each code stands for (Cornish-Bowden 1985), in the order of the alphabet.
AMBIGUITY = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
}
_NOT_IUPAC = re.compile(rb"[^ACGTUNRYSWKMBDHVacgtunryswkmbdhv]")
_NOT_PLAIN = re.compile(rb"[^ACGTUNacgtun]")
# Amino acids whose letters are no nucleotide codes; a quarter of an average protein.
_PROTEIN_ONLY = re.compile(rb"[EFILPQefilpq]")
_PROTEIN_SHARE = 0.05
_PROTEIN_CONTEXT = 2000  # bytes looked at on each side of the refused one


def _iupac_bits(bases: str) -> int:
    return sum(0x08 << VOCABULARY.index(base) for base in bases)


def _build_table(*, ambiguous: bool) -> bytes:
    table = np.full(256, REFUSED, dtype=np.uint8)
    letters = [*zip("ACGTN", range(5), strict=True), ("U", 3)]
    if ambiguous:
        letters += [(code, UNKNOWN | _iupac_bits(bases)) for code, bases in AMBIGUITY.items()]
    for letter, token in letters:
        table[ord(letter)] = token
        table[ord(letter.lower())] = token | SOFT_MASK_BIT
    return table.tobytes()


_TABLES = {"unknown": _build_table(ambiguous=True), "error": _build_table(ambiguous=False)}
_LETTERS = b"ACGTN".ljust(256, b"?")


def _build_letters() -> bytes:
    table = bytearray(_LETTERS)
    for code, bases in AMBIGUITY.items():
        table[UNKNOWN | _iupac_bits(bases)] = ord(code)
    return bytes(table)


_ANNOTATED_LETTERS = _build_letters()


def _build_complement() -> Tokens:
    # Shards may keep the soft mask in bit 7: it stays with its base.
    table = np.arange(256, dtype=np.uint8)
    for mask in (0, SOFT_MASK_BIT):
        table[mask : mask + 4] = table[mask : mask + 4][::-1].copy()
    table.flags.writeable = False
    return table


COMPLEMENT = _build_complement()


class Refused(NamedTuple):
    """The first character that is not DNA: its 0-based offset, and what is wrong with it."""

    offset: int
    reason: str


@dataclass(frozen=True)
class SequenceCounts:
    """What a sequence is made of, in bases.

    Attributes:
        bases: all of them.
        unknown: N.
        iupac: other ambiguity codes, which read as unknown but are not counted there.
        soft_masked: lower case, of whatever kind.
        gc: G and C.
    """

    bases: int = 0
    unknown: int = 0
    iupac: int = 0
    soft_masked: int = 0
    gc: int = 0

    @property
    def gc_share(self) -> float:
        """Share of G and C among the known bases; 0 where there are none."""
        return self.gc / max(1, self.bases - self.unknown - self.iupac)

    def __add__(self, other: SequenceCounts) -> SequenceCounts:
        return SequenceCounts(
            self.bases + other.bases,
            self.unknown + other.unknown,
            self.iupac + other.iupac,
            self.soft_masked + other.soft_masked,
            self.gc + other.gc,
        )


def encode_annotated(letters: bytes, *, iupac: Iupac = "unknown", delete: bytes = b"") -> bytes:
    """Bytes (L,) of tokens with ``SOFT_MASK_BIT`` for lower case and ``IUPAC_BITS`` for codes.

    Characters in ``delete`` are left out. Whatever is not DNA becomes ``REFUSED``; which
    character that was, and why, is told by `first_refused`.
    """
    # The only pass over the letters: bytes.translate is the fastest table look-up there is here.
    return letters.translate(_TABLES[iupac], delete)


def first_refused(letters: bytes, *, iupac: Iupac = "unknown", delete: bytes = b"") -> Refused:
    """The first character that `encode_annotated` refuses, and a guess at what it is instead.

    Raises:
        ValueError: there is none.
    """
    pattern = _NOT_IUPAC if iupac == "unknown" else _NOT_PLAIN
    for match in pattern.finditer(letters):
        if match.group() not in delete:
            start = max(0, match.start() - _PROTEIN_CONTEXT)
            context = letters[start : match.start() + _PROTEIN_CONTEXT]
            return Refused(match.start(), _reason(match.group(), context))
    raise ValueError("all characters are DNA")


def _reason(found: bytes, context: bytes) -> str:
    code = found[0]
    if code in b" \t":
        return "a blank inside the sequence; remove spaces and tabs"
    if code < 32 or code > 126:
        return f"byte 0x{code:02x} is not text: this looks like a binary file, expected DNA letters"
    shown = repr(found.decode())
    if code in b"-.":
        return f"{shown} is a gap of an alignment; remove gaps, or write N for unknown bases"
    letters = sum(map(str.isalpha, context.decode("latin-1")))
    if len(_PROTEIN_ONLY.findall(context)) > _PROTEIN_SHARE * letters:
        return f"{shown} is not a nucleotide: this looks like protein, expected DNA"
    if not _NOT_IUPAC.match(found):
        return f"{shown} is an ambiguity code, which iupac='error' refuses; 'unknown' reads it as N"
    return f"{shown} is not a nucleotide; expected A, C, G, T, U, N or an IUPAC code"


def count(annotated: Tokens) -> SequenceCounts:
    """Counts of the output (L,) of `encode_annotated`."""
    # Passes of one comparison each run at memory speed; a histogram of bytes does not.
    tokens = annotated & TOKEN_BITS
    iupac = int(np.count_nonzero(annotated & IUPAC_BITS))
    return SequenceCounts(
        bases=annotated.size,
        unknown=int(np.count_nonzero(tokens == UNKNOWN)) - iupac,
        iupac=iupac,
        soft_masked=int(np.count_nonzero(annotated & SOFT_MASK_BIT)),
        gc=int(np.count_nonzero(tokens == 1) + np.count_nonzero(tokens == 2)),
    )


def check_iupac(iupac: str) -> None:
    """Raise UsageError for a policy that does not exist."""
    if iupac not in _TABLES:
        raise UsageError("iupac", f"is {iupac!r}, expected 'unknown' or 'error'")


def encode(sequence: bytes | str, *, iupac: Iupac = "unknown") -> Tokens:
    """Tokens (L,) of a sequence of letters.

    Args:
        iupac: what becomes of codes other than A, C, G, T, U, N: ``unknown`` or ``error``.

    Raises:
        InputError: a character that is not DNA, with its 1-based position.
        UsageError: an ``iupac`` that is neither.
    """
    check_iupac(iupac)
    letters = sequence.encode("utf-8", "surrogateescape") if isinstance(sequence, str) else sequence
    annotated = encode_annotated(letters, iupac=iupac)
    if REFUSED in annotated:
        refused = first_refused(letters, iupac=iupac)
        raise InputError(None, refused.reason, where=f"position {refused.offset + 1}")
    tokens: Tokens = np.bitwise_and(np.frombuffer(annotated, np.uint8), np.uint8(TOKEN_BITS))
    return tokens


def decode(tokens: Tokens) -> str:
    """Letters of tokens (L,): A, C, G, T and N; ``?`` for begin, end and mask."""
    return np.asarray(tokens, dtype=np.uint8).tobytes().translate(_LETTERS).decode()


def decode_annotated(annotated: Tokens) -> str:
    """Letters of the output (L,) of `encode_annotated` in upper case, ambiguity codes as such."""
    bare = np.asarray(annotated, np.uint8) & np.uint8(TOKEN_BITS | IUPAC_BITS)
    return bare.tobytes().translate(_ANNOTATED_LETTERS).decode()


def reverse_complement(tokens: Tokens) -> Tokens:
    """The other strand (L,), read in its own direction; unknown and markers stay what they are."""
    return COMPLEMENT.take(np.asarray(tokens, dtype=np.uint8)[::-1])


DNA = Modality("dna", VOCABULARY, BASES, encode, decode, COMPLEMENT)
