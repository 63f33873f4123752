"""The registry, vocabulary fingerprints, and text as bytes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modalities
from modalities import text
from modalities.errors import InputError, UsageError

DNA_FINGERPRINT = "adb500f32bedb531b16194161445e2c16f27fc47ed360630ba3bd8db225e0eca"
TEXT_FINGERPRINT = "00b91d416992007c9e8eec4311c084f03e153853a353d615b77e5bb68f1a4090"


def test_an_unknown_modality_is_misuse_and_the_known_ones_are_named() -> None:
    with pytest.raises(UsageError, match="'rna' is unknown; expected dna or text or code"):
        modalities.get("rna")


@pytest.mark.parametrize("name", modalities.MODALITIES)
def test_names_and_vocabularies_agree(name: str) -> None:
    modality = modalities.get(name)
    assert modality.name == name
    assert modality.vocab_size == len(set(modality.vocabulary)) <= 256
    assert set(modality.scored_tokens) <= set(range(modality.vocab_size))


def test_fingerprints_are_those_that_written_shards_carry() -> None:
    # A change here makes every existing shard and checkpoint unreadable: it must be meant.
    assert modalities.get("dna").fingerprint == DNA_FINGERPRINT
    assert modalities.get("text").fingerprint == TEXT_FINGERPRINT


def test_a_fingerprint_depends_on_the_meaning_of_every_id() -> None:
    dna = modalities.get("dna")
    swapped = dataclasses.replace(dna, vocabulary=(*dna.vocabulary[1::-1], *dna.vocabulary[2:]))
    assert swapped.fingerprint != dna.fingerprint
    assert dataclasses.replace(dna, name="other").fingerprint == dna.fingerprint


def test_text_has_one_strand() -> None:
    with pytest.raises(ValueError, match="one strand"):
        modalities.get("text").complement()


@given(st.text())
def test_text_comes_back_and_never_uses_the_markers(letters: str) -> None:
    tokens = text.encode(letters)
    assert text.decode(tokens) == letters
    assert not (tokens >= text.BEGIN).any()
    assert np.array_equal(text.encode(letters.encode()), tokens)


def test_decoding_text_drops_markers_and_survives_half_a_character() -> None:
    tokens = np.array([text.BEGIN, *"é".encode(), text.END, "é".encode()[0]], np.uint8)
    assert text.decode(tokens) == "é\ufffd"


def test_bytes_that_are_not_utf8_are_refused_with_their_position() -> None:
    with pytest.raises(InputError, match=r"^byte 3: byte 0xff is not UTF-8"):
        text.encode(b"ab\xff")
    with pytest.raises(InputError, match=r"^character 2: U\+D800"):
        text.encode("a\ud800")
