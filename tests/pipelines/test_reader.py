"""Blocks out of shards: by label, without those that are damaged, and nothing else than written."""

from __future__ import annotations

import mmap
import pickle
import weakref
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modalities.errors import InputError, UsageError
from pipelines.batches import reader as reader_module
from pipelines.batches.reader import BlockReader
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import TokenBatches
from pipelines.shards.manifest import Manifest, Shard
from pipelines.shards.open_shards import check_hashes, open_shards
from pipelines.storage.folders import ShardStore
from tests.pipelines.made_shards import Written, flip, random_documents, write_shards

# From a few tokens to several shards, so that documents of every kind are near a damaged one.
LENGTHS = (3000, 11, 2, 700, 256, 64, 65, 5, 1500, 40, 300, 90)
LABELS = ("de", "en", "")


@pytest.fixture
def documents() -> list[Written]:
    return random_documents(LENGTHS, LABELS)


@pytest.fixture
def folder(tmp_path: Path, documents: list[Written]) -> Path:
    return write_shards(tmp_path / "shards", documents)


def train_shards(folder: Path) -> list[Shard]:
    return Manifest.load(folder).of("train")


def opened(folder: Path, labels: Sequence[str] | None = None, skip: bool = False) -> BlockReader:
    return BlockReader(*open_shards(folder), "train", labels, skip)


def names_in(folder: Path, shard: Shard) -> set[str]:
    """Documents that have tokens in a shard."""
    reader = opened(folder)
    ends = np.cumsum([len(s.blocks) for s in train_shards(folder)])
    at = [s.name for s in train_shards(folder)].index(shard.name)
    blocks = range(ends[at] - len(shard.blocks), ends[at])
    return {name for block in blocks for name in reader.spans(block).names}


def texts(reader: BlockReader) -> dict[str, bytes]:
    """Every document of a reader by name, put together from its blocks."""
    found: dict[str, bytes] = {}
    for block in range(len(reader.blocks)):
        spans, offset = reader.spans(block), 0
        for name, count in zip(spans.names, spans.tokens, strict=True):
            part = reader.read(block, offset, count).tobytes()
            found[name] = found.get(name, b"") + part
            offset += count
    return found


def test_documents_are_read_back_with_their_labels(folder: Path, documents: list[Written]) -> None:
    found = {d.name: (d.label, d.tokens.tobytes()) for d in read_documents(folder, "train")}
    assert found == {d.name: (d.label, d.tokens.tobytes()) for d in documents}


@pytest.mark.parametrize("labels", [["de"], ["en", ""], ["de", "en", ""]])
def test_reading_by_label_gives_exactly_the_documents_with_it(
    folder: Path, documents: list[Written], labels: list[str]
) -> None:
    wanted = {d.name: d.tokens.tobytes() for d in documents if d.label in labels}
    assert texts(opened(folder, labels)) == wanted
    total = sum(len(tokens) for tokens in wanted.values())
    assert opened(folder, labels).blocks.tokens.sum() == total
    counts = Manifest.load(folder).label_tokens("train")
    assert sum(counts[label] for label in labels) == total


def test_labels_are_found_in_any_case(folder: Path, documents: list[Written]) -> None:
    wanted = {d.name: d.tokens.tobytes() for d in documents if d.label in ("de", "en")}
    assert texts(opened(folder, ["DE", "En"])) == wanted


def test_a_label_that_is_not_there_is_named_with_those_that_are(folder: Path) -> None:
    with pytest.raises(UsageError, match="has no label 'fr'; there are: , de, en"):
        opened(folder, ["de", "fr"])


def test_more_shards_than_are_mapped_at_once_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = random_documents([100] * 150)
    folder = write_shards(tmp_path / "many", documents, block_size=100, shard_size=100)
    assert len(train_shards(folder)) == 150
    reader = opened(folder)
    for _ in range(2):
        assert texts(reader) == {d.name: d.tokens.tobytes() for d in documents}
        assert len(reader._maps) == 64
    # A block is not compared again when its shard is mapped again.
    monkeypatch.setattr(reader_module, "crc32", lambda data: -1)
    reader.read(0, 0, 100)


