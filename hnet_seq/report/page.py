"""The whole page, and what it takes to repeat the run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from hnet_seq.report.document import document
from hnet_seq.report.findings import boundaries_section, classification_section, region_section
from hnet_seq.report.headline import headline
from hnet_seq.report.html import Markup, Section, element, scrollable, table
from hnet_seq.report.result_files import result_sections
from hnet_seq.report.run_data import RunData
from hnet_seq.report.sources import sources_section
from hnet_seq.report.text_section import text_section
from hnet_seq.report.training import learning_section, stages_section
from hnet_seq.report.twin_measures import with_twin
from hnet_seq.report.wording import command, missing
from modalities.errors import InputError

# These have places of their own on the page of a run.
_OF_RUNS = (
    *("classification.json", "boundaries.json", "region.json", "text_boundaries.json"),
    *("markov.json", "run.json", "manifest.json"),
)


def build_page(run: RunData, baseline: RunData | None = None) -> str:
    """The report of a run as one HTML document that needs nothing else."""
    sections = [
        headline(run, baseline),
        learning_section(run, baseline),
        sources_section(run),
        stages_section(run),
        region_section(run),
        with_twin(boundaries_section(run), run.boundaries, run.path / "boundaries.json"),
        with_twin(text_section(run), run.text_boundaries, run.path / "text_boundaries.json"),
        classification_section(run),
        *result_sections(run.path, without=_OF_RUNS),
        provenance_section(run),
    ]
    there = [section for section in sections if section is not None]
    return _document(run.name, "H-Net pretraining report", there)


def build_results_page(folder: Path) -> str:
    """The report of what other verbs left in a folder, likewise.

    Raises:
        InputError: there is no such folder, nothing to show in it, or a file is damaged.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder; give the --out of a verb")
    sections = result_sections(folder)
    if not sections:
        raise InputError(
            folder,
            "is no run folder (config.yaml, metrics.jsonl), and holds no result of audit, "
            "classify, boundaries, lexicon, explain, embed or score (*.json); give the --out of "
            "one of them",
        )
    return _document(folder.resolve().name, "H-Net results", sections)


def _document(name: str, subtitle: str, sections: list[Section]) -> str:
    return document(
        f"{name}: {subtitle}",
        element("a", "Skip to the results", href="#main", class_="skip"),
        element(
            "header",
            element("h1", name),
            element("p", subtitle, class_="subtitle"),
            _contents(sections),
        ),
        element("main", *sections, id="main"),
    )


def _contents(sections: list[Section]) -> Markup:
    links = (element("a", section.heading, href=f"#{section.anchor}") for section in sections)
    return element("nav", *links, aria_label="Sections")


def provenance_section(run: RunData) -> Section:
    """Command, versions and configuration."""
    parts = (*_command(run), *_configuration(run))
    return Section("provenance", "How to repeat this run", *parts)


def _command(run: RunData) -> list[Markup]:
    if run.provenance is None:
        again = command("hnet-seq", "pretrain", str(run.path / "config.yaml"), "--out", "NEW_RUN")
        return [missing("run.json is missing: command and versions are unknown.", again)]
    words = run.provenance.command
    parts = []
    if words:
        parts = [element("h3", "Command"), _block(shlex.join(words), "Command")]
    facts = _flat(run.provenance.facts)
    if facts:
        parts += [element("h3", "Machine and versions"), table(("What", "Value"), facts)]
    return parts


def _configuration(run: RunData) -> list[Markup]:
    if run.config is None:
        again = "hnet-seq pretrain EXPERIMENT --data SHARDS --out NEW_RUN"
        return [missing("config.yaml is missing: the configuration is unknown.", again)]
    return [element("h3", "Configuration"), _block(run.config.rstrip(), "Configuration")]


def _block(content: str, label: str) -> Markup:
    return scrollable(element("pre", element("code", content)), label)


_NAMES = {"modalities": "kinds of sequence", "threads_wait": "how idle threads wait"}


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested values as rows, in words; inner names follow outer ones."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        key = _NAMES.get(name, name.replace("_", " "))
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}, ")
        elif isinstance(value, list):
            rows.append((f"{prefix}{key}", ", ".join(f"{item}" for item in value)))
        else:
            rows.append((f"{prefix}{key}", f"{value}"))
    return rows
