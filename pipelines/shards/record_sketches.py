"""What tells the records of genomes apart, or alike, on either strand; a megabyte in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modalities import dna
from modalities.base import Tokens
from modalities.dna_words import canonical_words, mixed
from pipelines.batches.held_out_copies import WORD
from pipelines.documents.duplicates import PERMUTATIONS, Signatures, minhash, new_sketch

_DIGEST = 16  # bytes of sha256
_BLOCK = 1 << 20  # bases
_PART = 1 << 16  # bases at a time: the arrays stay in the cache
# The lowest hashes of a record stand for all of them (Broder 1997): a Jaccard similarity of 0.8
# comes out within 0.02, whatever the record's length.
_LOWEST = 4096
_MOST_WORDS = 1 << 22  # of all records together, for groups: 100 MB
_LOW_BITS = np.uint64(0xFFFFFFFF)  # the high ones decide what is sampled


@dataclass(frozen=True)
class Records:
    """Sketches of N records, in the order of the files.

    Attributes:
        names: of the records.
        signatures: as of one unit of documents; a record's digest is the same for its reverse
            complement.
        words, holders: sampled words, below 2**32, and the record of each, sorted by both.
    """

    names: list[str]
    signatures: Signatures
    words: NDArray[np.int64]
    holders: NDArray[np.int64]


def sketch_records(
    pieces: Iterator[tuple[str, Tokens, bool]],
    lengths: Sequence[int],
    *,
    near: bool,
    groups: bool,
    progress: Callable[[int], object],
) -> Records:
    """Sketches of records that come in pieces.

    Args:
        pieces: a record's name, tokens of ``dna`` that follow, and whether they are its last.
        lengths: bases of each record, in their order.
        near: whether near duplicates are looked for.
        groups: whether similar records are.
        progress: told the number of bases read.

    Raises:
        UsageError: near duplicates are asked for without datasketch.
    """
    step = max(1, -(-sum(lengths) // _MOST_WORDS)) if groups else 0
    sketch = new_sketch() if near else None
    names: list[str] = []
    digests, minhashes, compared, held = [], [], [], [np.zeros(0, np.int64)]
    record: _Sketch | None = None
    for name, tokens, ends in pieces:
        if record is None:
            record = _Sketch(lengths[len(names)], _LOWEST if near else 0, step)
        record.take(tokens)
        progress(len(tokens))
        if not ends:
            continue
        digest = record.digest()
        digests.append(digest)
        if near:
            minhashes.append(minhash((record.lowest & _LOW_BITS).astype(np.uint32), sketch))
            compared.append(len(record.lowest) > 0)
        if groups:
            words = (np.concatenate(record.sampled) & _LOW_BITS).astype(np.int64)
            # The digest is a word too: records without others are alike where they are equal.
            whole = int.from_bytes(digest[:4], "big")
            held.append(np.unique(np.append(words, whole)) << 31 | len(names))
        names.append(name)
        record = None
    pairs = np.sort(np.concatenate(held))
    return Records(
        names,
        Signatures(
            np.arange(len(names)),
            np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST),
            np.array(minhashes, np.uint32).reshape(-1, PERMUTATIONS),
            np.array(compared, np.bool_),
        ),
        pairs >> 31,
        pairs & ((1 << 31) - 1),
    )


class _Sketch:
    """One record as it comes."""

    def __init__(self, bases: int, lowest: int, step: int) -> None:
        self.lowest = np.zeros(0, np.uint64)
        self.sampled = [np.zeros(0, np.uint64)]
        self._most = lowest
        self._step = step
        self._carry = np.zeros(0, np.uint8)
        self._forward = _Blocks(_BLOCK, turned=False)
        # The reverse complement begins with the last bases: its blocks are counted from there.
        self._reverse = _Blocks(bases % _BLOCK or _BLOCK, turned=True)

    def take(self, tokens: Tokens) -> None:
        self._forward.take(tokens)
        self._reverse.take(tokens)
        if not self._most and not self._step:
            return
        joined = np.concatenate([self._carry, tokens])
        self._carry = joined[max(0, len(joined) - WORD + 1) :]
        for start in range(0, len(joined) - WORD + 1, _PART):
            self._see(mixed(canonical_words(joined[start : start + _PART + WORD - 1], WORD)[0]))

    def _see(self, hashes: NDArray[np.uint64]) -> None:
        if self._most:
            full = len(self.lowest) == self._most
            new = hashes[hashes < self.lowest[-1]] if full else hashes
            if len(new):
                self.lowest = np.unique(np.append(self.lowest, new))[: self._most]
        if self._step:
            self.sampled.append(hashes[hashes <= np.uint64((2**64 - 1) // self._step)])

    def digest(self) -> bytes:
        forward = hashlib.sha256(b"".join(self._forward.finish())).digest()
        reverse = hashlib.sha256(b"".join(reversed(self._reverse.finish()))).digest()
        return min(forward, reverse)[:_DIGEST]


class _Blocks:
    """A record in blocks of ``_BLOCK`` bases after a first one, and a digest of each."""

    def __init__(self, first: int, *, turned: bool) -> None:
        self._size = first
        self._turned = turned
        self._held = bytearray()
        self._digests: list[bytes] = []

    def take(self, tokens: Tokens) -> None:
        self._held += tokens.tobytes()
        while len(self._held) >= self._size:
            self._add(bytes(self._held[: self._size]))
            del self._held[: self._size]
            self._size = _BLOCK

    def finish(self) -> list[bytes]:
        """In the order of the record."""
        if self._held:
            self._add(bytes(self._held))
            self._held.clear()
        return self._digests

    def _add(self, block: bytes) -> None:
        if self._turned:
            block = dna.reverse_complement(np.frombuffer(block, np.uint8)).tobytes()
        self._digests.append(hashlib.sha256(block).digest())