def test_no_more_shards_stay_mapped_than_are_mapped_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(train_shards(folder)) > 3
    monkeypatch.setattr(reader_module, "_MAPPED", 3)
    mapped: list[weakref.ref[mmap.mmap]] = []

    class Mapping(mmap.mmap):
        pass

    def track(*args: Any, **options: Any) -> mmap.mmap:
        found = Mapping(*args, **options)
        mapped.append(weakref.ref(found))
        return found

    fake = SimpleNamespace(mmap=track, ACCESS_READ=mmap.ACCESS_READ)
    monkeypatch.setattr(reader_module, "mmap", fake)
    reader = opened(folder)
    for block in range(len(reader.blocks)):
        reader.read(block, 0, 1)
        assert sum(each() is not None for each in mapped) <= 3
    assert len(mapped) == len(train_shards(folder))


def test_another_process_gets_the_reader_without_what_is_mapped(folder: Path) -> None:
    reader = opened(folder)
    found = texts(reader)
    sent = pickle.dumps(reader)
    assert len(sent) < 20_000
    assert texts(pickle.loads(sent)) == found


def test_a_missing_or_truncated_shard_is_named(folder: Path) -> None:
    path = folder / train_shards(folder)[1].name
    data = path.read_bytes()
    path.write_bytes(data[:-512])
    with pytest.raises(InputError, match=rf"{path.name}: has {len(data) - 512} bytes, the mani"):
        opened(folder)
    path.unlink()
    with pytest.raises(InputError, match=rf"{path.name}: is in the manifest but not"):
        opened(folder)


def test_a_shard_that_changes_its_size_while_it_is_used_is_named(folder: Path) -> None:
    reader = opened(folder)
    path = folder / train_shards(folder)[0].name
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match=rf"{path.name}: has changed its size"):
        reader.read(0, 0, 1)


def test_a_shard_with_other_contents_is_named(folder: Path) -> None:
    path = folder / train_shards(folder)[0].name
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(
        InputError, match=rf"{path.name}: no train-00000-0000000.bin at byte 512; copy"
    ):
        opened(folder).read(0, 0, 1)


