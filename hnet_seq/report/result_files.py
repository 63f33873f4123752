"""What the verbs after training leave in a folder, each file a section of the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from hnet_seq.report.classification_section import classification_section, read_classification
from hnet_seq.report.embedding_section import embedding_section, read_embedding
from hnet_seq.report.enrichment_section import enrichment_section, read_enrichment
from hnet_seq.report.html import Markup, escape
from hnet_seq.report.json_files import read_object
from hnet_seq.report.motifs_section import motifs_section, read_motifs
from hnet_seq.report.score_section import (
    read_measured,
    read_mutagenesis,
    read_scores,
    score_section,
)
from hnet_seq.report.stability_section import read_stability, stability_section
from hnet_seq.report.target_scores import read_targets, target_section
from hnet_seq.report.twin import model_name, of_twin, with_twin
from hnet_seq.report.twin_measures import MEASURES

#: By what a file says it is (``kind``), or else by its name.
SECTIONS: dict[str, Callable[[Path], Markup]] = {
    "classification": lambda path: classification_section(read_classification(path)),
    "targets": lambda path: target_section(read_targets(path)),
    "enrichment": lambda path: enrichment_section(read_enrichment(path)),
    "stability": lambda path: stability_section(read_stability(path)),
    "motifs": lambda path: motifs_section(read_motifs(path)),
    "hnet-seq embedding": lambda path: embedding_section(read_embedding(path)),
    "sequences": lambda path: score_section(read_scores(path), None, None),
    "variants": lambda path: score_section(read_scores(path), None, None),
    "measured": lambda path: score_section(None, read_measured(path), None),
    "mutagenesis": lambda path: score_section(None, None, read_mutagenesis(path)),
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
        (order.index(kind), path)
        for path in sorted(folder.glob("*.json"))
        if path.name not in without and (kind := _kind(path)) in SECTIONS
    ]
    names = {path.name for _, path in found}
    sections = [
        (path, _section(order[place], path))
        for place, path in sorted(found)
        if not _shown_with_model(path, names)
    ]
    headings = Counter(match[1] for _, s in sections if (match := _HEADING.search(s)))
    met: Counter[str] = Counter()
    distinct = []
    for path, section in sections:
        match = _HEADING.search(section)
        if match and headings[match[1]] > 1:
            met[match[1]] += 1
            section = _renamed(section, match[1], f"{match[1]}{_letters(met[match[1]])}", path.name)
        distinct.append(section)
    return distinct


def _section(kind: str, path: Path) -> Markup:
    section = SECTIONS[kind](path)
    measures = MEASURES.get(kind)
    return section if measures is None else with_twin(of_twin(section, path), path, measures)


def _shown_with_model(path: Path, names: Collection[str]) -> bool:
    """Whether this is the file of an untrained twin, and the model's is there."""
    name = model_name(path)
    return name != path.name and name in names


def _kind(path: Path) -> str:
    name = Path(model_name(path)).stem
    if name not in SECTIONS and path.read_bytes().lstrip()[:1] == b"[":
        return ""  # of something else: every result is an object
    kind = read_object(path).get("kind")
    return kind if isinstance(kind, str) and kind in SECTIONS else name


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ...: what an anchor may hold."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def _renamed(section: Markup, anchor: str, other: str, file: str) -> Markup:
    """A section under an anchor of its own, with its file in the heading."""
    text = section.replace(f'aria-labelledby="{anchor}"', f'aria-labelledby="{other}"')
    return Markup(
        _HEADING.sub(lambda m: f'<h2 id="{other}">{m[2]}: {escape(file)}</h2>', text, count=1)
    )
