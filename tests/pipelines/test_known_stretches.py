"""Long runs of unknown bases are cut out, however the sequence is handed over."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modalities import dna
from modalities.errors import UsageError
from pipelines.shards.unknown_runs import KnownStretches
from pipelines.shards.writer import SOFT_MASK_BIT


class Recorder:
    """Takes documents as a writer does."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, str, list[int]]] = []
        self._open: tuple[str, int, str, list[int]] | None = None

    def begin(self, name: str, *, start: int = 0, label: str = "") -> None:
        assert self._open is None
        self._open = (name, start, label, [])

    def append(self, tokens: np.ndarray) -> None:
        assert self._open is not None
        self._open[3].extend(tokens.tolist())

    def end(self) -> None:
        assert self._open is not None
        self.found.append(self._open)
        self._open = None


def cut(tokens: np.ndarray, run: int, places: list[int], start: int = 0) -> tuple[Recorder, int]:
    recorder = Recorder()
    stretches = KnownStretches(recorder, "r", start, "l", run)
    for first, last in itertools.pairwise([0, *sorted(places), len(tokens)]):
        if first < last:
            stretches.feed(tokens[first:last])
    stretches.close()
    return recorder, stretches.dropped


# Runs of known and unknown bases, in either case; which of them are lower case does not matter.
layouts = st.lists(st.tuples(st.sampled_from("AaNn"), st.integers(1, 30)), max_size=12)


@given(
    layout=layouts,
    run=st.integers(1, 20),
    places=st.lists(st.floats(0, 1), max_size=8),
    start=st.integers(0, 1000),
)
def test_any_cutting_of_the_input_gives_the_naive_definition(
    layout: list[tuple[str, int]], run: int, places: list[float], start: int
) -> None:
    letters = "".join(letter * count for letter, count in layout)
    tokens = dna.encode(letters.upper())
    tokens[[i for i, letter in enumerate(letters) if letter.islower()]] |= SOFT_MASK_BIT
    recorder, dropped = cut(tokens, run, [int(p * len(letters)) for p in places], start)
    # Naive: known bases, and shorter runs of unknown ones between them.
    known = r"[^Nn]+"
    pattern = known if run == 1 else rf"{known}(?:[Nn]{{1,{run - 1}}}{known})*"
    wanted = [
        ("r", start + part.start(), "l", tokens[part.start() : part.end()].tolist())
        for part in re.finditer(pattern, letters)
    ]
    assert recorder.found == wanted
    assert dropped == len(letters) - sum(len(kept) for *_, kept in wanted)


@given(layout=layouts, run=st.integers(1, 20))
def test_what_is_left_has_known_ends_and_no_long_run(
    layout: list[tuple[str, int]], run: int
) -> None:
    letters = "".join(letter.upper() * count for letter, count in layout)
    recorder, dropped = cut(dna.encode(letters), run, [])
    parts = [(start, start + len(kept)) for _, start, _, kept in recorder.found]
    covered = np.zeros(len(letters), bool)
    for start, end in parts:
        assert not covered[start:end].any()
        covered[start:end] = True
        assert "N" not in (letters[start], letters[end - 1])
        assert "N" * run not in letters[start:end]
    assert covered[[letter != "N" for letter in letters]].all()
    assert dropped == (~covered).sum()
    # Nothing is cut for a run that is shorter.
    assert all(b[0] - a[1] >= run for a, b in itertools.pairwise(parts))


def test_a_run_without_a_base_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown_run"):
        KnownStretches(Recorder(), "r", 0, "", 0)
