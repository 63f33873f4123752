"""Sets for studies/audit_peer.py: given ones with a split, and windows of a genome with a fault."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hnet_seq.analysis.shuffle import shuffle_dinucleotides
from modalities.base import Tokens
from modalities.dna import COMPLEMENT, DNA, UNKNOWN
from pipelines.formats.genome import Genome

GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"
_WINDOWS, _LENGTH = 1200, 200
_FAULTY = 60  # of the 240 test windows

Rows = tuple[list[Tokens], np.ndarray, np.ndarray, list[str]]
"""Windows, labels 0 and 1, whether they test, ids."""


def rewritten(table: Path, folder: Path) -> Path:
    """A table that both read: with a split, each fifth row where there is none."""
    opened = gzip.open if table.suffix == ".gz" else open
    with opened(table, "rt") as stream:
        separator = "\t" if ".tsv" in table.name else ","
        rows = list(csv.DictReader(stream, delimiter=separator))
    if rows[0].get("split", "all") == "all":
        for number, row in enumerate(rows):
            row["split"] = "test" if number % 5 == 0 else "train"
    out = folder / f"{table.parent.name}.csv"
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return out


def made_set(name: str, folder: Path) -> Path:
    """The table of a fault."""
    generator = np.random.default_rng(list(MADE).index(name))
    windows, labels, tests, ids = MADE[name](_windows(generator), generator)
    out = folder / f"{name.replace(' ', '_')}.csv"
    with out.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "sequence", "label", "split"))
        for own, window, label, test in zip(ids, windows, labels, tests, strict=True):
            split = "test" if test else "train"
            writer.writerow((own, DNA.decode(window), label, split))
    return out


def _windows(generator: np.random.Generator) -> Rows:
    """Windows that are no one's neighbours, with labels that mean nothing."""
    genome = Genome(GENOME)
    (name, bases), *_ = genome.lengths.items()
    places = generator.permutation(bases // _LENGTH - 1)[:_WINDOWS] * _LENGTH
    windows = [genome.fetch(name, int(place), int(place) + _LENGTH) for place in places]
    tests = np.arange(_WINDOWS) % 5 == 0
    return windows, np.arange(_WINDOWS) // 2 % 2, tests, [f"w{i}" for i in range(_WINDOWS)]


def mutated(window: Tokens, share: float, generator: np.random.Generator) -> Tokens:
    """Substitutions at ``share`` of the places, and a tenth as many inserted and deleted bases."""
    chosen = generator.random(len(window))
    changed = np.where(
        chosen < share, (window + generator.integers(1, 4, len(window))) % 4, window
    ).astype(np.uint8)
    kept = np.delete(changed, np.flatnonzero(chosen > 1 - share / 20))
    at = np.flatnonzero(generator.random(len(kept)) < share / 20)
    return np.insert(kept, at, generator.integers(0, 4, len(at)).astype(np.uint8))


def _copied(change: Callable[[Tokens, np.random.Generator], Tokens]) -> Callable[..., Rows]:
    """Test windows that are a changed training window, with its label."""

    def made(rows: Rows, generator: np.random.Generator) -> Rows:
        windows, labels, tests, ids = rows
        for place in np.flatnonzero(tests)[:_FAULTY]:
            windows[place] = change(windows[place + 1], generator)
            labels[place] = labels[place + 1]
        return windows, labels, tests, ids

    return made


def _diverged(window: Tokens, generator: np.random.Generator) -> Tokens:
    window = mutated(window, 0.15, generator)
    return COMPLEMENT[window[::-1]] if generator.random() < 0.5 else window


def _overlapping(rows: Rows, generator: np.random.Generator) -> Rows:
    _, labels, tests, _ = rows
    genome = Genome(GENOME)
    (name, bases), *_ = genome.lengths.items()
    places = generator.permutation(bases // _LENGTH - 2)[:_WINDOWS] * _LENGTH
    for number, place in enumerate(np.flatnonzero(tests)[:_FAULTY]):
        # From one base to all but one in common.
        places[place] = places[place + 1] + 1 + number * (_LENGTH - 2) // _FAULTY
    windows = [genome.fetch(name, int(place), int(place) + _LENGTH) for place in places]
    return windows, labels, tests, [f"ecoli:{place}-{place + _LENGTH}" for place in places]


def _negatives(make: Callable[[Tokens, np.random.Generator], Tokens]) -> Callable[..., Rows]:
    """Negatives that are made from the positives."""

    def made(rows: Rows, generator: np.random.Generator) -> Rows:
        windows, labels, tests, ids = rows
        positive = np.flatnonzero(labels == 1)
        negative = np.flatnonzero(labels == 0)
        own = make(np.stack([windows[i] for i in positive]), generator)
        for place, window in zip(negative, own, strict=True):
            windows[place] = window
        return windows, labels, tests, ids

    return made


def _segments(windows: Tokens, generator: np.random.Generator) -> Tokens:
    """8 of 20 stretches stay in place, the others are of another window."""
    stretches = windows.reshape(len(windows), 20, -1)
    other = generator.permuted(stretches, axis=0)
    kept = generator.random((len(windows), 20)).argsort(1) < 8
    return np.where(kept[:, :, None], stretches, other).reshape(len(windows), -1)


def chain(windows: Tokens, generator: np.random.Generator, order: int = 3) -> Tokens:
    """Drawn from the Markov chain of an order that is counted in windows."""
    counts = np.full((4**order, 4), 0.5)
    power = 4 ** np.arange(order)[::-1]
    length = windows.shape[1]
    for place in range(order, length):
        np.add.at(counts, (windows[:, place - order : place] @ power, windows[:, place]), 1)
    bounds = (counts / counts.sum(1, keepdims=True)).cumsum(1)
    drawn = windows.copy()
    for place in range(order, length):
        before = drawn[:, place - order : place].astype(np.int64) @ power
        drawn[:, place] = (
            (generator.random(len(drawn))[:, None] > bounds[before]).sum(1).clip(max=3)
        )
    return drawn


def _planted(letters: str, place: int, shares: tuple[float, float]) -> Callable[..., Rows]:
    """A word at a place, in a share of the negatives and of the positives."""

    def made(rows: Rows, generator: np.random.Generator) -> Rows:
        windows, labels, tests, ids = rows
        word = DNA.encode(letters)
        for number, label in enumerate(labels):
            if generator.random() < shares[label]:
                windows[number] = windows[number].copy()
                windows[number][place : place + len(word)] = word
        return windows, labels, tests, ids

    return made


def _padded(rows: Rows, generator: np.random.Generator) -> Rows:
    """Some negatives end in N."""
    windows, labels, tests, ids = rows
    for number in np.flatnonzero(labels == 0):
        if generator.random() < 0.7:
            windows[number] = windows[number].copy()
            windows[number][-30:] = UNKNOWN
    return windows, labels, tests, ids


MADE: dict[str, Callable[..., Rows]] = {
    "copies": _copied(lambda window, _: window),
    "reverse complements": _copied(lambda window, _: COMPLEMENT[window[::-1]]),
    "15% diverged": _copied(_diverged),
    "overlapping windows": _overlapping,
    "shuffled negatives": _negatives(shuffle_dinucleotides),
    "segments in place": _negatives(_segments),
    "negatives of a chain": _negatives(chain),
    "motif at a place": _planted("TATAAT", 90, (0.1, 0.9)),
    "construct of a library": _planted("GATTACCAGCTTGACCGTATGCAGGTCAAC", 150, (0.05, 0.8)),
    "padding with N": _padded,
}
