"""Words as people read them, and what kind of word of text each is."""

from __future__ import annotations

import unicodedata

from hnet_seq.analysis.text_examples import MARK

SEPARATOR = 255  # the letter for `MARK`: the end of a document, which is in no word
_DNA = bytes.maketrans(bytes([0, 1, 2, 3, SEPARATOR]), b"ACGT|")

CHARACTER = "one character of several bytes"
IDENTIFIER = "word or identifier"
SEVERAL = "several words"
NUMBER = "number"
OPERATOR = "operator or punctuation"
SPACE = "white space"
BROKEN = "part of a character"
MIXED = "mixed"
KINDS = (CHARACTER, IDENTIFIER, SEVERAL, NUMBER, OPERATOR, SPACE, BROKEN, MIXED)


def spelled(word: bytes, *, dna: bool) -> str:
    """Bases as letters; bytes as text, a blank as it is, other white space and stray bytes escaped.

    Different words are spelled differently: a backslash is two.
    """
    if dna:
        return word.translate(_DNA).decode().replace("|", MARK)
    parts = word.split(bytes([SEPARATOR]))
    return MARK.join(_text(part) for part in parts)


def _text(word: bytes) -> str:
    text = word.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character == " " or (character.isprintable() and character != MARK):
        return character
    return character.encode("unicode_escape").decode() if character != MARK else "\\u2502"


def kind_of(word: bytes) -> str:
    """What kind of word a word of UTF-8 is; white space at its ends does not count."""
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return BROKEN
    bare = text.strip()
    if not bare:
        return SPACE
    if len(bare) == 1 and ord(bare) > 127:
        return CHARACTER
    if all(_in_word(own) or own.isspace() for own in bare):
        pieces = bare.split()
        if any(_is_wide(own) for own in bare):
            return SEVERAL
        if all(own[0].isdigit() for own in pieces):
            return NUMBER
        return IDENTIFIER if len(pieces) == 1 else SEVERAL
    if not any(_in_word(own) for own in bare):
        return OPERATOR
    return MIXED


def _in_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category == "Pc"


def _is_wide(character: str) -> bool:
    """Of scripts without spaces, where a word of several characters is as good as several."""
    return unicodedata.east_asian_width(character) in "WF"
