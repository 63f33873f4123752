"""A text in pieces is the text: its chunks, what lies around them, and what other ways cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from hnet_seq.analysis.lexicon import ways
from hnet_seq.analysis.lexicon.cut_text import CutText, sizes_of
from hnet_seq.analysis.lexicon.text_pieces import in_pieces

STAGES = 2
UNKNOWN = 4
NOTHING = np.empty(0, np.uint8)


def text_of(length: int, start: int = 0, *, ends: bool = True) -> CutText:
    random = np.random.default_rng(length)
    letters = random.integers(0, 4, length).astype(np.uint8)
    depth = (random.random(length) < 0.3).astype(np.uint8)
    depth[(depth == 1) & (random.random(length) < 0.1)] = STAGES
    letters[48:53] = UNKNOWN  # over an end of pieces of 50 and of 10
    depth[60:125] = 0  # a chunk that is longer than these
    return CutText("a", start, letters, depth, begins=start == 0, ends=ends)


def pieces_of(
    text: CutText, size: int, before: int = 2, behind: int = 1, closed: int = STAGES
) -> Iterator[CutText]:
    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        first = 0
        for length in sizes_of(text.start, text.start + len(text.letters), size):
            own = slice(first, first := first + length)
            yield text.letters[own], text.depth[own]

    nothing = CutText(text.name, text.start, NOTHING, NOTHING, text.begins, text.ends)
    return in_pieces(nothing, parts(), before=before, behind=behind, closed=closed)


def edges(text: CutText, stage: int) -> list[tuple[int, int]]:
    bounds = (text.bounds(stage) + text.start).tolist()
    return list(pairwise(bounds))


# The last part of 203 has 3 letters, of 201 one; a region begins 3 letters before an end of parts.
@pytest.mark.parametrize("size", [10, 50, 1000])
@pytest.mark.parametrize(
    ("length", "start", "ends"), [(203, 0, True), (201, 0, False), (203, 47, False), (1, 0, True)]
)
def test_each_chunk_and_letter_is_in_one_piece(
    length: int, start: int, ends: bool, size: int
) -> None:
    text = text_of(length, start, ends=ends)
    found = list(pieces_of(text, size))
    for stage in range(STAGES):
        assert [own for piece in found for own in edges(piece, stage)] == edges(text, stage)
    own = [piece.letters[slice(*piece.own)] for piece in found]
    assert np.array_equal(np.concatenate(own), text.letters)
    assert [piece.goes_on for piece in found] == [True] * (len(found) - 1) + [False]
    slices = [piece.start + first for piece in found for first, _ in piece.slices()]
    assert len(slices) == len(found)
    assert slices[0] == start


@pytest.mark.parametrize("behind", [1, 7, 40])
def test_as_much_lies_around_a_piece_as_is_looked_at_and_no_more(behind: int) -> None:
    text = text_of(203)
    for piece in pieces_of(text, 10, before=3, behind=behind, closed=0):
        first, last = piece.own
        assert first == min(3, piece.start + first)
        assert len(piece.letters) == min(last + behind, len(text.letters) - piece.start)
        whole = text.letters[piece.start : piece.start + len(piece.letters)]
        assert np.array_equal(piece.letters, whole)


@pytest.mark.parametrize("size", [10, 50])
def test_other_ways_to_cut_get_the_same_runs(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "PIECE", 16)
    texts = [text_of(203), text_of(150), text_of(90)]
    whole = list(ways.pieces(texts, 0, UNKNOWN))
    parted = list(ways.pieces((own for text in texts for own in pieces_of(text, size)), 0, UNKNOWN))
    assert len(whole) == len(parted)
    for (letters, bounds), (its_letters, its_bounds) in zip(whole, parted, strict=True):
        assert np.array_equal(letters, its_letters)
        assert np.array_equal(bounds, its_bounds)
