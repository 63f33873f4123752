"""How much of the validation split of DNA shards stands, nearly the same, in the training split.

Bases that a model has read are no test of it. What is compared is what lies in the shards, so every
option that chooses or drops bases has had its say. A word of 21 bases and its reverse complement
are one (k = 21 as in Mash, Ondov et al. 2016: so long that a human genome shares one in a thousand
by chance). The words of the validation split are held, sampled by a hash where they are very many,
and the training split streams past them: memory does not grow with either.

No sketching library does this part: they sketch whole sequences, and a plasmid or a duplicated
region in a chromosome of millions of bases does not show in one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modalities import dna_bytes
from modalities.base import Tokens
from modalities.dna import TOKEN_BITS, UNKNOWN
from modalities.dna_words import canonical_words, mixed
from pipelines.batches.reader import BlockReader
from pipelines.shards.manifest import Manifest
from pipelines.storage.folders import ShardStore

WORD = 21
BIN = 100  # bases
WINDOW = 10  # bins
# Of a window's bins: copies with 10% of substitutions are all found so, and two in three with 15%;
# a gene of a tRNA, which all genomes share, takes one or two bins.
SHARE = 0.4
WARN = 0.2  # of the compared bases

COMPARED, NEAR, WORDS, SHARED = (
    *("compared_bases", "compared_near_copy"),
    *("compared_words", "compared_shared_words"),
)
"""What the manifest's statistics say: bases of the validation split and those of them with a near
copy in training; its words that are not plain, each once, and those of them that stand in
training."""

# Different pairs of letters: microsatellites have six at most, words of A and T four, and what of a
# word lies beside such a repeat some more; of random words one in sixty has so few.
_PLAIN = 8
_MOST_WORDS = 1 << 22  # of validation: 150 MB
_FILTER_BITS = 26  # of a table of one byte each: most words of training are told to be absent by it
_PART = 1 << 16  # bases at a time: the arrays stay in the cache
_SHORT = np.int64(1) << 48  # beyond all codes of words; times their length, for whole sequences


def held_out_copies(
    folder: Path, manifest: Manifest, progress: Callable[[int], object]
) -> dict[str, int]:
    """Counts of :data:`COMPARED` to :data:`SHARED`; none where a split is empty.

    A window of ten bins has a near copy where training shares a word with two of five of its bins,
    on either strand and wherever it does. Words of at most eight different pairs of letters, as in
    runs, in microsatellites and all over a genome of A and T, are met by chance; they count where a
    window has no others. Documents below 21 bases are compared as a whole.

    Args:
        folder: the tars of the manifest.
        progress: told the number of tokens read.

    Raises:
        InputError: a tar is missing or damaged.
    """
    if not all(manifest.tokens(split) for split in ("train", "validation")):
        return {}
    store = ShardStore(folder)
    step = 1
    while manifest.tokens("validation") > step * _MOST_WORDS:
        step *= 2
    sought = _Sought(step)
    for documents in _documents(store, manifest, "validation", progress):
        sought.add(documents)
    sought.sort()
    for documents in _documents(store, manifest, "train", progress):
        for words, *_ in _words(documents, step):
            sought.see(words)
    return sought.counts()


def distance(counts: Mapping[str, int]) -> tuple[float, bool]:
    """Substitutions per base between the validation split and what is nearest in training.

    The share of words without a change is (1 - distance) ** 21 where changes are spread evenly
    (Fan et al. 2015). Where no word is shared, it is that of a single one, and the second is True:
    it is at least that.
    """
    shared = counts[SHARED]
    share = max(1, shared) / max(1, counts[WORDS])
    return max(0.0, 1 - share ** (1 / WORD)), not shared


@dataclass(frozen=True)
class _Documents:
    """Bases of documents that follow each other, an unknown one after each.

    Attributes:
        bases: tokens of ``dna``.
        starts: of each document among them.
        whole: whether the documents are complete.
    """

    bases: Tokens
    starts: NDArray[np.int64]
    whole: bool


def _documents(
    store: ShardStore, manifest: Manifest, split: str, progress: Callable[[int], object]
) -> Iterator[_Documents]:
    """Block for block; words over the edge of two blocks, 20 of 262,144, are not seen."""
    reader = BlockReader(store, manifest, split)
    letters = manifest.modality == "dna_bytes"
    for block in range(len(reader.blocks)):
        spans = reader.spans(block)
        tokens = reader.read(block, 0, int(reader.blocks.tokens[block]))
        bases = _FROM_LETTERS.take(tokens) if letters else tokens & np.uint8(TOKEN_BITS)
        lengths = np.array(spans.tokens, np.int64)
        ends = np.cumsum(lengths)
        starts = ends - lengths + np.arange(len(ends))
        yield _Documents(
            np.insert(bases, ends, np.uint8(UNKNOWN)), starts, spans.ends and not spans.position
        )
        progress(len(tokens))


def _from_letters() -> Tokens:
    table = np.full(256, UNKNOWN, np.uint8)
    table[dna_bytes.from_dna(np.arange(4, dtype=np.uint8))] = np.arange(4)
    return table


_FROM_LETTERS = _from_letters()


def _words(
    documents: _Documents, step: int
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Hashes and codes of sampled words, the document of each, and where it starts in that."""
    bases, starts = documents.bases, documents.starts
    for begin in range(0, len(bases), _PART):
        part = bases[begin : begin + _PART + WORD - 1]
        codes, places = canonical_words(part, WORD)
        yield _sampled(codes, places + begin, starts, step)
    lengths = np.diff(np.append(starts, len(bases)))
    # One longer for the unknown base after each, and two for the markers of letters.
    short = np.flatnonzero(lengths <= WORD + 2)
    if documents.whole and len(short):
        codes = np.full(len(short), -1, np.int64)
        for row, number in enumerate(short.tolist()):
            known = np.flatnonzero(bases[starts[number] : starts[number] + lengths[number]] < 4)
            size = int(known[-1] - known[0]) + 1 if len(known) else WORD
            if size < WORD:
                first = starts[number] + known[0]
                found, _ = canonical_words(bases[first : first + size], size)
                if len(found):
                    codes[row] = found[0] + size * _SHORT
        # A sample would leave out whole documents.
        yield _sampled(codes[codes >= 0], starts[short][codes >= 0], starts, 1)


