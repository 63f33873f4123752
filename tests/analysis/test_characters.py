"""Every byte of a text is what a reader says it is."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnet_seq.analysis.characters import CLASSES, KINDS, classify

LETTERS = dict(zip(KINDS, ".WNwp", strict=True))


def classes_of(text: bytes) -> list[set[str]]:
    """Names of each byte's classes."""
    classes, counted = classify(np.frombuffer(text, np.uint8))
    assert counted.tolist() == classes.any(axis=1).tolist()
    return [{CLASSES[column] for column in np.flatnonzero(row)} for row in classes]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("if x_1 == 0x2f:", "Ww.Www.pp.Nwwwp"),
        ("a\n\tb", "W..W"),
        ("_a b2 2b", "Ww.Ww.Nw"),
        ("don't", "WwwpW"),
        ("山水、é", "WwwwwwpppWw"),
        ("\u3000山", "...Www"),
        ("कि", "Wwwwww"),  # a letter and its vowel sign are one word
        ("😀a", "ppppW"),
        ("", ""),
    ],
)
def test_kinds_of_examples(text: str, kinds: str) -> None:
    found = ["".join(LETTERS[kind] for kind in c & set(KINDS)) for c in classes_of(text.encode())]
    assert "".join(found) == kinds


def by_reading(text: str) -> list[set[str]]:
    """Classes of each byte from the definitions, character by character."""

    def letter(c: str) -> bool:
        return unicodedata.category(c)[0] in "LM" or unicodedata.category(c) == "Pc"

    def word(c: str) -> bool:
        return letter(c) or unicodedata.category(c)[0] == "N"

    found = []
    for before, character in zip(["", *text], text, strict=False):
        first = {"character start"}
        if character.isspace():
            kind = later = "whitespace"
        elif word(character):
            later = "inside a word"
            kind = "word start" if letter(character) else "number start"
            kind = later if before and word(before) else kind
        else:
            kind = later = "punctuation or operator"
        if before and before.isspace() and not character.isspace():
            first.add("after whitespace")
        if before in ("", "\n"):
            first.add("line start")
        size = len(character.encode())
        if size > 1:
            first.add("start of a multi-byte character")
        found.append({kind, *first})
        inside = {later, "continuation byte", "inside a multi-byte character"}
        found += [set(inside) for _ in range(size - 1)]
    return found


@given(st.text(max_size=60) | st.text(" \nab_1+山é\u3000🙂\u0301", max_size=60))
def test_classes_of_any_text_are_those_of_its_characters(text: str) -> None:
    assert classes_of(text.encode()) == by_reading(text)


def test_markers_and_bytes_of_no_character_are_in_no_class() -> None:
    whole = "山 水".encode()
    cut = b"\xfe" + whole[1:-1] + b"\xff"
    found = classes_of(cut)
    assert found[0] == found[1] == found[2] == found[-1] == set()
    assert [len(classes) > 0 for classes in found[3:-1]] == [True, False, False]
    assert classes_of(b"\xfe\xff") == [set(), set()]
