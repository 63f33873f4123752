"""The manifest: what is saved is loaded, and whatever is wrong with it is one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modalities
from modalities.errors import InputError
from pipelines.shards.manifest import MANIFEST, Blocks, Manifest, Shard, Source, _checksum
from pipelines.storage.json_records import as_json

# Two parts of a document of 130 tokens, and a block of whole documents with another label.
ROWS = [
    {
        **{"offset": 512, "tokens": 100, "crc32": 1, "spans_offset": 1536, "spans_bytes": 60},
        **{"spans_crc32": 2, "documents": 1, "position": 0, "document_tokens": 130, "label": 0},
    },
    {
        **{"offset": 2560, "tokens": 30, "crc32": 3, "spans_offset": 3584, "spans_bytes": 60},
        **{"spans_crc32": 4, "documents": 1, "position": 100, "document_tokens": 130, "label": 0},
    },
    {
        **{"offset": 4608, "tokens": 20, "crc32": 5, "spans_offset": 5120, "spans_bytes": 60},
        **{"spans_crc32": 6, "documents": 2, "position": 0, "document_tokens": 20, "label": 1},
    },
]


def manifest() -> Manifest:
    blocks = Blocks(**{name: np.array([row[name] for row in ROWS], np.int64) for name in ROWS[0]})
    shard = Shard(
        name="train-00000-0000.tar",
        split="train",
        bytes=6656,
        sha256="a" * 64,
        tokens=150,
        documents=3,
        key="train-00000",
        first=7,
        labels=["de", "en"],
        blocks=blocks,
    )
    return Manifest(
        modality="dna",
        vocab_size=8,
        vocabulary_fingerprint=modalities.get("dna").fingerprint,
        block_size=100,
        soft_mask=False,
        validation=None,
        options={"guard": 1000},
        sources=[Source("genome.fa", "0" * 64, 140)],
        shards=[shard],
        statistics={"bases": 130},
    )


def load_edited(folder: Path, edit: Callable[[dict[str, Any]], None]) -> Manifest:
    """Load a manifest that another writer might have written: its checksum is right."""
    data = as_json(manifest())
    edit(data)
    text = json.dumps(data | {"checksum": _checksum(data)})
    (folder / MANIFEST).write_text(text)
    return Manifest.load(folder)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    manifest().save(tmp_path)
    loaded = Manifest.load(tmp_path)
    assert as_json(loaded) == as_json(manifest())
    assert isinstance(loaded.shards[0].blocks, Blocks)
    columns = vars(loaded.shards[0].blocks)
    assert columns.pop("weight") is None
    assert {column.dtype for column in columns.values()} == {np.dtype(np.int64)}
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_tokens_and_documents_are_counted_by_split_and_label() -> None:
    found = manifest()
    assert (found.tokens("train"), found.documents("train")) == (150, 3)
    assert (found.tokens("validation"), found.documents("validation")) == (0, 0)
    assert found.label_tokens("train") == {"de": 130, "en": 20}
    other = replace(found.shards[0], labels=["en", "fr"])
    assert replace(found, shards=[*found.shards, other]).label_tokens("train") == {
        **{"de": 130, "en": 150, "fr": 20}
    }
    assert found.label_tokens("validation") == {}


def test_a_key_is_the_number_of_the_sample_in_its_unit() -> None:
    assert manifest().shards[0].block_key(1) == "train-00000-0000008"


def test_saving_leaves_the_old_manifest_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest().save(tmp_path)
    before = (tmp_path / MANIFEST).read_bytes()

    def no_space(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pipelines.shards.manifest.json.dump", no_space)
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


def column(name: str, to: Any) -> Callable[[dict[str, Any]], None]:
    return change("shards", 0, "blocks", name, to=to)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop("modality"), "no 'modality'"),
        (drop("shards", 0, "sha256"), "shards[0]: no 'sha256'"),
        (drop("shards", 0, "blocks", "crc32"), "shards[0].blocks: no 'crc32'"),
        (change("vocab_size", to="8"), "'vocab_size' is \"8\"; expected a whole number"),
        (change("vocab_size", to=True), "'vocab_size' is true; expected a whole number"),
        (change("vocab_size", to=0), "vocab_size: is 0, not in 1..256"),
        (change("vocab_size", to=9), "vocab_size: is 9, dna has 8 tokens"),
        (change("modality", to="rna"), "modality: is 'rna', expected "),
        (
            change("vocabulary_fingerprint", to="f" * 64),
            "vocabulary_fingerprint: is of another dna vocabulary; make the shards again",
        ),
        (change("validation", to=1), "'validation' is 1; expected text"),
        (change("shards", to={}), "'shards' is {}; expected a list"),
        (change("shards", 0, to=3), "shards[0]: expected a JSON object, found 3"),
        (
            change("statistics", "bases", to=1.5),
            "statistics: 'bases' is 1.5; expected a whole number",
        ),
        (change("tokenizer", to="bpe"), "tokenizer: unknown key"),
        (change("format", to=1), "format: is 1, this version reads 2; make the shards again"),
        (change("format", to=3), "format: is 3, this version reads 2; make the shards again"),
        (change("shards", 0, "split", to="test"), "shards[0].split: is 'test', expected one of"),
        (change("shards", 0, "name", to="../x.tar"), "shards[0].name: is '../x.tar', expected a"),
        (change("shards", 0, "labels", to="de"), "shards[0]: 'labels' is \"de\"; expected a list"),
        (change("shards", 0, "labels", to=["de"]), "shards[0].blocks[2]: lies outside"),
        (change("shards", 0, "tokens", to=131), "shards[0].tokens: is 131, its blocks hold 150"),
        (change("shards", 0, "bytes", to=4627), "shards[0].blocks[2]: lies outside"),
        (change("shards", 0, "bytes", to=1 << 70), "shards[0].bytes: is 1180591620717411303424"),
        (column("offset", [512, -1, 0]), "shards[0].blocks[1]: lies outside"),
        (column("tokens", [100, 30, 2.0]), "shards[0].blocks: 'tokens' is [100, 30"),
        (column("tokens", [100, 30, True]), "shards[0].blocks: 'tokens' is [100, 30"),
        (column("tokens", [150, 0, 0]), "shards[0].blocks[0]: lies outside"),
        (column("label", [0, 0]), "shards[0].blocks.label: has 2 entries, the shard 3 blocks"),
        (column("label", [0, -1, 0]), "shards[0].blocks[1]: lies outside"),
        (
            column("crc32", [1, 2, 1 << 64]),
            "shards[0].blocks: 'crc32' is [1, 2, 18446744073709551616]; expected whole",
        ),
        (
            column("position", [0, 90, 0]),
            "block train-00000-0000008: does not follow the block before it",
        ),
        (
            column("position", [0, 100, 10]),
            "shards[0].blocks[2]: lies outside train-00000-0000.tar (6656 bytes) or its document",
        ),
        (
            column("document_tokens", [130, 130, 30]),
            "shards: the last train document lacks 10 tokens",
        ),
        (
            column("document_tokens", [130, 130, -(1 << 63)]),
            "shards[0].blocks[2]: lies outside",
        ),
    ],
)
def test_a_wrong_manifest_is_one_line_with_file_and_key(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_edited(tmp_path, edit)
    assert str(caught.value).startswith(f"{tmp_path / MANIFEST}: {message}")
    assert "\n" not in str(caught.value)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where all values of some JSON are."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


EVERYWHERE = list(places(as_json(manifest())))
NUMBERS = [-(1 << 63), -1, 0, 1, (1 << 63) - 1, 1 << 63, 1 << 70, -(1 << 70)]
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, 1.5, "", "\0", [], {}, [[]], *NUMBERS]),
    st.lists(st.sampled_from(NUMBERS), min_size=3, max_size=3),
)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(EVERYWHERE), ANYTHING)
def test_any_other_value_anywhere_is_refused_or_read(place: tuple[Any, ...], value: Any) -> None:
    """Never another error, and never a block that lies outside its file."""
    data = as_json(manifest())
    change(*place, to=value)(data)
    text = json.dumps(data | {"checksum": _checksum(data)}).encode()
    try:
        found = Manifest.parse("manifest.json", text)
    except InputError:
        return
    for shard in found.shards:
        for i in range(len(shard.blocks)):
            start, count = int(shard.blocks.offset[i]), int(shard.blocks.tokens[i])
            assert 0 <= start < start + count <= shard.bytes
            start, count = int(shard.blocks.spans_offset[i]), int(shard.blocks.spans_bytes[i])
            assert 0 <= start <= start + count <= shard.bytes


@given(data=st.data())
def test_any_change_without_a_new_checksum_is_noticed(data: st.DataObject) -> None:
    content = as_json(manifest())
    checksum = _checksum(content)
    place = data.draw(st.sampled_from([p for p in EVERYWHERE if p != ("format",)]))
    before = content
    for key in place:
        before = before[key]
    value = data.draw(ANYTHING.filter(lambda v: json.dumps(v) != json.dumps(before)))
    change(*place, to=value)(content)
    text = json.dumps(content | {"checksum": checksum}).encode()
    with pytest.raises(InputError, match="was changed since it was written; copy or make"):
        Manifest.parse("manifest.json", text)


def test_a_change_of_any_byte_is_noticed_or_leaves_the_content_as_it_was(tmp_path: Path) -> None:
    manifest().save(tmp_path)
    text = (tmp_path / MANIFEST).read_bytes()
    wanted = as_json(manifest())
    for at in range(0, len(text), 3):
        spoiled = bytearray(text)
        spoiled[at] ^= 1
        try:
            found = Manifest.parse("manifest.json", bytes(spoiled))
        except InputError:
            continue
        assert as_json(found) == wanted


def test_a_manifest_without_checksum_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(as_json(manifest())))
    with pytest.raises(InputError, match="checksum: missing key; make the shards again"):
        Manifest.load(tmp_path)


def test_a_document_without_its_end_is_refused(tmp_path: Path) -> None:
    def edit(data: dict[str, Any]) -> None:
        shard = data["shards"][0]
        shard["blocks"] = {name: values[:1] for name, values in shard["blocks"].items()}
        shard["tokens"] = 100

    with pytest.raises(InputError, match="the last train document lacks 30 tokens"):
        load_edited(tmp_path, edit)


def test_a_document_that_goes_on_in_the_next_shard_is_read(tmp_path: Path) -> None:
    def edit(data: dict[str, Any]) -> None:
        first, second = data["shards"][0], dict(data["shards"][0])
        second |= {"name": "train-00000-0001.tar", "first": 8, "tokens": 50}
        second["blocks"] = {name: values[1:] for name, values in first["blocks"].items()}
        first["blocks"] = {name: values[:1] for name, values in first["blocks"].items()}
        first["tokens"] = 100
        data["shards"].append(second)

    def turned(data: dict[str, Any]) -> None:
        edit(data)
        data["shards"].reverse()

    assert load_edited(tmp_path, edit).tokens("train") == 150
    with pytest.raises(InputError, match="block train-00000-0000008: does not follow the block"):
        load_edited(tmp_path, turned)


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
