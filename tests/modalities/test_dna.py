"""DNA tokens: every letter, the policy for ambiguity codes, the other strand, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modalities
from modalities import dna
from modalities.errors import InputError, UsageError

tokens_of_any_kind = st.lists(st.integers(0, 7)).map(lambda ids: np.array(ids, np.uint8))


def test_each_letter_has_its_documented_token() -> None:
    assert dna.encode("ACGTN").tolist() == [0, 1, 2, 3, 4]
    assert dna.encode(b"acgtn").tolist() == [0, 1, 2, 3, 4]
    assert dna.encode("UuTt").tolist() == [3, 3, 3, 3]
    assert dna.encode("").tolist() == []
    assert dna.encode("ACGT").dtype == np.uint8


@pytest.mark.parametrize("code", "RYSWKMBDHVryswkmbdhv")
def test_ambiguity_codes_are_unknown_or_refused_by_policy(code: str) -> None:
    assert dna.encode(f"A{code}C").tolist() == [0, 4, 1]
    with pytest.raises(InputError, match=f"position 2: '{code}' is an ambiguity code"):
        dna.encode(f"A{code}C", iupac="error")


@pytest.mark.parametrize("byte", sorted(set(range(256)) - set(b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv")))
def test_every_other_byte_is_refused_with_its_position(byte: int) -> None:
    with pytest.raises(InputError, match=r"^position 4: ") as refusal:
        dna.encode(b"ACG" + bytes([byte]) + b"T")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        ("MKVLAAGIVGLCAKAYLEQ", "looks like protein"),
        ("ACGT-ACGT", "gap of an alignment"),
        ("ACGT ACGT", "blank inside the sequence"),
        ("ACGT\x00\x01", "looks like a binary file"),
        ("ACGTé", "looks like a binary file"),
        ("ACGTXACGT", "'X' is not a nucleotide"),
        ("1 acgt", "'1' is not a nucleotide"),
        ("ACGT*", r"'\*' is not a nucleotide"),
    ],
)
def test_a_refusal_guesses_what_the_letters_are(sequence: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        dna.encode(sequence)


def test_a_policy_that_does_not_exist_is_misuse() -> None:
    with pytest.raises(UsageError, match="'n', expected 'unknown' or 'error'"):
        dna.encode("ACGT", iupac="n")  # type: ignore[arg-type]


@given(st.text("ACGTN"))
def test_decoding_gives_the_letters_back(letters: str) -> None:
    assert dna.decode(dna.encode(letters)) == letters


def test_decoding_shows_markers_as_question_marks() -> None:
    assert dna.decode(np.array([dna.BEGIN, 0, 4, dna.END, dna.MASK])) == "?AN??"


def test_reverse_complement_of_a_known_sequence() -> None:
    assert dna.decode(dna.reverse_complement(dna.encode("AACGTTTN"))) == "NAAACGTT"


@given(tokens_of_any_kind)
def test_reverse_complement_is_its_own_inverse_and_keeps_unknown_and_markers(
    tokens: np.ndarray,
) -> None:
    other = dna.reverse_complement(tokens)
    assert np.array_equal(dna.reverse_complement(other), tokens)
    assert np.array_equal(other[::-1][tokens > 3], tokens[tokens > 3])
    assert np.array_equal(other[::-1][tokens < 4], 3 - tokens[tokens < 4])


def test_the_complement_of_a_stored_byte_keeps_its_soft_mask() -> None:
    assert dna.COMPLEMENT[[0x80, 0x81, 0x82, 0x83, 0x84]].tolist() == [0x83, 0x82, 0x81, 0x80, 0x84]


@given(st.text("ACGTUNRYSWKMBDHVacgtunryswkmbdhv"))
def test_counts_equal_counting_letters(letters: str) -> None:
    annotated = np.frombuffer(dna.encode_annotated(letters.encode()), np.uint8)
    upper = letters.upper()
    expected = dna.SequenceCounts(
        bases=len(letters),
        unknown=upper.count("N"),
        iupac=sum(letter in "RYSWKMBDHV" for letter in upper),
        soft_masked=sum(letter.islower() for letter in letters),
        gc=upper.count("G") + upper.count("C"),
    )
    assert dna.count(annotated) == expected


@given(st.text("ACGTUNRYSWKMBDHVacgtunryswkmbdhv"))
def test_annotated_bytes_keep_ambiguity_codes(letters: str) -> None:
    annotated = np.frombuffer(dna.encode_annotated(letters.encode()), np.uint8)
    assert dna.decode_annotated(annotated) == letters.upper().replace("U", "T")


def test_counts_add_up_and_gc_share_leaves_unknown_bases_out() -> None:
    first = dna.SequenceCounts(bases=10, unknown=2, iupac=4, soft_masked=1, gc=1)
    both = first + first
    assert both == dna.SequenceCounts(bases=20, unknown=4, iupac=8, soft_masked=2, gc=2)
    assert both.gc_share == 0.25
    assert dna.SequenceCounts().gc_share == 0.0


def test_only_bases_are_ever_predicted() -> None:
    assert modalities.get("dna").scored_tokens == (0, 1, 2, 3)
    assert modalities.get("dna").vocab_size == 8
