"""Letters at fixed places that give the label away: motifs, sites, stretches of a construct.

Places are counted from the first base where all sequences have one length, else over the first and
the last 100 bases of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.examples import Examples
from hnet_seq.evidence.audit.shortcuts import tree_scores
from hnet_seq.results.audited import Segments, WordAtPlace, WordsAtPlaces
from modalities import dna
from modalities.base import Tokens

_LONGEST = 2000  # bases of sequences of one length
_ENDS = 100  # bases of others, at each end
_MOST = 20_000  # training sequences that are looked at
_SIZES = (1, 2, 3)
_TRIED, _SHOWN = 32, 4  # words at places
_SITE, _TEST_SITE = 0.95, 0.9  # of a class in train, and on test, where chance is larger
_SEGMENT = 16  # bases
_SEGMENT_SHARE = 0.05  # of the sequences
_MOST_SEGMENTS = 64
_FEWEST = 20  # sequences of a class


@dataclass(frozen=True)
class Labelled:
    """N sequences, and (N,) class numbers."""

    sequences: list[Tokens]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """N."""
        return len(self.labels)


class Anchored(NamedTuple):
    """(N, P) tokens by place, 4 beyond an end; how places are counted; P names of them."""

    tokens: Tokens
    anchor: str
    names: list[str]


def anchored(train: Labelled, test: Labelled) -> tuple[Anchored, Anchored]:
    """The sequences of both, by place."""
    lengths = {len(each) for split in (train, test) for each in split.sequences}
    longest = max(lengths, default=0)
    if len(lengths) == 1 and longest <= _LONGEST:
        names = [f"base {place + 1}" for place in range(longest)]
        anchor = "the first base"
        return tuple(  # type: ignore[return-value]
            Anchored(np.stack(split.sequences), anchor, names) for split in (train, test)
        )
    names = [f"base {place + 1}" for place in range(_ENDS)]
    names += [f"base {place} from the end" for place in range(_ENDS, 0, -1)]
    return tuple(  # type: ignore[return-value]
        Anchored(_both_ends(split), "both ends", names) for split in (train, test)
    )


def _both_ends(split: Labelled) -> Tokens:
    tokens = np.full((len(split), 2 * _ENDS), 4, np.uint8)
    for row, sequence in zip(tokens, split.sequences, strict=True):
        begin, end = sequence[:_ENDS], sequence[-_ENDS:]
        row[: len(begin)] = begin
        row[len(row) - len(end) :] = end
    return tokens


class _Word(NamedTuple):
    """A word at a place, and how often a class and the others have it there."""

    size: int
    place: int
    code: int
    label: int
    mcc: float
    share: float
    others: float


def find_places(
    train: Examples, test: Examples, classes: list[str], *, seed: int = 0
) -> tuple[WordsAtPlaces | None, Segments | None]:
    """Both, over the classes that are large enough; None where fewer than two are, or no stretch is
    common."""
    large = np.bincount(train.labels, minlength=len(classes)) >= _FEWEST
    of_train, of_test = _of(train, large), _of(test, large)
    if large.sum() < 2 or not len(of_test):
        return None, None
    classes = [name for name, kept in zip(classes, large, strict=True) if kept]
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(of_train))[:_MOST])
    here, there = anchored(of_train, of_test)
    here = here._replace(tokens=here.tokens[chosen])
    labels = of_train.labels[chosen]
    places = _places(here, labels, there, of_test.labels, classes, seed)
    return places, _segments(here, labels, there, of_test.labels, classes, seed)


def _of(split: Examples, large: NDArray[np.bool_]) -> Labelled:
    """The sequences of large classes, which are numbered anew."""
    kept = np.flatnonzero(large[split.labels])
    number = np.cumsum(large) - 1
    return Labelled([split.sequences[i] for i in kept], number[split.labels[kept]])


def _places(
    here: Anchored,
    labels: NDArray[np.int64],
    there: Anchored,
    test_labels: NDArray[np.int64],
    classes: list[str],
    seed: int,
) -> WordsAtPlaces:
    halves = np.random.default_rng(seed).permutation(len(labels)) % 2 == 0
    # Words are chosen on one half and judged on the other: the best of thousands are good by chance
    # on what they were chosen from.
    half = _best(list(_words(here.tokens[halves], labels[halves], len(classes))))
    inside = tree_scores(
        _has(here.tokens[halves], half),
        labels[halves],
        _has(here.tokens[~halves], half),
        labels[~halves],
        num_classes=len(classes),
        seed=seed,
    )[1]
    every = list(_words(here.tokens, labels, len(classes)))
    best = _best(every)
    _, on_test = tree_scores(
        _has(here.tokens, best),
        labels,
        _has(there.tokens, best),
        test_labels,
        num_classes=len(classes),
        seed=seed,
    )
    found = WordsAtPlaces(
        anchor=here.anchor,
        train_mcc=round(inside, 3),
        test_mcc=round(on_test, 3),
        words=[_place(word, here, classes) for word in best[:_SHOWN]],
        site=None,
        lacking=0.0,
    )
    sites = [word for word in every if word.share >= _SITE]
    if sites:
        site = max(sites, key=lambda word: (word.share - word.others, word.size))
        found["site"] = _place(site, here, classes)
        has, own = _has(there.tokens, [site])[:, 0], test_labels == site.label
        # A site that all of train have, or that the class has in train alone, tells nothing.
        if own.any() and not own.all() and has[own].mean() >= _TEST_SITE:
            lacking = min(1 - site.others, 1 - float(has[~own].mean()))
            found["lacking"] = round(lacking, 3)
    return found


def _words(tokens: Tokens, labels: NDArray[np.int64], num_classes: int) -> Iterator[_Word]:
    """Of each size and class the words that tell it from the others best."""
    totals = np.bincount(labels, minlength=num_classes).astype(np.float64)
    for size in _SIZES:
        codes, known = _codes(tokens, size)
        places, words = codes.shape[1], 4**size
        at = np.where(known, codes, 0) + np.arange(places) * words
        counts = np.stack(
            [
                np.bincount(at[labels == label][known[labels == label]], minlength=places * words)
                for label in range(num_classes)
            ]
        ).astype(np.float64)
        have = counts.sum(0)
        for label in range(num_classes):
            yes, of = counts[label], totals[label]
            rest = totals.sum() - of
            no = have - yes
            product = of * rest * have * (totals.sum() - have)
            mcc = (yes * (rest - no) - no * (of - yes)) / np.sqrt(np.maximum(1, product))
            share, others = yes / max(1, of), no / max(1, rest)
            kept = np.argsort(-np.abs(mcc), kind="stable")[:_TRIED]
            sites = np.flatnonzero(share >= _SITE)
            kept = np.append(kept, sites[np.argsort(others[sites], kind="stable")[:1]])
            for index in dict.fromkeys(kept.tolist()):
                place, code = divmod(index, words)
                yield _Word(
                    *(size, place, code, label),
                    *(float(mcc[index]), float(share[index]), float(others[index])),
                )


def _best(words: list[_Word]) -> list[_Word]:
    """The best by MCC, each word at its place once."""
    ordered = sorted(words, key=lambda word: (-abs(word.mcc), word.place, word.size, word.code))
    once = {(word.size, word.place, word.code): word for word in reversed(ordered)}
    return sorted(once.values(), key=lambda word: (-abs(word.mcc), word.place))[:_TRIED]


def _codes(tokens: Tokens, size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N, P - size + 1) words by place, and whether all their bases are known."""
    count = max(0, tokens.shape[1] - size + 1)
    codes = np.zeros((len(tokens), count), np.int64)
    known = np.ones(codes.shape, bool)
    for place in range(size):
        base = tokens[:, place : place + count]
        known &= base < 4
        codes = codes << 2 | (base & 3)
    return codes, known


