from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import modalities
from modalities.errors import InputError
from pipelines.manifest import MANIFEST, Block, Manifest, Shard, Source


def manifest() -> Manifest:
    blocks = [
        Block("train-000000000", 512, 100, 1536, 60, 1, 0, 130),
        Block("train-000000001", 2560, 30, 3584, 60, 1, 100, 130),
    ]
    return Manifest(
        modality="dna",
        vocab_size=8,
        vocabulary_fingerprint=modalities.get("dna").fingerprint,
        block_size=100,
        soft_mask=False,
        validation=None,
        guard=1000,
        unknown_run=1000,
        sources=[Source("genome.fa", "0" * 64, 140)],
        shards=[Shard("train-000000.tar", "train", 5120, "a" * 64, 130, 1, blocks)],
        statistics={"bases": 130},
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    manifest().save(tmp_path)
    assert Manifest.load(tmp_path) == manifest()
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_tokens_and_documents_are_counted_by_split() -> None:
    assert (manifest().tokens("train"), manifest().documents("train")) == (130, 1)
    assert (manifest().tokens("validation"), manifest().documents("validation")) == (0, 0)


def test_saving_leaves_the_old_manifest_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest().save(tmp_path)
    before = (tmp_path / MANIFEST).read_bytes()

    def no_space(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pipelines.manifest.json.dump", no_space)
    with pytest.raises(OSError, match="no space left"):
        manifest().save(tmp_path)
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def change(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def edit(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return edit


def drop(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def edit(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop("modality"), "modality: missing key"),
        (drop("shards", 0, "sha256"), "shards[0].sha256: missing key"),
        (change("vocab_size", to="8"), "vocab_size: is str '8', expected int"),
        (change("vocab_size", to=True), "vocab_size: is bool 'True', expected int"),
        (change("vocab_size", to=0), "vocab_size: is 0, not in 1..256"),
        (change("vocab_size", to=9), "vocab_size: is 9, dna has 8 tokens"),
        (change("modality", to="rna"), "modality: is 'rna', expected dna or text"),
        (
            change("vocabulary_fingerprint", to="f" * 64),
            "vocabulary_fingerprint: is of another dna vocabulary; make the shards again",
        ),
        (change("validation", to=1), "validation: is int '1', expected str or NoneType"),
        (change("shards", to={}), "shards: is dict '{}', expected list"),
        (change("shards", 0, to=3), "shards[0]: is int '3' where an object belongs"),
        (change("statistics", "bases", to=1.5), "statistics.bases: is float '1.5', expected int"),
        (change("tokenizer", to="bpe"), "tokenizer: unknown key"),
        (change("format", to=2), "format: is 2, this version reads 1"),
        (change("shards", 0, "split", to="test"), "shards[0].split: is 'test', expected one of"),
        (change("shards", 0, "name", to="../x.tar"), "shards[0].name: is '../x.tar', expected a"),
        (change("shards", 0, "tokens", to=131), "shards[0].tokens: is 131, its blocks hold 130"),
        (change("shards", 0, "bytes", to=2580), "shards[0].blocks[1]: lies outside"),
        (change("shards", 0, "blocks", 0, "offset", to=-1), "shards[0].blocks[0]: lies outside"),
        (
            change("shards", 0, "blocks", 1, "position", to=90),
            "shard train-000000.tar, block train-000000001: does not follow the block before it",
        ),
    ],
)
def test_a_wrong_manifest_is_one_line_with_file_and_key(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    manifest().save(tmp_path)
    path = tmp_path / MANIFEST
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        Manifest.load(tmp_path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_document_without_its_end_is_refused(tmp_path: Path) -> None:
    manifest().save(tmp_path)
    path = tmp_path / MANIFEST
    data = json.loads(path.read_text())
    del data["shards"][0]["blocks"][1]
    data["shards"][0]["tokens"] = 100
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="the last train document lacks 30 tokens"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]", b"null", b"3", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match=MANIFEST):
        Manifest.load(tmp_path)


def test_a_folder_in_the_manifests_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read"):
        Manifest.load(tmp_path)


def test_a_folder_without_manifest_names_the_verb_that_makes_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="`hnet-seq shard` makes one"):
            Manifest.load(folder)
