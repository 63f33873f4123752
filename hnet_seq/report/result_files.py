"""What the verbs after training leave in a folder, each file a section of the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from hnet_seq.report.classification_section import classification_section
from hnet_seq.report.embedding_section import embedding_section
from hnet_seq.report.enrichment_section import enrichment_section
from hnet_seq.report.html import Markup, escape
from hnet_seq.report.motifs_section import motifs_section
from hnet_seq.report.score_section import score_section
from hnet_seq.report.stability_section import stability_section
from hnet_seq.report.target_scores import target_section
from hnet_seq.report.twin import model_name, of_twin
from hnet_seq.report.twin_measures import with_twin
from hnet_seq.results.read import KINDS, kind_of
from hnet_seq.results.record import Result, read_object

#: By what a file says it is (``kind``), or else by its name; each takes the record.
SECTIONS: dict[str, Callable[[Any], Markup]] = {
    "classification": classification_section,
    "targets": target_section,
    "enrichment": enrichment_section,
    "stability": stability_section,
    "motifs": motifs_section,
    "hnet-seq embedding": embedding_section,
    **dict.fromkeys(("sequences", "variants", "measured", "mutagenesis"), score_section),
}


_HEADING = re.compile(r'<h2 id="([a-z]+)">([^<]+)</h2>')


def result_sections(folder: Path, *, without: Collection[str] = ()) -> list[Markup]:
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
    sections = [
        (path, _section(record, path))
        for _, path, record in sorted(found, key=lambda own: own[:2])
        if not _shown_with_model(path, names)
    ]
    found_headings = [match for _, s in sections if (match := _HEADING.search(s))]
    anchors, headings = (Counter(match[group] for match in found_headings) for group in (1, 2))
    met: Counter[str] = Counter()
    distinct = []
    for path, section in sections:
        match = _HEADING.search(section)
        if match and anchors[match[1]] > 1:
            met[match[1]] += 1
            file = path.name if headings[match[2]] > 1 else None
            section = _renamed(section, match[1], f"{match[1]}{_letters(met[match[1]])}", file)
        distinct.append(section)
    return distinct


def _section(found: Result, path: Path) -> Markup:
    section = SECTIONS[found.KIND](found)
    return with_twin(of_twin(section, found), found, path)


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


def _renamed(section: Markup, anchor: str, other: str, file: str | None) -> Markup:
    """A section under an anchor of its own; with its file in the heading, where one is given."""
    said = "" if file is None else f": {escape(file)}"
    text = section.replace(f'aria-labelledby="{anchor}"', f'aria-labelledby="{other}"')
    return Markup(_HEADING.sub(lambda m: f'<h2 id="{other}">{m[2]}{said}</h2>', text, count=1))
