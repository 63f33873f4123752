"""2bit gives back what was packed, in every variant, and refuses what is damaged."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modalities.errors import InputError
from pipelines.formats.fasta import read_fasta
from pipelines.formats.twobit import read_twobit


def runs(flags: list[bool]) -> list[tuple[int, int]]:
    """Start and length of every stretch that is true."""
    found: list[tuple[int, int]] = []
    for position, flag in enumerate(flags):
        if flag and found and sum(found[-1]) == position:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif flag:
            found.append((position, 1))
    return found


def pack(
    records: dict[str, str],
    order: str = "<",
    version: int = 0,
    extra: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] | None = None,
) -> bytes:
    """A 2bit file, letter by letter; ``extra`` gives stretches of N and lower case as they are."""

    def integers(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}I", *values)

    bodies = []
    for name, letters in records.items():
        unknown, masked = (extra or {}).get(
            name, (runs([c in "Nn" for c in letters]), runs([c.islower() for c in letters]))
        )
        body = integers(len(letters))
        for blocks in (unknown, masked):
            body += integers(len(blocks), *[b[0] for b in blocks], *[b[1] for b in blocks])
        body += integers(0)
        codes = ["TCAG".index(c) if c in "TCAG" else 0 for c in letters.upper()]
        codes += [0] * (-len(codes) % 4)
        for i in range(0, len(codes), 4):
            a, b, c, d = codes[i : i + 4]
            body += bytes([a << 6 | b << 4 | c << 2 | d])
        bodies.append(body)
    wide = "Q" if version else "I"
    offset = 16 + sum(1 + len(name.encode()) + struct.calcsize(wide) for name in records)
    head = integers(0x1A412743, version, len(records), 0)
    for name, body in zip(records, bodies, strict=True):
        head += bytes([len(name.encode())]) + name.encode() + struct.pack(f"{order}{wide}", offset)
        offset += len(body)
    return head + b"".join(bodies)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


sequences = st.dictionaries(
    st.text("abcXYZ.:|_é", min_size=1, max_size=8),
    st.text("ACGTNacgtn", min_size=1, max_size=40),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequences, st.sampled_from("<>"), st.sampled_from([0, 1]), st.booleans())
def test_it_reads_as_the_fasta_that_was_packed(
    tmp_path: Path, records: dict[str, str], order: str, version: int, compressed: bool
) -> None:
    data = pack(records, order, version)
    path = write(tmp_path / "a.2bit", gzip.compress(data) if compressed else data)
    fasta = write(
        tmp_path / "a.fa", "".join(f">{n}\n{letters}\n" for n, letters in records.items()).encode()
    )
    for ours, theirs in zip(read_twobit(path), read_fasta(fasta), strict=True):
        assert (ours.name, ours.counts) == (theirs.name, theirs.counts)
        assert np.array_equal(ours.tokens, theirs.tokens)
        assert np.array_equal(ours.soft_mask, theirs.soft_mask)
        assert ours.tokens.dtype == np.uint8


def test_stretches_may_be_empty_overlap_or_reach_the_end(tmp_path: Path) -> None:
    data = pack({"a": "ACGTACG"}, extra={"a": ([(0, 0), (1, 3), (2, 1), (7, 0)], [(5, 2)])})
    (record,) = read_twobit(write(tmp_path / "a.2bit", data))
    assert record.tokens.tolist() == [0, 4, 4, 4, 0, 1, 2]
    assert record.soft_mask.tolist() == [False] * 5 + [True] * 2


def test_records_may_lie_in_another_order_than_the_index(tmp_path: Path) -> None:
    data = bytearray(pack({"a": "ACGT", "b": "TTTT"}))
    first, second = data[18:22], data[24:28]
    data[18:22], data[24:28] = second, first
    found = {
        r.name: r.tokens.tolist() for r in read_twobit(write(tmp_path / "a.2bit", bytes(data)))
    }
    assert found == {"a": [3, 3, 3, 3], "b": [0, 1, 2, 3]}


GOOD = pack({"a": "ACGT", "b": "ACGTACGTA"})

DAMAGED = {
    "empty file": (b"", "no 2bit signature"),
    "FASTA": (b">a\nACGT\n", "no 2bit signature; is it FASTA"),
    "no header": (GOOD[:9], "header: ends at byte 9, expected at least 12: the file is truncated"),
    "cut index": (GOOD[:19], "index: ends at byte 19"),
    "cut record": (GOOD[:-1], r"record b: ends at byte \d+, .*; fetch it again"),
    "another version": (pack({"a": "A"}).replace(bytes(4), b"\7\0\0\0", 1), "version 7, this"),
    "no records": (pack({}), "index: no records"),
    "empty record": (pack({"a": ""}), "record a: the record has no bases; remove it"),
    "a name twice": (GOOD.replace(b"\1b", b"\1a", 1), "'a' is there twice"),
    "no name": (pack({"": "ACGT"}), "the name '' is empty"),
    "name not UTF-8": (GOOD.replace(b"\1b", b"\1\xff", 1), "is not UTF-8"),
    "N beyond the end": (
        pack({"a": "ACGT"}, extra={"a": ([(2, 3)], [])}),
        "record a: a stretch of N ends at base 5 of 4",
    ),
    "mask beyond the end": (
        pack({"a": "ACGT"}, extra={"a": ([], [(0, 2**32 - 1)])}),
        "record a: a stretch of lower case ends at base 4294967295 of 4",
    ),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_damaged_is_refused(tmp_path: Path, what: str) -> None:
    data, message = DAMAGED[what]
    path = write(tmp_path / "a.2bit", data)
    with pytest.raises(InputError, match=message) as caught:
        list(read_twobit(path))
    assert str(path) in str(caught.value)


def test_no_cut_or_changed_byte_is_a_traceback(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    good = pack({"a": "ACGTNNacg", "bb": "ACGTACGTA"})
    path = tmp_path / "a.2bit"
    refused = 0
    for position in range(len(good)):
        for data in (
            good[:position],
            good[:position] + bytes([generator.integers(256)]) + good[position + 1 :],
        ):
            try:
                list(read_twobit(write(path, data)))
            except InputError:
                refused += 1
    assert refused > len(good)
