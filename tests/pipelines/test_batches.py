from __future__ import annotations

import dataclasses
import hashlib
import pickle
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from hnet_seq.tasks.shard import shard
from modalities.dna import encode, reverse_complement
from modalities.errors import InputError, UsageError
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import IGNORED, PackedBatch, TokenBatches
from pipelines.shards.manifest import Manifest

# Documents from a few tokens to several blocks, so that every kind of border occurs.
LENGTHS = (3000, 11, 2, 700, 256, 64, 65, 5, 1500, 40)
CONTEXT, BATCH = 64, 150


def letters(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGTacgt"), length))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("batches")
    text = "".join(f">r{i}\n{letters(length, i)}\n" for i, length in enumerate(LENGTHS))
    (path / "genome.fa").write_text(text)
    shard(
        [path / "genome.fa"],
        path / "shards",
        validation="region:r0:2001-2700",
        guard=50,
        block_size=256,
        shard_size=600,
        keep_soft_mask=True,
        progress=False,
    )
    return path / "shards"


def train(folder: Path, **options: Any) -> TokenBatches:
    return TokenBatches(folder, **{"context": CONTEXT, "batch_tokens": BATCH, "seed": 3} | options)


def digest(batch: PackedBatch) -> str:
    parts = (batch.input_ids, batch.targets, batch.cu_seqlens)
    return hashlib.sha256(b"|".join(part.tobytes() for part in parts)).hexdigest()


def one_epoch(source: TokenBatches, epoch: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Input and target sequences of an epoch, cut where batches and epochs end."""
    size = source.tokens_per_epoch
    first, last = epoch * size // BATCH, -(-(epoch + 1) * size // BATCH)
    inputs, targets = [], []
    for k in range(first, last):
        batch = source[k]
        for start, stop in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
            if epoch * size <= k * BATCH + start < (epoch + 1) * size:
                inputs.append(batch.input_ids[start:stop])
                targets.append(batch.targets[start:stop])
    return inputs, targets


def test_every_base_but_a_documents_first_is_a_target_once_an_epoch(folder: Path) -> None:
    documents = [document.tokens for document in read_documents(folder, "train")]
    wanted = Counter(base for document in documents for base in document[1:].tolist())
    for epoch in range(3):
        inputs, targets = one_epoch(train(folder), epoch)
        assert Counter(np.concatenate(inputs).tolist()) == Counter(np.concatenate(documents))
        scored = np.concatenate(targets)
        assert Counter(scored[scored != IGNORED].tolist()) == wanted


def test_each_place_is_an_input_once_and_its_target_is_the_next_base(tmp_path: Path) -> None:
    # No 6-mer occurs twice: where a sequence lies in the document can be told from its letters.
    sequence = de_bruijn(6)
    (tmp_path / "x.fa").write_text(f">x\n{sequence}\n")
    shard([tmp_path / "x.fa"], tmp_path / "s", block_size=300, shard_size=700, progress=False)
    place = {sequence[i : i + 6]: i for i in range(len(sequence) - 5)}
    source = train(tmp_path / "s")
    for epoch in range(3):
        inputs: Counter[int] = Counter()
        targets: Counter[int] = Counter()
        for ids, goals in zip(*one_epoch(source, epoch), strict=True):
            assert (goals[:-1] == ids[1:]).all()
            text = "".join("ACGT"[i] for i in ids)
            if len(text) < 6:
                continue
            start = place[text[:6]]
            stop = start + len(text)
            assert sequence[start:stop] == text
            assert goals[-1] == ("ACGT".index(sequence[stop]) if sequence[stop:] else IGNORED)
            inputs.update(range(start, stop))
            targets.update(range(start + 1, min(stop + 1, len(sequence))))
        assert max(inputs.values()) == max(targets.values()) == 1
        assert len(inputs) > 0.95 * len(sequence)
        assert len(targets) > 0.95 * len(sequence)


def de_bruijn(order: int) -> str:
    """A sequence with each k-mer at most once, by prefer-largest (Martin 1934)."""
    text, seen = "A" * order, {"A" * order}
    while True:
        tail = text[len(text) - order + 1 :]
        for letter in "TGCA":
            if tail + letter not in seen:
                seen.add(tail + letter)
                text += letter
                break
        else:
            return text


def test_batch_k_does_not_depend_on_what_was_read_before(folder: Path) -> None:
    source = train(folder, reverse_complement=True)
    straight = [digest(source[k]) for k in range(120)]
    for k in np.random.default_rng(0).permutation(120):
        assert digest(train(folder, reverse_complement=True)[int(k)]) == straight[k]
    backwards = [digest(source[k]) for k in reversed(range(120))]
    assert backwards[::-1] == straight


class _Hashes(Dataset[str]):
    def __init__(self, source: TokenBatches) -> None:
        self.source = source

    def __getitem__(self, k: int) -> str:
        return digest(self.source[k])

    def __len__(self) -> int:
        return 200


# Three workers on two cores are what is to be tested.
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_200_batches_are_equal_with_0_1_and_3_workers(folder: Path, start_method: str) -> None:
    source = train(folder, reverse_complement=True)
    alone = list(DataLoader(_Hashes(source), batch_size=None))
    assert len(set(alone)) == 200
    for workers in (1, 3) if start_method == "fork" else (1,):
        loader = DataLoader(
            _Hashes(source),
            batch_size=None,
            num_workers=workers,
            multiprocessing_context=start_method,
        )
        assert list(loader) == alone


def test_batches_are_full_and_epochs_follow_each_other(folder: Path) -> None:
    source = train(folder)
    tokens = source.tokens_per_epoch
    assert tokens == source.manifest.tokens("train")
    assert source.batches_per_epoch == -(-tokens // BATCH)
    for k in (0, source.batches_per_epoch - 1, source.batches_per_epoch, 1000):
        batch = source[k]
        assert batch.input_ids.shape == batch.targets.shape == (BATCH,)
        assert batch.cu_seqlens[0] == 0
        assert batch.cu_seqlens[-1] == BATCH
        assert (np.diff(batch.cu_seqlens) > 0).all()
        assert (np.diff(batch.cu_seqlens) <= CONTEXT).all()
        # As small as they can be: they travel between processes.
        assert (batch.input_ids.dtype, batch.targets.dtype) == (np.uint8, np.int16)
        assert batch.cu_seqlens.dtype == np.int32
        assert source.epochs(k) == {"shards": k * BATCH / tokens}


def test_epochs_and_seeds_differ_in_order_and_phase(folder: Path) -> None:
    def windows(epoch: int, **options: Any) -> list[bytes]:
        return [part.tobytes() for part in one_epoch(train(folder, **options), epoch)[0]]

    first, second, other = windows(0), windows(1), windows(0, seed=4)
    assert first != second
    assert first != other
    # Not the same windows in another order: they begin at other places.
    whole = {part for part in first if len(part) == CONTEXT}
    assert len(whole) > 20
    assert len(whole & set(second)) < len(whole) / 4


def test_without_shuffling_documents_come_as_they_lie_in_every_epoch(folder: Path) -> None:
    documents = np.concatenate([document.tokens for document in read_documents(folder, "train")])
    for epoch in range(2):
        inputs, _ = one_epoch(train(folder, shuffle=False), epoch)
        assert (np.concatenate(inputs) == documents).all()


def test_validation_comes_once_in_the_order_of_the_file(folder: Path) -> None:
    source = TokenBatches(folder, split="validation", context=CONTEXT, batch_tokens=BATCH)
    (held_out,) = read_documents(folder, "validation")
    assert (held_out.name, held_out.start) == ("r0", 2000)
    document = held_out.tokens
    assert (document == encode(letters(3000, 0))[2000:2700]).all()
    batches = [source[k] for k in range(source.batches_per_epoch)]
    assert len(batches) == source.batches_per_epoch == 5
    assert [len(batch.input_ids) for batch in batches] == [150, 150, 150, 150, 100]
    assert (np.concatenate([batch.input_ids for batch in batches]) == document).all()
    targets = np.concatenate([batch.targets for batch in batches])
    assert (targets[:-1] == document[1:]).all()
    assert targets[-1] == IGNORED
    with pytest.raises(IndexError, match="batches 0 to 4"):
        source[5]


def test_half_the_windows_are_read_on_the_other_strand(folder: Path) -> None:
    options: dict[str, Any] = {"context": 32, "batch_tokens": 32 * 8, "seed": 1}
    document = "".join("ACGT"[t] for t in next(read_documents(folder, "train")).tokens)
    other = "".join("ACGT"[t] for t in reverse_complement(encode(document)))

    def strands(epoch: int) -> list[str]:
        source = TokenBatches(folder, reverse_complement=True, **options)
        found: list[str] = []
        size = source.tokens_per_epoch
        for k in range(epoch * size // 256 + 1, (epoch + 1) * size // 256):
            batch = source[k]
            for start, stop in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
                text = "".join("ACGT"[t] for t in batch.input_ids[start:stop])
                following = batch.targets[stop - 1]
                text += "ACGT"[following] if following >= 0 else ""
                if len(text) > 20:
                    found += "+" * (text in document) + "-" * (text in other)
        return found

    first, second = strands(0), strands(1)
    assert len(first) > 40
    assert 0.3 < first.count("+") / len(first) < 0.7
    assert first != second


def test_unknown_bases_are_inputs_and_never_targets(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(">x\nACGTNNRYACGT\n")
    shard([tmp_path / "x.fa"], tmp_path / "s", progress=False)
    batch = TokenBatches(tmp_path / "s", shuffle=False, batch_tokens=12)[0]
    assert batch.input_ids.tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 0, 1, 2, 3]
    ignored = IGNORED
    assert batch.targets.tolist() == [
        *[1, 2, 3, ignored, ignored, ignored, ignored, 0, 1, 2, 3, ignored]
    ]
    assert batch.weights is None


@pytest.mark.parametrize("reverse", [False, True])
def test_soft_masked_targets_weigh_less_on_either_strand(tmp_path: Path, reverse: bool) -> None:
    sequence = letters(4000, 9)
    (tmp_path / "x.fa").write_text(f">x\n{sequence}\n")
    shard([tmp_path / "x.fa"], tmp_path / "s", keep_soft_mask=True, progress=False)
    options: dict[str, Any] = {"context": 50, "batch_tokens": 400, "reverse_complement": reverse}
    weighted = TokenBatches(tmp_path / "s", soft_mask_weight=0.1, **options)
    plain = TokenBatches(tmp_path / "s", **options)
    opposite = sequence[::-1].translate(str.maketrans("ACGTacgt", "TGCAtgca"))
    checked: Counter[str] = Counter()
    for k in range(10):
        batch = weighted[k]
        assert (batch.input_ids == plain[k].input_ids).all()
        assert batch.input_ids.max() < 4
        assert batch.weights is not None
        assert batch.weights.dtype == np.float32
        for start, stop in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
            text = "".join("ACGT"[t] for t in batch.input_ids[start:stop])
            for name, strand in (("+", sequence), ("-", opposite)):
                at = strand.upper().find(text) if len(text) > 12 else -1
                if at >= 0 and batch.targets[stop - 1] >= 0:
                    following = strand[at + 1 : at + len(text) + 1]
                    expected = [np.float32(0.1 if c.islower() else 1.0) for c in following]
                    assert batch.weights[start:stop].tolist() == expected
                    checked[name] += 1
    assert checked["+"] > 10
    assert bool(checked["-"] > 10) == reverse


def test_text_stands_between_markers_and_scores_every_byte(tmp_path: Path) -> None:
    text = "Die Welt ist alles, was der Fall ist. 世界"
    (tmp_path / "tractatus.txt").write_text(text)
    shard([tmp_path / "tractatus.txt"], tmp_path / "s", modality="text", progress=False)
    data = [254, *text.encode(), 255]
    batch = TokenBatches(tmp_path / "s", batch_tokens=len(data))[0]
    assert batch.input_ids.tolist() == data
    assert batch.targets.tolist() == [*data[1:], IGNORED]


def test_the_fingerprint_tells_content_and_order(folder: Path, tmp_path: Path) -> None:
    same = train(folder).fingerprint
    assert pickle.loads(pickle.dumps(train(folder))).fingerprint == same
    changed: list[dict[str, Any]] = [
        {"seed": 4},
        {"context": 65},
        {"batch_tokens": 151},
        {"shuffle": False},
        {"reverse_complement": True},
        {"soft_mask_weight": 0.5},
    ]
    found = {train(folder, **options).fingerprint for options in changed}
    assert len(found | {same}) == len(changed) + 1
    (tmp_path / "x.fa").write_text(">x\nACGT\n")
    shard([tmp_path / "x.fa"], tmp_path / "s", progress=False)
    assert train(tmp_path / "s").fingerprint != same


def test_the_fingerprint_tells_the_rules_of_this_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = train(folder).fingerprint
    monkeypatch.setattr("pipelines.batches.token_stream.ORDER_VERSION", 1)
    assert train(folder).fingerprint != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "split: is 'test', expected one of train, validation"),
        ({"context": 0}, "context: is 0"),
        ({"batch_tokens": -1}, "batch_tokens: is -1"),
        ({"split": "validation", "reverse_complement": True}, "reverse_complement: is for train"),
        ({"split": "validation", "shuffle": True}, "shuffle: is for training"),
        ({"soft_mask_weight": -1.0}, "soft_mask_weight: is -1.0"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        train(folder, **options)
    assert str(caught.value).startswith(message)


def test_options_that_the_shards_do_not_allow_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("some text")
    shard([tmp_path / "x.txt"], tmp_path / "s", modality="text", progress=False)
    with pytest.raises(UsageError, match="text has one strand"):
        TokenBatches(tmp_path / "s", reverse_complement=True)
    with pytest.raises(UsageError, match="written without `keep_soft_mask`"):
        TokenBatches(tmp_path / "s", soft_mask_weight=0.1)
    with pytest.raises(InputError, match="no validation documents"):
        TokenBatches(tmp_path / "s", split="validation")


def test_shards_of_another_vocabulary_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    manifest = dataclasses.replace(Manifest.load(copy), vocabulary_fingerprint="0" * 64)
    manifest.save(copy)
    with pytest.raises(InputError, match="vocabulary_fingerprint: is of another dna vocabulary"):
        train(copy)
