"""Shards through webdataset: all of them once, to any processes and workers, or an error."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import webdataset
from torch.utils.data import DataLoader

from hnet_seq import MixedSource, webdataset_pipeline
from hnet_seq.tasks.shard import shard
from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.batches.shard_documents import read_documents
from pipelines.own_loop import tar_slices
from pipelines.shards.manifest import Manifest
from tests.pipelines.made_shards import flip, random_documents, write_shards

# tarfile leaves what it opened to the garbage collector when webdataset stops early.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning")]

LENGTHS = (3000, 11, 2, 700, 256, 64, 65, 5, 1500, 40, 300, 90)
CONTEXT = 64


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_slices, "_SHORTEST", 1)
    for name in ("RANK", "WORLD_SIZE", "WORKER", "NUM_WORKERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own_loop") / "shards"
    return write_shards(path, random_documents(LENGTHS, ("de", "en", "")))


def windows(folder: Any, **options: Any) -> list[dict[str, Any]]:
    return list(webdataset_pipeline(folder, **{"context": CONTEXT} | options))


def covered(found: Iterable[dict[str, Any]]) -> Counter[tuple[str, int]]:
    """How often each token was read as an input, forward."""
    return Counter(
        (window["name"], window["start"] + i) for window in found for i in range(_size(window))
    )


def _size(window: dict[str, Any]) -> int:
    return len(window["input_ids"])


def all_tokens(folder: Path) -> dict[tuple[str, int], int]:
    return {
        (document.name, document.start + i): token
        for document in read_documents(folder, "train")
        for i, token in enumerate(document.tokens.tolist())
    }


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_has_every_token_once_with_the_one_after_it(folder: Path, shuffle: bool) -> None:
    tokens = all_tokens(folder)
    found = windows(folder, shuffle=shuffle, buffer=7)
    counts = covered(found)
    assert set(counts.values()) == {1}
    # Windows of one token at the end of a slice have no target and are left out.
    assert counts.keys() <= tokens.keys()
    lost = tokens.keys() - counts.keys()
    assert not any((name, place + 1) in lost for name, place in lost)
    assert max(map(_size, found)) == CONTEXT
    for window in found:
        name, start = window["name"], window["start"]
        ids = [tokens[name, start + i] for i in range(_size(window))]
        assert window["input_ids"].tolist() == ids
        after = tokens.get((name, start + len(ids)))
        assert window["targets"].tolist()[:-1] == ids[1:]
        assert window["targets"][-1] in (after, -100)
    assert {window["label"] for window in found} == {"de", "en", ""}
    assert {window["source"] for window in found} == {"shards"}


def test_blocks_of_a_document_are_read_as_one_within_a_slice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_slices, "_SHORTEST", 10**6)
    long = [w for w in windows(folder, shuffle=False) if w["name"] == "d0"]
    # Tars of 600 tokens hold two blocks of 256 of it: only the last window of each has no successor
    # for its last token.
    without = [w["start"] + _size(w) for w in long if w["targets"][-1] == -100]
    assert without == [512, 1024, 1536, 2048, 2560, 3000]


def test_a_window_on_the_other_strand_is_the_reverse_complement(folder: Path) -> None:
    tokens = all_tokens(folder)
    found = windows(folder, reverse_complement=True)
    turned = [window for window in found if window["strand"] == "-"]
    assert 0.2 < len(turned) / len(found) < 0.8
    for window in turned:
        name, start = window["name"], window["start"]
        forward = np.array([tokens[name, start + i] for i in range(_size(window))], np.uint8)
        assert window["input_ids"].tolist() == dna.reverse_complement(forward).tolist()
        assert window["targets"][:-1].tolist() == window["input_ids"][1:].tolist()
        if window["targets"][-1] != -100:
            assert window["targets"][-1] == 3 - tokens[name, start - 1]


def test_each_iteration_draws_anew_and_a_new_pipeline_the_same(folder: Path) -> None:
    def order(found: Iterable[dict[str, Any]]) -> list[tuple[str, int]]:
        return [(window["name"], window["start"]) for window in found]

    pipeline = webdataset_pipeline(folder, context=CONTEXT, seed=1)
    first, second = order(pipeline), order(pipeline)
    assert first != second
    again = webdataset_pipeline(folder, context=CONTEXT, seed=1, epochs=2)
    assert order(again) == first + second
    assert order(webdataset_pipeline(folder, context=CONTEXT, seed=2)) != first


def batches(pipeline: Any, workers: int) -> Iterator[dict[str, Any]]:
    yield from DataLoader(pipeline, batch_size=None, num_workers=workers)


def test_workers_read_every_window_once_and_other_orders_in_each_epoch(folder: Path) -> None:
    pipeline = webdataset_pipeline(folder, context=CONTEXT, batch_tokens=200, shuffle=True)
    plain = set(covered(windows(folder, shuffle=False)))
    orders = []
    for _ in range(2):
        found = list(batches(pipeline, workers=2))
        rows = [
            (name, start + i)
            for batch in found
            for name, start, size in zip(
                batch["names"], batch["starts"], batch["cu_seqlens"].diff().tolist(), strict=True
            )
            for i in range(size)
        ]
        assert set(Counter(rows).values()) == {1}
        assert len(plain ^ set(rows)) <= 60  # single tokens without a target
        orders.append(rows)
    assert orders[0] != orders[1]


@pytest.mark.parametrize("by", ["processes", "both"])
def test_processes_share_an_epoch_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    workers = ("0", "1") if by == "both" else ("0",)
    found = []
    monkeypatch.setenv("WORLD_SIZE", "3")
    for rank in "012":
        for worker in workers:
            monkeypatch.setenv("RANK", rank)
            monkeypatch.setenv("WORKER", worker)
            monkeypatch.setenv("NUM_WORKERS", str(len(workers)))
            own = windows(folder, shuffle=False)
            assert own
            found += own
    for name in ("RANK", "WORLD_SIZE", "WORKER", "NUM_WORKERS"):
        monkeypatch.delenv(name)
    assert covered(found) == covered(windows(folder, shuffle=False))


def test_more_processes_than_parts_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1000")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(UsageError, match="parts to deal out to 1000 processes"):
        windows(folder)


def test_packed_and_padded_batches_hold_the_same_windows(folder: Path) -> None:
    options: dict[str, Any] = {"context": CONTEXT, "batch_tokens": 200, "shuffle": False}
    packed = list(webdataset_pipeline(folder, **options))
    padded = list(webdataset_pipeline(folder, pad=True, **options))
    rows = [
        (ids.tolist(), targets.tolist())
        for batch in packed
        for ids, targets in zip(
            torch.split(batch["input_ids"], batch["cu_seqlens"].diff().tolist()),
            torch.split(batch["targets"], batch["cu_seqlens"].diff().tolist()),
            strict=True,
        )
    ]
    assert rows == [
        (ids[mask].tolist(), targets[mask].tolist())
        for batch in padded
        for ids, targets, mask in zip(
            batch["input_ids"], batch["targets"], batch["mask"], strict=True
        )
    ]
    for batch in padded:
        assert batch["input_ids"].numel() <= 200
        assert (batch["targets"][~batch["mask"]] == -100).all()
    for batch in packed:
        assert batch["cu_seqlens"].dtype == torch.int32
        assert len(batch["input_ids"]) == batch["cu_seqlens"][-1] <= 200
        assert (batch["targets"] >= 0).any()


def test_windows_in_which_nothing_is_scored_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">r\n" + "ACGT" * 50 + "N" * 300 + "ACGT" * 50 + "\n")
    shard([tmp_path / "g.fa"], tmp_path / "shards", progress=False)
    found = windows(tmp_path / "shards", shuffle=False)
    assert all((window["targets"] >= 0).any() for window in found)
    assert sum(map(_size, found)) == 700 - 3 * CONTEXT


def test_soft_masks_are_stripped(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">r\n" + "ACgt" * 100 + "\n")
    shard([tmp_path / "g.fa"], tmp_path / "shards", keep_soft_mask=True, progress=False)
    for reverse_complement in (False, True):
        for window in windows(tmp_path / "shards", reverse_complement=reverse_complement):
            assert window["input_ids"].max() <= 3


def test_labels_choose_documents(folder: Path) -> None:
    found = windows(MixedSource(folder, labels=["DE"]), shuffle=False)
    wanted = {d.name for d in read_documents(folder, "train") if d.label == "de"}
    assert {window["name"] for window in found} == wanted
    assert {window["label"] for window in found} == {"de"}
    with pytest.raises(UsageError, match="has no label 'fr'"):
        windows(MixedSource(folder, labels=["fr"]))


def test_a_mixture_keeps_its_shares(folder: Path, tmp_path: Path) -> None:
    other = write_shards(tmp_path / "other", random_documents([5, 7, 9, 2000], seed=1))
    sources = [MixedSource(folder, "a", 3.0), MixedSource(other, "b", 1.0)]
    pipeline = webdataset_pipeline(sources, context=CONTEXT, epochs=None, buffer=5)
    given = Counter[str]()
    for window, _ in zip(pipeline, range(600), strict=False):
        given[window["source"]] += _size(window)
        if sum(given.values()) > 4 * CONTEXT:
            assert abs(given["a"] - 3 * given["b"]) <= 4 * CONTEXT
    with pytest.raises(UsageError, match="a mixture has no end"):
        webdataset_pipeline(sources, context=CONTEXT)


def test_stages_of_ones_own_go_on_top(folder: Path) -> None:
    pipeline = webdataset_pipeline(folder, context=CONTEXT, shuffle=False)
    sizes = list(pipeline.compose(webdataset.map(_size), webdataset.batched(4, collation_fn=None)))
    assert sum(map(sum, sizes)) == sum(map(_size, windows(folder, shuffle=False)))


def test_a_pipeline_can_be_pickled(folder: Path) -> None:
    pipeline = webdataset_pipeline(folder, context=CONTEXT, batch_tokens=100)
    copy = pickle.loads(pickle.dumps(pipeline))
    assert [b["names"] for b in copy] == [b["names"] for b in pipeline]


def damaged(tmp_path: Path) -> tuple[Path, Path]:
    folder = write_shards(tmp_path / "shards", random_documents(LENGTHS))
    return folder, folder / Manifest.load(folder).of("train")[1].name


@pytest.mark.parametrize("place", [512 + 7, 3, 140, 512 + 256 + 3, 1024 + 520, 1024 + 140])
def test_a_changed_byte_is_an_error_that_names_the_tar(tmp_path: Path, place: int) -> None:
    """Of tokens, of a name, of a header's checksum, of the JSON."""
    folder, tar = damaged(tmp_path)
    flip(tar, place)
    if place == 512 + 256 + 3:  # the padding after a member, which nobody reads
        assert windows(folder)
        return
    with pytest.raises(InputError) as caught:
        windows(folder)
    assert str(caught.value).startswith(f"{tar}: ")


