"""What tells results of one kind apart, in words: names of files say nothing to a reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from hnet_seq.results.record import Result
from hnet_seq.results.scores import Measured, Mutagenesis

_OF_FILES = frozenset({"checkpoint", "weights", "sha256", "twin"})


def told_apart(records: Sequence[Result]) -> list[str]:
    """A few words for each of several results under one heading, all different.

    What they are of, where that differs; else the first option, or count, that does; else numbers.
    """
    for words in _candidates(records):
        if all(words) and len(set(words)) == len(words):
            return words
    return [f"{number}" for number in range(1, len(records) + 1)]


def _candidates(records: Sequence[Result]) -> list[list[str]]:
    facts = [_facts(record) for record in records]
    shared = [name for name in facts[0] if all(name in own for own in facts)]
    return [
        [_of(record) for record in records],
        [
            "untrained twin" if getattr(record, "twin", None) else "trained model"
            for record in records
        ],
        *([f"{name.replace('_', ' ')} {own[name]}" for own in facts] for name in shared),
    ]


def _of(record: Result) -> str:
    if isinstance(record, Mutagenesis):
        return f"{record.name}:{record.start:,}-{record.end:,}"
    return record.measured if isinstance(record, Measured) else ""


def _facts(record: Any) -> dict[str, str]:
    """Words and numbers of a record and its options, but what names a file."""
    found: dict[str, str] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        inner = {field.name: value}
        if isinstance(value, dict) or dataclasses.is_dataclass(value):
            inner = value if isinstance(value, dict) else vars(value)
        for name, own in inner.items():
            if name in _OF_FILES or isinstance(own, bool) or name in found:
                continue
            if isinstance(own, int):
                found[name] = f"{own:,}"
            elif isinstance(own, str) and own and "." not in own and "/" not in own:
                found[name] = own
    return found
