"""Options refuse what cannot be meant, with the name that a person typed, and survive JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from modalities.errors import UsageError
from pipelines.documents import DocumentOptions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"modality": "dna"}, "modality: is 'dna', expected text or code"),
        ({"broken_lines": "keep"}, "broken_lines: is 'keep', expected error or drop"),
        ({"invalid_utf8": "ignore"}, "invalid_utf8: is 'ignore', expected error or replace or"),
        ({"line_ends": "crlf"}, "line_ends: is 'crlf', expected keep or lf"),
        ({"duplicates": "fuzzy"}, "duplicates: is 'fuzzy', expected keep or exact or near"),
        ({"languages": "python"}, "languages: is 'python', expected names"),
        ({"licenses": ("MIT", "")}, "licenses: is .*, expected names"),
        ({"languages": ("c", "py"), "exclude_languages": ("python",)}, "python also stands in"),
        ({"text_field": ""}, "text_field: is empty"),
        ({"min_bytes": -1}, "min_bytes: is -1"),
        ({"max_bytes": 0}, "max_bytes: is 0, expected at least 1"),
        ({"min_bytes": 9, "max_bytes": 8}, "max_bytes: is 8, expected at least 9"),
        ({"mean_line": 0}, "mean_line: is 0"),
        ({"longest_line": 0}, "longest_line: is 0"),
        ({"similarity": 0.3}, "similarity: is 0.3, expected 0.5 to 0.99"),
        ({"similarity": 1.0}, r"similarity: is 1\.0, .*`duplicates` exact"),
    ],
)
def test_what_cannot_be_meant_is_misuse(options: dict[str, Any], says: str) -> None:
    if "exclude_languages" in options:
        options = {**options, "modality": "code"}
    with pytest.raises(UsageError, match=says):
        DocumentOptions(**options)


def test_options_come_back_from_a_manifest() -> None:
    options = DocumentOptions(modality="code", languages=("PY", "cpp"), licenses=("MIT",))
    assert options.languages == ("python", "c++")
    assert DocumentOptions(**json.loads(json.dumps(asdict(options)))) == options