def _has(tokens: Tokens, words: list[_Word]) -> NDArray[np.float64]:
    """(N, W) 1 where a sequence has a word at its place."""
    found = np.zeros((len(tokens), len(words)))
    for column, word in enumerate(words):
        codes, known = _codes(tokens[:, word.place : word.place + word.size], word.size)
        if codes.shape[1]:
            found[:, column] = (codes[:, 0] == word.code) & known[:, 0]
    return found


def _letters(code: int, size: int) -> str:
    bases = [code >> 2 * (size - 1 - place) & 3 for place in range(size)]
    return dna.DNA.decode(np.array(bases, np.uint8))


def _place(word: _Word, here: Anchored, classes: list[str]) -> WordAtPlace:
    return WordAtPlace(
        word=_letters(word.code, word.size),
        place=here.names[word.place],
        label=classes[word.label],
        share=round(word.share, 3),
        others=round(word.others, 3),
    )


def _segments(
    here: Anchored,
    labels: NDArray[np.int64],
    there: Anchored,
    test_labels: NDArray[np.int64],
    classes: list[str],
    seed: int,
) -> Segments | None:
    codes, known = _codes(here.tokens, _SEGMENT)
    common: list[tuple[int, int]] = []
    for place in range(codes.shape[1]):
        values, counts = np.unique(codes[known[:, place], place], return_counts=True)
        often = values[counts >= _SEGMENT_SHARE * len(codes)].tolist()
        # A run of one letter or two says nothing of a construct.
        common += [(place, code) for code in often if len(set(_letters(code, _SEGMENT))) > 2]
    if not common:
        return None
    common = common[:: -(-len(common) // _MOST_SEGMENTS)]
    test_codes, test_known = _codes(there.tokens, _SEGMENT)
    features = [
        np.stack([(own[:, place] == code) & sure[:, place] for place, code in common], 1)
        for own, sure in ((codes, known), (test_codes, test_known))
    ]
    inside, on_test = tree_scores(
        features[0].astype(np.float64),
        labels,
        features[1].astype(np.float64),
        test_labels,
        num_classes=len(classes),
        seed=seed,
    )
    apart = [
        (place, code)
        for i, (place, code) in enumerate(common)
        if i == 0 or place > common[i - 1][0] + 1
    ]
    segments = []
    for place, code in apart[:_SHOWN]:
        has = (codes[:, place] == code) & known[:, place]
        shares = [float(has[labels == label].mean()) for label in range(len(classes))]
        label = int(np.argmax(shares))
        rest = has[labels != label]
        word = _Word(_SEGMENT, place, code, label, 0.0, shares[label], float(rest.mean()))
        segments.append(_place(word, here, classes))
    return Segments(
        anchor=here.anchor,
        segments=segments,
        train_mcc=round(inside or 0.0, 3),
        test_mcc=round(on_test, 3),
    )
