"""What the verbs after training leave in a folder, each file a section of the page."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from hnet_seq.report.audit_section import audit_section
from hnet_seq.report.benchmark_section import benchmark_section
from hnet_seq.report.classification_section import classification_section
from hnet_seq.report.embedding_section import embedding_section
from hnet_seq.report.enrichment_section import enrichment_section
from hnet_seq.report.explanation_section import explanation_section
from hnet_seq.report.gene_scores_section import gene_scores_section
from hnet_seq.report.html import Section, caption
from hnet_seq.report.lexicon_section import lexicon_section
from hnet_seq.report.motifs_section import motifs_section
from hnet_seq.report.score_section import score_section
from hnet_seq.report.stability_section import stability_section
from hnet_seq.report.target_scores import target_section
from hnet_seq.report.twin import model_name, of_twin
from hnet_seq.report.twin_measures import with_twin
from hnet_seq.results.read import KINDS, kind_of
from hnet_seq.results.record import Result, read_object
from hnet_seq.results.scores import Measured, Mutagenesis

#: By what a file says it is (``kind``), or else by its name; each takes the record.
SECTIONS: dict[str, Callable[[Any], Section]] = {
    "audit": audit_section,
    "benchmark": benchmark_section,
    "classification": classification_section,
    "targets": target_section,
    "enrichment": enrichment_section,
    "stability": stability_section,
    "motifs": motifs_section,
    "lexicon": lexicon_section,
    "explanation": explanation_section,
    "hnet-seq embedding": embedding_section,
    **dict.fromkeys(("sequences", "variants", "measured", "mutagenesis"), score_section),
    "genes": gene_scores_section,
}


def result_sections(folder: Path, *, without: Collection[str] = ()) -> list[Section]:
    """A section for each result in a folder, in the order of ``SECTIONS`` and of the names.

    Args:
        without: names of files that are shown elsewhere.

    Raises:
        InputError: a file is damaged.
    """
    order = list(SECTIONS)
    found = [
        (order.index(record.KIND), path, record)
        for path in sorted(folder.glob("*.json"))
        if path.name not in without and (record := _record(path))
    ]
    names = {path.name for _, path, _ in found}
    shown = [
        (path, record, _section(record, path))
        for _, path, record in sorted(found, key=lambda own: own[:2])
        if not _shown_with_model(path, names)
    ]
    anchors = Counter(section.anchor for *_, section in shown)
    said = _said(shown)
    met: Counter[str] = Counter()
    distinct = []
    for path, _, section in shown:
        if anchors[section.anchor] > 1:
            met[section.anchor] += 1
            anchor = f"{section.anchor}{_letters(met[section.anchor])}"
            section = Section(anchor, section.heading, *section.parts)
        if path in said:
            source = caption(f"Read from {path.name}.")
            heading = f"{section.heading}: {said[path]}"
            section = Section(section.anchor, heading, *section.parts, source)
        distinct.append(section)
    return distinct


def _said(shown: Sequence[tuple[Path, Result, Section]]) -> dict[Path, str]:
    """What is added to the headings that several sections have."""
    said: dict[Path, str] = {}
    for heading, count in Counter(section.heading for *_, section in shown).items():
        if count > 1:
            alike = [(path, own) for path, own, section in shown if section.heading == heading]
            words = told_apart([own for _, own in alike])
            said |= {path: own for (path, _), own in zip(alike, words, strict=True)}
    return said


def _section(found: Result, path: Path) -> Section:
    section = of_twin(SECTIONS[found.KIND](found), found)
    return with_twin(section, found, path) or section


def _shown_with_model(path: Path, names: Collection[str]) -> bool:
    """Whether this is the file of an untrained twin, and the model's is there."""
    name = model_name(path)
    return name != path.name and name in names


def _record(path: Path) -> Result | None:
    """What has a section; of something else, nothing."""
    if Path(model_name(path)).stem not in SECTIONS and path.read_bytes().lstrip()[:1] == b"[":
        return None  # every result is an object
    content = read_object(path)
    kind = kind_of(path, content)
    return KINDS[kind].of(content, path) if kind in SECTIONS else None


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ...: what an anchor may hold."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


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
