"""Documents that occur again: the same bytes, or nearly the same words.

Two steps, so that the first can run in many processes and the result does not depend on how many:
`signatures` reads one unit, `find_duplicates` goes through all units in their order and keeps the
first of each kind.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modalities.errors import UsageError
from pipelines.documents.options import DocumentOptions
from pipelines.documents.read import chosen
from pipelines.documents.records import Dropped
from pipelines.documents.unit import Unit

PERMUTATIONS = 128
SHINGLE = 5  # tokens
_DIGEST = 16  # bytes of sha256; two of 10^12 documents agree by chance with probability 10^-15
_BATCH = 4096  # shingles hashed at once: 2 MiB of permuted hashes
# Of false candidates and of missed ones. The first cost a comparison, the second are lost: with
# equal weights three in five pairs at a similarity of 0.8 are missed, with these one in twenty.
_WEIGHTS = (0.05, 0.95)
# Words of ASCII letters; other characters alone, since many scripts write without blanks.
_TOKEN = re.compile(rb"[0-9A-Za-z_]+|[\xc0-\xff][\x80-\xbf]*|[^\s0-9A-Za-z_]")
_STRETCH = 1 << 20  # bytes of which the tokens are held at once
# Odd, so that multiplication loses nothing; the digits of the golden ratio.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Signatures:
    """What tells the n documents of a unit apart.

    Attributes:
        indices: (n,) int64, the index of each among all that `read_unit` yields, dropped ones
            counted.
        digests: (n, 16) uint8, the beginning of each sha256.
        minhashes: (n, 128) uint32 where near duplicates are looked for, otherwise (0, 128).
        compared: (n,) bool, whether a document has enough tokens for near duplicates; (0,) where
            these are not looked for.
    """

    indices: NDArray[np.int64]
    digests: NDArray[np.uint8]
    minhashes: NDArray[np.uint32]
    compared: NDArray[np.bool_]


def signatures(unit: Unit, options: DocumentOptions) -> Signatures:
    """Signatures of a unit's documents: 24 bytes each, with near duplicates 537.

    Raises:
        InputError: as `read_unit`.
        UsageError: near duplicates are asked for without datasketch.
    """
    near = options.duplicates == "near"
    indices, digests, minhashes, compared = [], [], [], []
    sketch = new_sketch() if near else None
    for index, item in enumerate(chosen(unit, options)):
        if isinstance(item, Dropped):
            continue
        indices.append(index)
        data = item[0].data
        digests.append(hashlib.sha256(data).digest()[:_DIGEST])
        if near:
            hashes = _shingles(data)
            minhashes.append(minhash(hashes, sketch))
            compared.append(hashes.size > 0)
    return Signatures(
        np.array(indices, np.int64),
        np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST),
        np.array(minhashes, np.uint32).reshape(-1, PERMUTATIONS),
        np.array(compared, np.bool_),
    )


def find_duplicates(
    units: Sequence[Signatures], options: DocumentOptions
) -> dict[int, dict[int, str]]:
    """The documents to drop: index of a unit to index of a document to the reason.

    A document's index is that in ``enumerate(read_unit(unit, options))``.

    A document is a near duplicate of one that is kept, with an estimated Jaccard similarity of
    their shingles (Broder 1997) of at least ``similarity``. Locality-sensitive hashing finds the
    candidates; it misses about one in twenty at that similarity, fewer above. Memory is about 180
    bytes a document, and with near duplicates 6 KB for each that is kept.

    Raises:
        UsageError: near duplicates are asked for without datasketch.
    """
    found: dict[int, dict[int, str]] = {}
    if options.duplicates == "keep":
        return found
    seen: set[bytes] = set()
    index = _NearIndex(units, options.similarity) if options.duplicates == "near" else None
    for number, unit in enumerate(units):
        for row, (document, digest) in enumerate(
            zip(unit.indices.tolist(), map(bytes, unit.digests), strict=True)
        ):
            if digest in seen:
                found.setdefault(number, {})[document] = "duplicate"
                continue
            # Of a near duplicate too: a later copy of it is a plain duplicate.
            seen.add(digest)
            if index and index.has_near(number, row):
                found.setdefault(number, {})[document] = "near_duplicate"
    return found


class _NearIndex:
    """The kept documents by their minhashes."""

    def __init__(self, units: Sequence[Signatures], similarity: float) -> None:
        self._units = units
        self._similarity = similarity
        self._index = _datasketch().MinHashLSH(
            threshold=similarity, num_perm=PERMUTATIONS, weights=_WEIGHTS
        )

    def has_near(self, number: int, row: int) -> bool:
        """Whether a near duplicate is kept; if not, this document is."""
        unit = self._units[number]
        if not unit.compared[row]:
            return False
        values = unit.minhashes[row]
        sketch = _datasketch().LeanMinHash(seed=1, hashvalues=values, scheme="affine32")
        for other_number, other_row in self._index.query(sketch):
            agreeing = np.count_nonzero(self._units[other_number].minhashes[other_row] == values)
            if agreeing >= self._similarity * PERMUTATIONS:
                return True
        self._index.insert((number, row), sketch, check_duplication=False)
        return False


def _shingles(data: bytes) -> NDArray[np.uint32]:
    """Hashes of all runs of `SHINGLE` tokens, each once; none where there are fewer tokens."""
    words = np.fromiter(_token_hashes(data), np.uint64)
    if words.size < SHINGLE:
        return np.zeros(0, np.uint32)
    mixed = np.zeros(words.size - SHINGLE + 1, np.uint64)
    for place in range(SHINGLE):
        mixed = mixed * _MULTIPLIER + words[place : place + mixed.size]
    mixed *= _MULTIPLIER
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


def _token_hashes(data: bytes) -> Iterator[int]:
    # A token at the end of a stretch may fall in two: one of 100,000.
    stretches = (data[start : start + _STRETCH] for start in range(0, len(data), _STRETCH))
    return map(zlib.crc32, chain.from_iterable(map(_TOKEN.findall, stretches)))


def new_sketch() -> Any:
    """What :func:`minhash` computes with; UsageError without datasketch."""
    return _datasketch().MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int, scheme="affine32")


def minhash(hashes: NDArray[np.uint32], sketch: Any) -> NDArray[np.uint32]:
    """(128,) of a set of hashes."""
    sketch.clear()
    for start in range(0, hashes.size, _BATCH):
        sketch.update_batch(hashes[start : start + _BATCH].tolist())
    return sketch.digest()


def _datasketch() -> Any:
    try:
        import datasketch
    except ImportError:
        raise UsageError(
            "--duplicates", "near needs datasketch; pip install 'hnet-seq[dedup]'"
        ) from None
    return datasketch
