"""What is pasted into the page, as a source."""

from __future__ import annotations

import re

import numpy as np

from hnet_seq.tasks.exploring.sources import PASTED, DocumentSource, SequenceSource, Source
from hnet_seq.tasks.segmentation.genes import MOST
from modalities import dna
from modalities.errors import InputError


def pasted(letters: str, modality: str) -> Source:
    """What was pasted: text as it is; DNA bare, as FASTA, or as GenBank or its numbered lines.

    Raises:
        InputError: it is empty, too long, several sequences, or of other letters.
    """
    if modality != dna.DNA.name:
        try:
            data = letters.encode()
        except UnicodeEncodeError:
            raise InputError(None, "holds half a surrogate pair", where=PASTED) from None
        return DocumentSource(None, [(PASTED, np.frombuffer(_bounded(data), np.uint8))])
    name, lines = PASTED, letters.removeprefix("\ufeff").strip().splitlines()
    if lines and lines[0].startswith(">"):
        name = (lines.pop(0)[1:].split() or [PASTED])[0]
    begins = [number for number, line in enumerate(lines) if line.startswith("ORIGIN")]
    if len(begins) > 1 or any(line.startswith(">") for line in lines):
        raise InputError(None, "has several sequences; give one, or a FASTA file", where=PASTED)
    if begins:  # a whole record of GenBank
        if lines[0].startswith("LOCUS"):
            name = (lines[0].split()[1:] or [PASTED])[0]
        lines = lines[begins[0] + 1 :]
    if lines and lines[-1].strip() == "//":
        lines.pop()
    bare = re.sub(r"^\s*\d+\s|\s", "", "\n".join(lines), flags=re.MULTILINE)
    try:
        tokens = dna.encode(_bounded(bare.encode("latin-1", "replace")))
    except InputError as error:
        raise InputError(None, f"{error}".removeprefix(f"{PASTED}: "), where=PASTED) from None
    return SequenceSource(name, tokens)


def _bounded(data: bytes) -> bytes:
    if not data:
        raise InputError(None, "is empty; give a sequence", where=PASTED)
    if len(data) > MOST:
        said = f"has {len(data):,}; {MOST:,} are shown at most: put it into a file, and give that"
        raise InputError(None, said, where=PASTED)
    return data
