"""Code: the tokens of text, and languages by the names of files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modalities
from modalities import code, text


def test_code_and_text_mean_the_same_by_every_id() -> None:
    assert modalities.get("code").fingerprint == modalities.get("text").fingerprint
    assert modalities.get("code").scored_tokens == modalities.get("text").scored_tokens
    assert code.CODE.encode("é").tolist() == list("é".encode())


@given(st.binary(max_size=50))
def test_markers_stand_around_a_stored_document(data: bytes) -> None:
    tokens = text.with_markers(data)
    assert tokens.tolist() == [text.BEGIN, *data, text.END]
    assert tokens.dtype == np.uint8


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a.py", "python"),
        ("deep/folder/A.PY", "python"),
        ("windows\\folder\\a.rs", "rust"),
        ("brotli-1.2.1.tar.gz:c/common/constants.c", "c"),
        ("a.test.tsx", "typescript"),
        ("Makefile", "makefile"),
        ("x/CMakeLists.txt", "cmake"),
        ("a.unknown", ""),
        ("README", ""),
        (".py", ""),
        ("a.", ""),
        ("", ""),
    ],
)
def test_a_name_tells_the_language(path: str, language: str) -> None:
    assert code.language_of(path) == language


@pytest.mark.parametrize(
    ("first", "language"),
    [
        (b"#!/bin/sh\n", "shell"),
        (b"#!/usr/bin/env python3.11\n", "python"),
        (b"#!/usr/bin/env -S node --x\n", "javascript"),
        (b"#! /usr/bin/perl -w\n", "perl"),
        (b"#!/usr/bin/env\n", ""),
        (b"#!\n/bin/sh", ""),
        (b"# no\n", ""),
        (b"#!/opt/\xff\n", ""),
    ],
)
def test_without_an_extension_the_first_line_tells_it(first: bytes, language: str) -> None:
    assert code.language_of("run", first) == language
    assert code.language_of("run.unknown", first) == ""


def test_no_extension_stands_for_two_languages() -> None:
    extensions = [e for several in code.EXTENSIONS.values() for e in several.split()]
    assert len(extensions) == len(set(extensions))
    assert set(extensions) == {extension.lower() for extension in extensions}


@pytest.mark.parametrize("language", [*code.EXTENSIONS, *code.FILE_NAMES.values()])
def test_a_canonical_name_stays_what_it_is(language: str) -> None:
    assert code.canonical(language) == language


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (" Python ", "python"),
        ("py", "python"),
        (".py", "python"),
        ("C++", "c++"),
        ("cpp", "c++"),
        ("CSharp", "c#"),
        ("D", "d"),
        ("R", "r"),
        ("Brainfuck", "brainfuck"),
    ],
)
def test_the_ways_to_write_a_language_have_one_name(given: str, canonical: str) -> None:
    assert code.canonical(given) == canonical


def test_languages_that_stand_for_others_are_known_ones() -> None:
    assert set(code.ALIASES.values()) <= set(code.EXTENSIONS)
    assert set(code.ALIASES).isdisjoint(code.EXTENSIONS)
    assert set(code.INTERPRETERS.values()) <= set(code.EXTENSIONS)
    assert set(code.EXTENSIONS) >= code.PROSE