def test_a_flipped_byte_of_a_block_is_noticed_when_the_block_is_read(folder: Path) -> None:
    shards = train_shards(folder)
    path, block = folder / shards[1].name, len(shards[0].blocks)
    before, key = shards[0].tokens, shards[1].block_key(0)
    source = TokenBatches(folder, shuffle=False, batch_tokens=64, context=64)
    assert len(source[0].input_ids) == 64
    flip(path, int(shards[1].blocks.offset[0] + shards[1].blocks.tokens[0] - 1))
    for k in range(before // 64 - 1):
        assert len(source[k].input_ids) == 64
    with pytest.raises(InputError, match=rf"{path.name}: {key}.bin: is damaged: it is not what"):
        _ = [source[k] for k in range(before // 64 + 5)]
    with pytest.raises(InputError, match="is damaged"):
        opened(folder).read(block, 0, 1)
    # Reading into it from the block before is no way around.
    with pytest.raises(InputError, match="is damaged"):
        opened(folder).read(block - 1, 0, int(shards[0].blocks.tokens[-1]) + 1)


def test_a_flipped_byte_of_what_names_the_documents_is_noticed(folder: Path) -> None:
    shard = train_shards(folder)[-1]
    flip(folder / shard.name, int(shard.blocks.spans_offset[0]) + 5)
    with pytest.raises(InputError, match=rf"{shard.name}: {shard.block_key(0)}.json: is damaged"):
        list(read_documents(folder, "train"))


@pytest.mark.parametrize("part", ["tokens", "names", "header", "padding", "end"])
def test_the_hashes_tell_a_flipped_byte_anywhere(folder: Path, part: str) -> None:
    store, manifest = open_shards(folder)
    told: list[int] = []
    check_hashes(store, manifest, told.append)
    assert sum(told) == sum(path.stat().st_size for path in folder.glob("*.tar"))
    shard = train_shards(folder)[-1]
    place = {
        "tokens": shard.blocks.offset[-1],
        "names": shard.blocks.spans_offset[-1],
        "header": shard.blocks.offset[-1] - 400,
        "padding": shard.blocks.spans_offset[-1] + shard.blocks.spans_bytes[-1],
        "end": shard.bytes - 1,
    }[part]
    flip(folder / shard.name, int(place))
    with pytest.raises(InputError, match=rf"{shard.name}: has sha256 .*; copy it again"):
        check_hashes(store, manifest)
    (folder / shard.name).unlink()
    with pytest.raises(InputError, match=rf"{shard.name}: is in the manifest but not"):
        check_hashes(store, manifest)


def test_everything_is_read_once_to_verify_it(folder: Path) -> None:
    opened(folder).verify()
    shard = train_shards(folder)[-1]
    flip(folder / shard.name, int(shard.blocks.offset[-1]))
    with pytest.raises(InputError, match="is damaged"):
        opened(folder).verify()


def damage(path: Path, kind: str) -> None:
    if kind == "missing":
        path.unlink()
    elif kind == "short":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        flip(path, path.stat().st_size // 2)


@pytest.mark.parametrize("kind", ["missing", "short", "flipped"])
def test_damaged_shards_are_skipped_with_all_their_documents(
    folder: Path, documents: list[Written], kind: str
) -> None:
    for shard in train_shards(folder):
        lost = names_in(folder, shard)
        intact = (folder / shard.name).read_bytes()
        damage(folder / shard.name, kind)
        if kind != "flipped":
            with pytest.raises(InputError, match=shard.name):
                opened(folder)
        reader = opened(folder, skip=True)
        assert list(reader.skipped) == [shard.name]
        assert reader.skipped[shard.name].startswith(f"{folder / shard.name}: ")
        wanted = {d.name: d.tokens.tobytes() for d in documents if d.name not in lost}
        assert texts(reader) == wanted
        assert reader.skipped_tokens + sum(map(len, wanted.values())) == sum(LENGTHS)
        (folder / shard.name).write_bytes(intact)


def test_a_document_that_goes_on_in_a_damaged_shard_is_left_out_of_the_sound_ones(
    folder: Path, documents: list[Written]
) -> None:
    shards = train_shards(folder)
    holding = [shard for shard in shards if "d0" in names_in(folder, shard)]
    assert len(holding) >= 5
    damage(folder / holding[2].name, "flipped")
    source = TokenBatches(folder, context=64, batch_tokens=64, skip_damaged=True)
    (stream,) = source.streams
    assert list(stream.skipped) == [holding[2].name]
    assert stream.skipped_tokens == 3000
    assert source.tokens_per_epoch == sum(LENGTHS) - 3000
    with pytest.raises(InputError, match=holding[2].name):
        check_hashes(ShardStore(folder), Manifest.load(folder))


def test_what_is_skipped_is_counted_among_the_labels_that_are_read(folder: Path) -> None:
    shards = train_shards(folder)
    # d0, of label de, has several shards of its own.
    only = next(s for s in shards if names_in(folder, s) == {"d0"})
    damage(folder / only.name, "missing")
    with pytest.raises(InputError, match=only.name):
        opened(folder, ["en"])
    reader = opened(folder, ["en"], skip=True)
    assert (list(reader.skipped), reader.skipped_tokens) == ([only.name], 0)
    assert opened(folder, ["de"], skip=True).skipped_tokens == 3000


def test_the_order_without_damaged_shards_is_another_one(folder: Path) -> None:
    def fingerprint() -> str:
        return TokenBatches(folder, context=64, batch_tokens=64, skip_damaged=True).fingerprint

    sound = fingerprint()
    assert sound == TokenBatches(folder, context=64, batch_tokens=64).fingerprint
    damage(folder / train_shards(folder)[-1].name, "flipped")
    assert fingerprint() != sound


def test_nothing_sound_is_an_error(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "one", random_documents([50]))
    damage(next(folder.glob("*.tar")), "missing")
    with pytest.raises(InputError, match="no train documents"):
        TokenBatches(folder, batch_tokens=10, skip_damaged=True)


@pytest.mark.parametrize("offset", [-700, -256, -1, 0, 255, 256, 300, 700])
def test_a_stretch_may_begin_in_a_block_before_or_after_the_one_named(
    folder: Path, documents: list[Written], offset: int
) -> None:
    tokens = documents[0].tokens
    reader = opened(folder)
    start = 4 * 256 + offset
    assert (reader.read(4, offset, 300) == tokens[start : start + 300]).all()
    assert all(a + 256 == b for a, b in pairwise(reader.blocks.position[:11]))
