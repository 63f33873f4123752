"""Of equal and of nearly equal documents the first stays, however the inputs are cut."""

from __future__ import annotations

import builtins
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modalities.errors import UsageError
from pipelines.documents import (
    Document,
    DocumentOptions,
    Dropped,
    find_duplicates,
    plan_units,
    read_unit,
    signatures,
)

#: The first of 128 hashes of "the quick brown fox jumps over the lazy dog".
GOLDEN = [420902447, 928396089, 202540369]

WORDS = [f"word{number}" for number in range(2000)]


def text(seed: int, words: int = 400) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def changed(words: list[str], count: int, seed: int = 0) -> list[str]:
    """A copy with ``count`` consecutive words replaced, so that count + 4 shingles differ."""
    generator = random.Random(seed)
    start = generator.randrange(len(words) - count)
    return words[:start] + generator.choices(WORDS, k=count) + words[start + count :]


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return path


def deduplicated(
    path: Path, options: DocumentOptions, unit_bytes: int = 64 << 20
) -> list[Document | Dropped]:
    units = plan_units([path], unit_bytes=unit_bytes)
    dropped = find_duplicates([signatures(unit, options) for unit in units], options)
    return [
        item
        for number, unit in enumerate(units)
        for item in read_unit(unit, options, dropped.get(number, {}))
    ]


def reasons(items: list[Document | Dropped]) -> list[str]:
    return [item.reason if isinstance(item, Dropped) else "" for item in items]


def test_of_equal_documents_the_first_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ["a", "", "b", "a", "a ", "\ufeffa", "b"])
    expected = ["", "empty", "", "duplicate", "", "duplicate", "duplicate"]
    assert reasons(deduplicated(path, DocumentOptions())) == expected
    kept = reasons(deduplicated(path, DocumentOptions(duplicates="keep")))
    assert kept == ["", "empty", "", "", "", "", ""]


def test_an_index_counts_all_that_a_unit_yields(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ["", "a", "", "a"])
    options = DocumentOptions()
    (unit,) = plan_units([path])
    found = find_duplicates([signatures(unit, options)], options)
    assert found == {0: {3: "duplicate"}}
    items = list(read_unit(unit, options))
    assert isinstance(items[3], Document)
    assert items[3].data == b"a"


def test_a_header_does_not_hide_that_two_files_are_equal(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.py", "b.py"):
        (tmp_path / "in" / name).write_text("x = 1\n")
    options = DocumentOptions(modality="code", header=True)
    assert reasons(deduplicated(tmp_path / "in", options)) == ["", "duplicate"]


@pytest.mark.parametrize("duplicates", ["exact", "near"])
def test_the_units_make_no_difference(tmp_path: Path, duplicates: Any) -> None:
    texts = [" ".join(text(seed % 7)) for seed in range(20)]
    texts += [" ".join(changed(text(seed), 8)) for seed in range(7)]
    path = write(tmp_path / "a.jsonl", texts)
    options = DocumentOptions(duplicates=duplicates)
    whole = deduplicated(path, options)
    assert reasons(whole).count("") == (7 if duplicates == "near" else 14)
    for unit_bytes in (1000, 7777):
        assert deduplicated(path, options, unit_bytes) == whole


def test_near_duplicates_are_dropped_and_half_equal_documents_kept(tmp_path: Path) -> None:
    first = text(0)
    path = write(
        tmp_path / "a.jsonl",
        [
            " ".join(first),
            "\n".join(first),  # other white space
            " ".join(changed(first, 10)),  # Jaccard 0.93
            " ".join(first[:250] + text(1)[:150]),  # about 0.45
            " ".join(text(2)),
            " ".join(first),
        ],
    )
    found = reasons(deduplicated(path, DocumentOptions(duplicates="near")))
    assert found == ["", "near_duplicate", "near_duplicate", "", "", "duplicate"]
    exact = reasons(deduplicated(path, DocumentOptions()))
    assert exact == ["", "", "", "", "", "duplicate"]


def test_the_threshold_is_that_of_the_similarity(tmp_path: Path) -> None:
    # 30 of 400 words: 34 of 396 shingles change on each side, a Jaccard similarity of 0.84.
    texts = [
        " ".join(words)
        for seed in range(30)
        for words in (text(seed), changed(text(seed), 30, seed))
    ]
    path = write(tmp_path / "a.jsonl", texts)
    dropped = {
        similarity: reasons(
            deduplicated(path, DocumentOptions(duplicates="near", similarity=similarity))
        ).count("near_duplicate")
        for similarity in (0.6, 0.75, 0.95)
    }
    assert dropped[0.6] == 30
    assert dropped[0.75] >= 28
    assert dropped[0.95] == 0


def test_scripts_without_blanks_are_compared_by_character(tmp_path: Path) -> None:
    generator = random.Random(0)
    line = "".join(chr(generator.randrange(0x4E00, 0x9FFF)) for _ in range(500))
    other = "".join(chr(generator.randrange(0x4E00, 0x9FFF)) for _ in range(500))
    path = write(tmp_path / "a.jsonl", [line, line[:200] + "字" + line[201:], other])
    found = reasons(deduplicated(path, DocumentOptions(duplicates="near")))
    assert found == ["", "near_duplicate", ""]


def test_documents_of_few_tokens_are_only_compared_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ["a b c d", "a b c  d", "a b c d", "x", "y"])
    found = reasons(deduplicated(path, DocumentOptions(duplicates="near")))
    assert found == ["", "", "duplicate", "", ""]


def test_a_copy_of_a_dropped_near_duplicate_is_a_duplicate(tmp_path: Path) -> None:
    first = text(0)
    near = " ".join(changed(first, 5))
    path = write(tmp_path / "a.jsonl", [" ".join(first), near, near])
    found = reasons(deduplicated(path, DocumentOptions(duplicates="near")))
    assert found == ["", "near_duplicate", "duplicate"]


def test_signatures_are_the_same_on_every_machine(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ["the quick brown fox jumps over the lazy dog", "é 漢字"])
    (unit,) = plan_units([path])
    found = signatures(unit, DocumentOptions(duplicates="near"))
    assert found.digests[0].tobytes().hex() == "05c6e08f1d9fdafa03147fcb8f82f124"
    assert found.minhashes.shape == (2, 128)
    assert found.minhashes.dtype == np.uint32
    assert found.compared.tolist() == [True, False]
    assert found.minhashes[0, :3].tolist() == GOLDEN
    without = signatures(unit, DocumentOptions())
    assert without.minhashes.shape == (0, 128)


def test_without_the_library_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "datasketch":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    path = write(tmp_path / "a.jsonl", ["a"])
    (unit,) = plan_units([path])
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert signatures(unit, DocumentOptions()).digests.shape == (1, 16)
    with pytest.raises(UsageError, match=r"near needs datasketch; pip install 'hnet-seq\[dedup\]'"):
        signatures(unit, DocumentOptions(duplicates="near"))