def test_a_missing_and_a_cut_tar_are_errors(tmp_path: Path) -> None:
    folder, tar = damaged(tmp_path)
    pipeline = webdataset_pipeline(folder, context=CONTEXT)
    size = tar.stat().st_size
    os.truncate(tar, size - 512)
    with pytest.raises(InputError, match="has changed its size"):
        list(pipeline)
    with pytest.raises(InputError, match=f"has {size - 512} bytes, the manifest says {size}"):
        windows(folder)
    tar.unlink()
    with pytest.raises(InputError, match="is in the manifest but not in the folder"):
        windows(folder)
    with pytest.raises(InputError, match="not a folder of shards"):
        windows(tmp_path)


def test_an_error_in_a_worker_tells_its_line(tmp_path: Path) -> None:
    folder, tar = damaged(tmp_path)
    flip(tar, 520)
    pipeline = webdataset_pipeline(folder, context=CONTEXT)
    with pytest.raises(RuntimeError, match=f"InputError: {tar}: .*is damaged"):
        list(batches(pipeline, workers=1))


def test_remote_shards_are_downloaded_once_and_compared(folder: Path, tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe(f"/own_loop/{path.name}", path.read_bytes())
    store = {"cache_dir": tmp_path / "cache"}
    found = windows("memory://own_loop", store=store, shuffle=False)
    here = windows(folder, shuffle=False)
    assert [w["input_ids"].tolist() for w in found] == [w["input_ids"].tolist() for w in here]
    assert found[0]["__url__"].startswith("memory://own_loop/train-00000-0000.tar#0-")
    assert len(list((tmp_path / "cache").glob("*"))) >= len(Manifest.load(folder).of("train"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 0}, "context: is 0"),
        ({"epochs": 0}, "epochs: is 0"),
        ({"buffer": 0}, "buffer: is 0"),
        ({"batch_tokens": 63}, "batch_tokens: is 63, less than a window"),
        ({"pad": True}, "pad: is of batches"),
        ({"split": "test"}, "split: is 'test'"),
        ({"split": "validation", "reverse_complement": True}, "reverse_complement: is for"),
        ({"sources": []}, "sources: is empty"),
    ],
)
def test_options_that_cannot_be_meant(folder: Path, options: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        webdataset_pipeline(**{"sources": folder, "context": CONTEXT} | options)
    assert str(caught.value).startswith(message)


def test_text_has_one_strand(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text " * 50)
    shard([tmp_path / "a.txt"], tmp_path / "shards", modality="text", progress=False)
    (first, *_) = windows(tmp_path / "shards", shuffle=False)
    assert bytes(first["input_ids"][1:5]) == b"some"
    with pytest.raises(UsageError, match="reverse_complement: text has one strand"):
        windows(tmp_path / "shards", reverse_complement=True)
