"""The writer: what documents become in tars, and what is said of them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modalities.errors import UsageError
from pipelines.shards.manifest import Blocks, Shard
from pipelines.shards.spans import Spans
from pipelines.shards.tar_file import TarFile
from pipelines.shards.writer import ShardWriter


class Document(NamedTuple):
    name: str
    start: int
    label: str
    tokens: np.ndarray


def documents(*lengths: int, labels: Sequence[str] = ("",)) -> list[Document]:
    generator = np.random.default_rng(0)
    return [
        Document(
            f"record.{i}|x",
            10 * i,
            labels[i % len(labels)],
            generator.integers(0, 4, length, np.uint8),
        )
        for i, length in enumerate(lengths)
    ]


def write(
    folder: Path,
    items: list[Document],
    block_size: int = 100,
    shard_size: int = 250,
    piece: int | None = None,
) -> list[Shard]:
    folder.mkdir(exist_ok=True)
    with ShardWriter(folder, "train", block_size=block_size, shard_size=shard_size) as writer:
        for item in items:
            if piece is None:
                writer.add(item.name, item.tokens, start=item.start, label=item.label)
                continue
            writer.begin(item.name, start=item.start, label=item.label)
            for at in range(0, len(item.tokens), piece):
                writer.append(item.tokens[at : at + piece])
            writer.end()
    return writer.shards


def all_blocks(shards: list[Shard]) -> Blocks:
    return Blocks(
        **{
            name: np.concatenate([getattr(shard.blocks, name) for shard in shards])
            for name in Blocks.__annotations__
            if name != "weight"
        }
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# WebDataset leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_plain_webdataset_reads_the_tokens_back(tmp_path: Path) -> None:
    items = documents(30, 40, 50, 333, 7, 100, labels=["de", "en"])
    shards = write(tmp_path, items)
    urls = [str(tmp_path / shard.name) for shard in shards]
    got: dict[tuple[str, int, str], bytes] = {}
    keys = []
    for sample in webdataset.WebDataset(urls, shardshuffle=False, empty_check=False):
        keys.append(sample["__key__"])
        spans = Spans(**json.loads(sample["json"]))
        assert sum(spans.tokens) == len(sample["bin"])
        offset = 0
        for name, start, count in zip(spans.names, spans.starts, spans.tokens, strict=True):
            place = (name, start, spans.label)
            assert len(got.get(place, b"")) == (spans.position if offset == 0 else 0)
            got[place] = got.get(place, b"") + sample["bin"][offset : offset + count]
            offset += count
    assert got == {(item.name, item.start, item.label): item.tokens.tobytes() for item in items}
    assert keys == [shard.block_key(i) for shard in shards for i in range(len(shard.blocks))]
    assert keys == sorted(keys)
    assert keys[0] == "train-00000-0000000"


def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, documents(30, 333, 70, 100))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert sorted(contents(tmp_path / "a")) == [f"train-00000-000{i}.tar" for i in range(3)]
    for path in (tmp_path / "a").iterdir():
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
        assert [m.name for m in members] == sorted(m.name for m in members)


def test_the_manifest_entry_says_what_is_in_the_file(tmp_path: Path) -> None:
    for shard in write(tmp_path, documents(30, 40, 50, 333, 7, labels=["de", "en"])):
        data, blocks = (tmp_path / shard.name).read_bytes(), shard.blocks
        assert len(data) == shard.bytes
        assert hashlib.sha256(data).hexdigest() == shard.sha256
        assert shard.tokens == blocks.tokens.sum() <= 250
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            assert len(tar.getmembers()) == 2 * len(blocks)
            for i in range(len(blocks)):
                tokens = tar.getmember(f"{shard.block_key(i)}.bin")
                described = tar.getmember(f"{shard.block_key(i)}.json")
                assert tokens.offset_data == blocks.offset[i]
                assert tokens.size == blocks.tokens[i]
                assert described.offset_data == blocks.spans_offset[i]
                assert described.size == blocks.spans_bytes[i]
                inside = data[tokens.offset_data : tokens.offset_data + tokens.size]
                assert zlib.crc32(inside) == blocks.crc32[i]
                inside = data[described.offset_data : described.offset_data + described.size]
                assert zlib.crc32(inside) == blocks.spans_crc32[i]
                assert Spans.from_json(inside).label == shard.labels[blocks.label[i]]
                assert len(Spans.from_json(inside).names) == blocks.documents[i]


def test_short_documents_share_a_block_and_long_ones_have_their_own(tmp_path: Path) -> None:
    shards = write(tmp_path, documents(30, 40, 50, 233, 7, 100))
    blocks = all_blocks(shards)
    rows = zip(
        blocks.tokens.tolist(),
        blocks.documents.tolist(),
        blocks.position.tolist(),
        blocks.document_tokens.tolist(),
        strict=True,
    )
    # A long one is written as it comes, the short ones when a block of theirs is full.
    assert list(rows) == [
        (70, 2, 0, 70),
        (100, 1, 0, 233),
        (100, 1, 100, 233),
        (33, 1, 200, 233),
        (57, 2, 0, 57),
        (100, 1, 0, 100),
    ]
    assert sum(shard.documents for shard in shards) == 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lengths=st.lists(st.integers(2, 70), min_size=1, max_size=8),
    block_size=st.integers(2, 30),
    piece=st.integers(1, 80),
)
def test_a_document_given_in_pieces_is_written_as_if_given_whole(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], block_size: int, piece: int
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    items = documents(*lengths, labels=["a", "b"])
    sizes = {"block_size": block_size, "shard_size": 3 * block_size}
    whole = write(folder / "whole", items, **sizes)
    pieces = write(folder / "pieces", items, piece=piece, **sizes)
    assert contents(folder / "whole") == contents(folder / "pieces")
    blocks = all_blocks(pieces)
    for name, column in vars(all_blocks(whole)).items():
        assert np.array_equal(getattr(blocks, name), column), name
    # A part of a long document says how long that is, though it was not known when it was written.
    long = sorted(length for length in lengths if length > block_size)
    ends = (blocks.position > 0) & (blocks.position + blocks.tokens == blocks.document_tokens)
    assert sorted(blocks.document_tokens[ends].tolist()) == long
    assert blocks.tokens.sum() == sum(lengths)
    assert blocks.tokens.max() <= block_size


def test_a_long_document_is_written_as_it_comes(tmp_path: Path) -> None:
    """What is held of it is a block at most, whatever its length."""
    with ShardWriter(tmp_path, "train", block_size=100, shard_size=10_000) as writer:
        writer.begin("x")
        for number in range(300):
            writer.append(np.zeros(70, np.uint8))
            assert writer._open is not None
            assert writer._open.held <= 100
            assert writer._blocks_written == max(0, (70 * (number + 1) - 1) // 100)
        writer.end()
    assert all_blocks(writer.shards).document_tokens.tolist() == [21_000] * 210


def test_a_block_holds_documents_of_one_label(tmp_path: Path) -> None:
    items = documents(*[10] * 60, 120, 130, labels=["de", "en", ""])
    shards = write(tmp_path, items, shard_size=10_000)
    (shard,) = shards
    assert sorted(shard.labels) == ["", "de", "en"]
    counts = np.bincount(shard.blocks.label, weights=shard.blocks.tokens, minlength=3)
    found = dict(zip(shard.labels, counts.astype(int).tolist(), strict=True))
    wanted = {
        label: sum(len(item.tokens) for item in items if item.label == label)
        for label in ("de", "en", "")
    }
    assert found == wanted
    with tarfile.open(tmp_path / shard.name) as tar:
        for i in range(len(shard.blocks)):
            member = tar.extractfile(f"{shard.block_key(i)}.json")
            assert member is not None
            spans = Spans.from_json(member.read())
            numbers = [int(name.split(".")[1].split("|")[0]) for name in spans.names]
            assert {items[number].label for number in numbers} == {spans.label}


@pytest.mark.parametrize("order", ["drawn", "in turn"])
def test_blocks_of_many_labels_do_not_all_wait_to_be_full(tmp_path: Path, order: str) -> None:
    labels = np.arange(5000) % 250  # of 90 tokens each, they would wait for 22,500
    if order == "drawn":
        labels = np.random.default_rng(1).permutation(labels)
    with ShardWriter(tmp_path, "train", block_size=100, shard_size=100_000) as writer:
        most = 0
        for label in labels.tolist():
            writer.add("x", np.zeros(10, np.uint8), label=str(label))
            most = max(most, sum(waiting.tokens for waiting in writer._waiting.values()))
    assert most <= 64 * 100
    assert len({label for shard in writer.shards for label in shard.labels}) == 250
    assert sum(shard.tokens for shard in writer.shards) == 50_000


def test_documents_with_nothing_to_predict_are_dropped_and_counted(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "train", block_size=10, shard_size=10) as writer:
        for length in (0, 1, 1, 2):
            writer.add("x", np.zeros(length, np.uint8))
    assert writer.dropped_short == 2
    assert [shard.tokens for shard in writer.shards] == [2]


def test_nothing_written_is_no_shard(tmp_path: Path) -> None:
    assert write(tmp_path, []) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["NC_000001.11:0-100", "a/b"])
def test_a_key_that_webdataset_would_split_is_refused(tmp_path: Path, key: str) -> None:
    tar = TarFile(tmp_path / "x.tar")
    with pytest.raises(ValueError, match="dot or a slash"):
        tar.add(key, "bin", b"")
    tar.close()


@pytest.mark.parametrize(
    ("block_size", "shard_size", "option"),
    [(0, 10, "block_size"), (1, 10, "block_size"), (10, 9, "shard_size")],
)
def test_sizes_that_hold_nothing_are_refused(
    tmp_path: Path, block_size: int, shard_size: int, option: str
) -> None:
    with pytest.raises(UsageError, match=option):
        ShardWriter(tmp_path, "train", block_size=block_size, shard_size=shard_size)


def test_a_split_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split is 'test'"):
        ShardWriter(tmp_path, "test")
