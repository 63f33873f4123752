from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from modalities.errors import UsageError
from pipelines.manifest import MANIFEST, Shard
from pipelines.shards import Document, ShardWriter, _Tar, cut_unknown, new_folder

N = 4


def documents(*lengths: int) -> list[Document]:
    generator = np.random.default_rng(0)
    return [
        Document(f"record.{i}|x", 10 * i, generator.integers(0, 4, length, np.uint8))
        for i, length in enumerate(lengths)
    ]


def write(
    folder: Path, items: list[Document], block_size: int = 100, shard_size: int = 250
) -> list[Shard]:
    folder.mkdir(exist_ok=True)
    with ShardWriter(folder, "train", block_size=block_size, shard_size=shard_size) as writer:
        for item in items:
            writer.add(item)
    return writer.shards


# WebDataset leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_plain_webdataset_reads_the_tokens_back(tmp_path: Path) -> None:
    items = documents(30, 40, 50, 333, 7, 100)
    shards = write(tmp_path, items)
    urls = [str(tmp_path / shard.name) for shard in shards]
    got: dict[tuple[str, int], bytes] = {}
    keys = []
    for sample in webdataset.WebDataset(urls, shardshuffle=False, empty_check=False):
        keys.append(sample["__key__"])
        for span in json.loads(sample["json"])["documents"]:
            part = sample["bin"][span["offset"] : span["offset"] + span["tokens"]]
            place = (span["name"], span["start"])
            assert span["position"] == len(got.get(place, b""))
            got[place] = got.get(place, b"") + part
    assert got == {(item.name, item.start): item.tokens.tobytes() for item in items}
    assert keys == [block.key for shard in shards for block in shard.blocks]
    assert keys == sorted(keys)


def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, documents(30, 333, 70))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
        assert [m.name for m in members] == sorted(m.name for m in members)


def test_the_manifest_entry_says_what_is_in_the_file(tmp_path: Path) -> None:
    for shard in write(tmp_path, documents(30, 40, 50, 333, 7)):
        data = (tmp_path / shard.name).read_bytes()
        assert len(data) == shard.bytes
        assert hashlib.sha256(data).hexdigest() == shard.sha256
        assert shard.tokens == sum(block.tokens for block in shard.blocks) <= 250
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for block in shard.blocks:
                assert tar.getmember(f"{block.key}.bin").offset_data == block.offset
                assert tar.getmember(f"{block.key}.json").offset_data == block.spans_offset
                assert tar.getmember(f"{block.key}.json").size == block.spans_bytes


def test_short_documents_share_a_block_and_long_ones_have_their_own(tmp_path: Path) -> None:
    shards = write(tmp_path, documents(30, 40, 50, 233, 7, 100))
    blocks = [block for shard in shards for block in shard.blocks]
    assert [(b.tokens, b.documents, b.position, b.document_tokens) for b in blocks] == [
        (70, 2, 0, 70),
        (50, 1, 0, 50),
        (100, 1, 0, 233),
        (100, 1, 100, 233),
        (33, 1, 200, 233),
        (7, 1, 0, 7),
        (100, 1, 0, 100),
    ]
    assert sum(shard.documents for shard in shards) == 6


@pytest.mark.parametrize("key", ["NC_000001.11:0-100", "a/b"])
def test_a_key_that_webdataset_would_split_is_refused(tmp_path: Path, key: str) -> None:
    tar = _Tar(tmp_path / "x.tar")
    with pytest.raises(ValueError, match="dot or a slash"):
        tar.add(key, "bin", b"")
    tar.close()


@pytest.mark.parametrize(
    ("block_size", "shard_size", "option"), [(0, 10, "--block-size"), (10, 9, "--shard-size")]
)
def test_sizes_that_hold_nothing_are_refused(
    tmp_path: Path, block_size: int, shard_size: int, option: str
) -> None:
    with pytest.raises(UsageError, match=option):
        ShardWriter(tmp_path, "train", block_size=block_size, shard_size=shard_size)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=12),
    st.integers(1, 20),
)
def test_long_runs_of_unknown_are_cut_out(layout: list[tuple[bool, int]], run: int) -> None:
    tokens = np.array([t for known, n in layout for t in [1 if known else N] * n], np.uint8)
    pieces, dropped = cut_unknown(tokens, N, run)
    covered = np.zeros(len(tokens), bool)
    for start, end in pieces:
        assert not covered[start:end].any()
        covered[start:end] = True
        assert tokens[start] != N
        assert tokens[end - 1] != N
        assert "N" * run not in "".join("N" if t == N else "A" for t in tokens[start:end])
    assert covered[tokens != N].all()
    assert dropped == (~covered).sum()
    # Nothing is cut for a run that is shorter.
    gaps = [b[0] - a[1] for a, b in itertools.pairwise(pieces)]
    assert all(gap >= run for gap in gaps)


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "shards"

    def fail(error: type[BaseException], overwrite: bool) -> None:
        with new_folder(out, overwrite=overwrite) as folder:
            (folder / MANIFEST).write_text("half")
            raise error

    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt, overwrite=False)
    assert list(tmp_path.iterdir()) == []
    with new_folder(out) as folder:
        (folder / MANIFEST).write_text("old")
    with pytest.raises(RuntimeError):
        fail(RuntimeError, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    assert (out / MANIFEST).read_text() == "old"
    with new_folder(out, overwrite=True) as folder:
        (folder / MANIFEST).write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    assert (out / MANIFEST).read_text() == "new"


def test_a_link_to_shards_stays_one(tmp_path: Path) -> None:
    out, link = tmp_path / "disk" / "shards", tmp_path / "shards"
    out.mkdir(parents=True)
    (out / MANIFEST).write_text("old")
    link.symlink_to(out)
    with new_folder(link, overwrite=True) as folder:
        (folder / MANIFEST).write_text("new")
    assert link.is_symlink()
    assert (out / MANIFEST).read_text() == "new"
    assert [path.name for path in out.parent.iterdir()] == ["shards"]


def test_only_shards_are_overwritten_and_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / MANIFEST).write_text("{}")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("precious")
    (tmp_path / "thesis" / MANIFEST).write_text("of something else")
    for name, overwrite, message in (
        ("shards", False, "give --overwrite"),
        ("thesis", True, "thesis: holds chapter.tex: not only shards"),
        ("thesis/chapter.tex", True, "is a file; name a folder"),
    ):
        with (
            pytest.raises(UsageError, match=message),
            new_folder(tmp_path / name, overwrite=overwrite),
        ):
            pass
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "precious"
