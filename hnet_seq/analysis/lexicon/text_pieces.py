"""A text that is longer than is held at once, as pieces with as much around them as is looked at.

Sums over the pieces are those over the whole text, to the last bit, where the pieces end at ends of
the slices (:meth:`hnet_seq.analysis.lexicon.cut_text.CutText.slices`) in which numbers are added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.lexicon.cut_text import CutText, Letters

Depth = NDArray[np.uint8]


def in_pieces(
    text: CutText,
    parts: Iterable[tuple[Letters, Depth]],
    *,
    before: int,
    behind: int,
    closed: int,
) -> Iterator[CutText]:
    """A piece for each part of a text, in order.

    Held at a time are two parts and what lies around them; where a chunk is longer, that chunk.

    Args:
        text: without letters: name, start, and whether it begins and ends there.
        parts: letters (n,) and depth (n,) of each, none empty, in order.
        before, behind: letters around a piece, one behind it at least, where the text has them.
        closed: of so many stages, each chunk that begins in a piece is seen to its end.
    """
    held = _Held(text, before, max(behind, 1), closed)
    for letters, depth in parts:
        held.add(letters, depth)
        yield from held.ready(is_all=False)
    yield from held.ready(is_all=True)


class _Held:
    """Letters that are read and not yet done with."""

    def __init__(self, text: CutText, before: int, behind: int, closed: int) -> None:
        self._text = text
        self._before, self._behind, self._closed = before, behind, closed
        self._letters = self._depth = np.empty(0, np.uint8)
        self._start = text.start  # of what is held
        self._first = 0  # of the next piece, in what is held
        self._ends: deque[int] = deque()  # of pieces that are not given out, in the record

    def add(self, letters: Letters, depth: Depth) -> None:
        """Take in a part."""
        self._letters = np.concatenate([self._letters, letters])
        self._depth = np.concatenate([self._depth, depth])
        self._ends.append(self._start + len(self._letters))

    def ready(self, *, is_all: bool) -> Iterator[CutText]:
        """Pieces of which all is read that is looked at; ``is_all``: nothing more will be."""
        while self._ends:
            last = self._ends[0] - self._start
            until = self._until(last)
            if until is None and not is_all:
                return
            self._ends.popleft()
            until = len(self._letters) if until is None else until
            yield self._piece(last, until, ends=is_all and until == len(self._letters))
            self._drop(last)

    def _until(self, last: int) -> int | None:
        """How far a piece that ends there is looked at; None: further than is read."""
        cuts = self._depth[last:] >= self._closed
        if not cuts.any():
            return None
        until = max(last + self._behind, last + int(cuts.argmax()) + 1)
        return until if until <= len(self._letters) else None

    def _piece(self, last: int, until: int, *, ends: bool) -> CutText:
        return replace(
            self._text,
            start=self._start,
            letters=self._letters[:until],
            depth=self._depth[:until],
            begins=self._text.begins and self._start == self._text.start,
            ends=self._text.ends and ends,
            piece=(self._first, last),
        )

    def _drop(self, last: int) -> None:
        """Forget what no further piece looks at."""
        first = max(0, last - self._before)
        self._letters, self._depth = self._letters[first:], self._depth[first:]
        self._start += first
        self._first = last - first
