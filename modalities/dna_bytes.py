"""DNA as upper-case ASCII letters among the bytes of text, for models that read DNA, text and code.

The vocabulary, and so the fingerprint, is that of text. A stored letter is A, C, G, T or N: U reads
as T, case is ignored, other ambiguity codes read as N or are refused, as in `modalities.dna`. There
is no soft mask: bit 7 of a byte is no place for it, as the markers 254 and 255 have it set.

Only A, C, G and T are predicted, as with the tokens of `modalities.dna`, so bits per base of the
two compare. The end marker is not: where a record ends, or was cut at a run of N, says how it was
assembled or sharded, nothing about the genome.
"""

from __future__ import annotations

import numpy as np

from modalities import dna, text
from modalities.base import Modality, Tokens
from modalities.dna import Iupac

_LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
UNKNOWN = ord("N")


def _build_complement() -> Tokens:
    table = np.arange(256, dtype=np.uint8)
    table[_LETTERS[:4]] = _LETTERS[3::-1]
    # Read from its end, a document begins with its end marker: it is the begin marker there.
    table[[text.BEGIN, text.END]] = text.END, text.BEGIN
    table.flags.writeable = False
    return table


#: (256,) A with T, C with G, and the markers with each other; every other byte is its own.
COMPLEMENT = _build_complement()


def from_dna(tokens: Tokens) -> Tokens:
    """Letters (L,) of tokens 0 to 4 (L,) of `modalities.dna`, without the soft mask."""
    return _LETTERS.take(tokens)


def encode(sequence: bytes | str, *, iupac: Iupac = "unknown") -> Tokens:
    """Tokens (L,) of a sequence of letters, without markers.

    Raises:
        InputError, UsageError: as `modalities.dna.encode`.
    """
    return from_dna(dna.encode(sequence, iupac=iupac))


def decode(tokens: Tokens) -> str:
    """Letters of tokens (L,): markers vanish, as those of text do."""
    return text.decode(tokens)


DNA_BYTES = Modality(
    "dna_bytes", text.VOCABULARY, tuple(sorted(b"ACGT")), encode, decode, COMPLEMENT
)
