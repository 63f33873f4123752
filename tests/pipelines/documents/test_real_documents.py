"""Real text and code, where the shared data is."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modalities.code import language_of
from pipelines.documents import (
    Document,
    DocumentOptions,
    find_duplicates,
    plan_units,
    read_unit,
    signatures,
)

DATA = Path(__file__).parents[3] / "../shared/data"
pytestmark = pytest.mark.skipif(
    not ((DATA / "text").is_dir() and (DATA / "code").is_dir()),
    reason="the shared text and code are not here",
)


def records(path: Path) -> list[dict[str, str]]:
    with gzip.open(path) as file:
        return [json.loads(line) for line in file]


def test_text_comes_through_byte_for_byte(read: Any) -> None:
    for path in sorted((DATA / "text").rglob("*.gz")):
        (document,) = read(path)
        assert document.data == gzip.decompress(path.read_bytes())


def test_every_line_of_code_is_a_labelled_document_with_its_bytes(read: Any) -> None:
    for path in sorted((DATA / "code").glob("*.gz")):
        expected = records(path)
        found = read(path, modality="code", keep_generated=True, keep_minified=True)
        assert [item.name for item in found] == [record["path"] for record in expected]
        for item, record in zip(found, expected, strict=True):
            if isinstance(item, Document):
                assert item.data.decode() == record["text"].removeprefix("\ufeff")
                assert item.label == record["lang"]
            else:
                assert not record["text"].strip()


def test_the_language_by_name_is_the_one_given_for_nearly_all(read: Any) -> None:
    agreeing = Counter(
        language_of(record["path"]) == record["lang"]
        for path in (DATA / "code").glob("*.gz")
        for record in records(path)
    )
    assert agreeing[True] > 0.95 * agreeing.total()


def test_few_documents_of_a_curated_corpus_are_left_out() -> None:
    options = DocumentOptions(modality="code", duplicates="near")
    units = plan_units([DATA / "code"])
    found = find_duplicates([signatures(unit, options) for unit in units], options)
    items = [
        item
        for number, unit in enumerate(units)
        for item in read_unit(unit, options, found.get(number, {}))
    ]
    dropped = Counter(getattr(item, "reason", "") for item in items)
    assert dropped[""] > 0.95 * len(items)
    assert set(dropped) <= {"", "empty", "generated", "minified", "duplicate", "near_duplicate"}
