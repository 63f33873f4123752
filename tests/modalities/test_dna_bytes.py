"""DNA in the byte vocabulary: the same letters, targets and other strand as the tokens of DNA."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modalities
from modalities import dna, dna_bytes, text
from modalities.errors import InputError, UsageError

letters_of_dna = st.text("ACGTUNRYSWKMBDHVacgtunryswkmbdhv")


@given(letters_of_dna)
def test_letters_are_those_that_dna_decodes_to(letters: str) -> None:
    tokens = dna_bytes.encode(letters)
    assert tokens.tobytes().decode() == dna.decode(dna.encode(letters))
    assert dna_bytes.decode(tokens) == tokens.tobytes().decode()
    assert np.array_equal(dna_bytes.from_dna(dna.encode(letters)), tokens)


def test_what_dna_refuses_is_refused_alike() -> None:
    with pytest.raises(InputError, match="position 2: '-' is a gap"):
        dna_bytes.encode("A-C")
    with pytest.raises(InputError, match="position 1: 'R' is an ambiguity code"):
        dna_bytes.encode("R", iupac="error")
    with pytest.raises(UsageError, match="'n', expected 'unknown' or 'error'"):
        dna_bytes.encode("A", iupac="n")  # type: ignore[arg-type]


@given(letters_of_dna)
def test_the_other_strand_is_that_of_the_tokens(letters: str) -> None:
    other = dna_bytes.COMPLEMENT[dna_bytes.encode(letters)[::-1]]
    assert np.array_equal(other, dna_bytes.from_dna(dna.reverse_complement(dna.encode(letters))))


def test_the_complement_turns_four_letters_and_the_markers() -> None:
    table = modalities.get("dna_bytes").complement()
    changed = {chr(byte): chr(table[byte]) for byte in range(256) if table[byte] != byte}
    assert changed == {**dict(zip("ACGT", "TGCA", strict=True)), "\xfe": "\xff", "\xff": "\xfe"}
    assert np.array_equal(table[table], np.arange(256))


def test_the_vocabulary_is_that_of_text_and_only_bases_are_predicted() -> None:
    modality = modalities.get("dna_bytes")
    assert modality.fingerprint == modalities.get("text").fingerprint
    assert bytes(modality.scored_tokens) == b"ACGT"


def test_a_stored_document_reads_as_its_letters() -> None:
    stored = text.with_markers(dna_bytes.encode("acgu").tobytes())
    assert stored.tolist() == [254, *b"ACGT", 255]
    assert dna_bytes.decode(stored) == "ACGT"
