"""A bigWig read back, every block of it, by nothing that has written it.

The layout is that of Kent et al., BigWig and BigBed (Bioinformatics 2010), supplementary tables 5
to 19. Blocks are packed by zlib, with a checksum each.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MAGIC, _TREE, _INDEX = 0x888FFC26, 0x78CA8C91, 0x2468ACE0
_HEADER = struct.Struct("=IHHQQQHHQQIQ")
_ZOOM = struct.Struct("=IIQQ")
_SECTION = struct.Struct("=IIIIIBBH")
_KINDS = {2: np.dtype([("start", "=u4"), ("value", "=f4")]), 3: np.dtype([("value", "=f4")])}

Part = tuple[str, int, NDArray[np.float32]]


def check_bigwig(path: str | Path, lengths: Mapping[str, int], parts: Sequence[Part]) -> None:
    """Hold a file against what it was made of.

    Args:
        lengths: bases of each record, in the order of the file.
        parts: name of a record, where values begin, and the values of bases in a row, in the order
            of the file; NaN: none.

    Raises:
        OSError: something is missing, or was not written as it should be.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            whole = _is_whole(data, lengths, parts)
        except (struct.error, zlib.error, ValueError, IndexError, AssertionError):
            whole = False
    if not whole:
        raise OSError("what was read back is not what was written")


def _is_whole(data: mmap.mmap, lengths: Mapping[str, int], parts: Sequence[Part]) -> bool:
    magic, _, zooms, tree, _, index, *_ = _HEADER.unpack_from(data)
    # The last thing that is written is the same number again.
    if magic != _MAGIC or data[-4:] != data[:4] or _names(data, tree) != list(lengths.items()):
        return False
    for level in range(zooms):
        *_, own = _ZOOM.unpack_from(data, _HEADER.size + level * _ZOOM.size)
        for _ in _blocks(data, own):
            pass
    numbers = {name: number for number, name in enumerate(lengths)}
    ahead = iter(parts)
    left = sum(np.count_nonzero(~np.isnan(values)) for _, _, values in parts)
    at, first, values = -1, 0, np.empty(0, np.float32)
    end = 0
    for block in _blocks(data, index):
        record, start, _, step, _, kind, _, count = _SECTION.unpack_from(block)
        items = np.frombuffer(block, _KINDS[kind], count, _SECTION.size)
        places = items["start"].astype(np.int64) if kind == 2 else start + step * np.arange(count)
        while (record, places[0]) >= (at, first + len(values)):
            name, first, values = next(ahead)
            at, end = numbers[name], 0
        if record != at or places[0] < max(first, end) or (np.diff(places) <= 0).any():
            return False
        if not np.array_equal(items["value"], values[places - first]):
            return False
        end = places[-1] + 1
        left -= count
    return left == 0


def _names(data: mmap.mmap, offset: int) -> list[tuple[str, int]]:
    """Names and lengths of the records, as the tree has them."""
    magic, _, key_size, _, _, _ = struct.unpack_from("=IIIIQQ", data, offset)
    assert magic == _TREE
    leaf, inner = struct.Struct(f"={key_size}sII"), struct.Struct(f"={key_size}sQ")

    def walk(at: int) -> Iterator[tuple[str, int]]:
        is_leaf, _, count = struct.unpack_from("=BBH", data, at)
        for item in range(count):
            if is_leaf:
                key, _, length = leaf.unpack_from(data, at + 4 + item * leaf.size)
                yield key.rstrip(b"\0").decode(), length
            else:
                yield from walk(inner.unpack_from(data, at + 4 + item * inner.size)[1])

    return list(walk(offset + 32))


def _blocks(data: mmap.mmap, offset: int) -> Iterator[bytes]:
    """The blocks of an index, in its order."""
    assert struct.unpack_from("=I", data, offset)[0] == _INDEX

    def walk(at: int) -> Iterator[bytes]:
        is_leaf, _, count = struct.unpack_from("=BBH", data, at)
        for item in range(count):
            if is_leaf:
                begin, size = struct.unpack_from("=QQ", data, at + 20 + item * 32)
                yield zlib.decompress(data[begin : begin + size])
            else:
                yield from walk(struct.unpack_from("=Q", data, at + 20 + item * 24)[0])

    return walk(offset + 48)