def _sampled(
    codes: NDArray[np.int64], places: NDArray[np.int64], starts: NDArray[np.int64], step: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    hashes = mixed(codes)
    if step > 1:
        kept = hashes < np.uint64(2**64 // step)
        hashes, codes, places = hashes[kept], codes[kept], places[kept]
    document = np.searchsorted(starts, places, side="right") - 1
    return hashes, codes, document, places - starts[document]


def _are_plain(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether words have few different pairs of letters; whole documents are none of these."""
    met = np.zeros(len(codes), np.int64)
    for shift in range(0, 2 * WORD - 2, 2):
        met |= 1 << (codes >> shift & 15)
    plain: NDArray[np.bool_] = (_BITS[met] <= _PLAIN) & (codes < _SHORT)
    return plain


_BITS = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


class _Sought:
    """The words of the validation split, by bin and window, and which training has."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._hashes: list[NDArray[np.uint64]] = []
        self._bins: list[NDArray[np.int32]] = []
        self._plain: list[NDArray[np.bool_]] = []
        self._window_bases: list[NDArray[np.int64]] = []
        self._windows = 0

    def add(self, documents: _Documents) -> None:
        """Documents of the validation split."""
        lengths = np.diff(np.append(documents.starts, len(documents.bases))) - 1
        size = BIN * WINDOW * self._step
        windows = -(-lengths // size)
        first = np.cumsum(windows) - windows
        bases = np.full(int(windows.sum()), size, np.int64)
        bases[np.cumsum(windows) - 1] = lengths - (windows - 1) * size
        self._window_bases.append(bases)
        for hashes, codes, document, place in _words(documents, self._step):
            window = self._windows + first[document] + place // size
            self._hashes.append(hashes)
            bins = window * WINDOW + place % size // (BIN * self._step)
            self._bins.append(bins.astype(np.int32))
            self._plain.append(_are_plain(codes))
        self._windows += len(bases)

    def sort(self) -> None:
        """All are added; what follows is seen in training."""
        hashes, bins = np.concatenate(self._hashes), np.concatenate(self._bins)
        order = np.argsort(hashes)
        self._sorted, self._bin = hashes[order], bins[order]
        self._is_plain = np.concatenate(self._plain)[order]
        self._hashes, self._bins, self._plain = [], [], []
        self._first = np.flatnonzero(
            np.append(True, self._sorted[1:] != self._sorted[:-1])[: len(hashes)]
        )
        self._distinct = self._sorted[self._first]
        self._seen = np.zeros(len(self._distinct), np.bool_)
        # Low bits: a sample takes the hashes with low high ones.
        self._mask = np.uint64((1 << _FILTER_BITS) - 1)
        self._filter = np.zeros(1 << _FILTER_BITS, np.bool_)
        self._filter[self._distinct & self._mask] = True

    def see(self, hashes: NDArray[np.uint64]) -> None:
        """Words of the training split."""
        if not len(self._distinct):
            return
        likely = hashes[self._filter[hashes & self._mask]]
        place = np.searchsorted(self._distinct, likely)
        place[place == len(self._distinct)] = 0
        self._seen[place[self._distinct[place] == likely]] = True

    def counts(self) -> dict[str, int]:
        """As :func:`held_out_copies`."""
        bins = self._windows * WINDOW
        telling = np.zeros(self._windows, np.bool_)
        telling[self._bin[~self._is_plain] // WINDOW] = True
        used = ~self._is_plain | ~telling[self._bin // WINDOW]
        occupied, hit = np.zeros(bins, np.bool_), np.zeros(bins, np.bool_)
        occupied[self._bin[used]] = True
        copies = np.diff(np.append(self._first, len(self._bin)))
        hit[self._bin[used & np.repeat(self._seen, copies)]] = True
        held = occupied.reshape(-1, WINDOW).sum(1)
        near = (held > 0) & (hit.reshape(-1, WINDOW).sum(1) >= SHARE * held)
        bases = np.concatenate(self._window_bases)
        plain = self._is_plain[self._first]
        counted = self._seen if plain.all() else self._seen[~plain]
        return {
            COMPARED: int(bases[held > 0].sum()),
            NEAR: int(bases[near].sum()),
            WORDS: len(counted),
            SHARED: int(counted.sum()),
        }
