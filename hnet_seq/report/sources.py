"""The section about the sources of a run: how well each is predicted, cut, and how often read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hnet_seq.report.html import Section, caption, table
from hnet_seq.report.run_data import RunData
from hnet_seq.report.units import BASE, BYTE
from hnet_seq.report.wording import DASH, bits, ratio, times_read
from hnet_seq.results.markov import LOW_ORDER, Orders


@dataclass(frozen=True)
class _Row:
    source: str
    label: str
    bits: float
    scored_tokens: int
    tokens_per_chunk: float | None  # of stage 0; None for a model without stages
    markov: Orders | None = None
    epochs: float | None = None

    @property
    def below_markov(self) -> bool:
        return self.markov is not None and self.bits < self.markov.best - 0.0005


def sources_section(run: RunData) -> Section | None:
    """A row for each source and label, and one for all; nothing for DNA of one source."""
    rows = _rows(run)
    if not rows:
        return None
    columns = _columns(run, rows)
    return Section(
        "sources",
        "Sources",
        table(
            [name for name, _ in columns],
            [[cell(row) for _, cell in columns] for row in rows],
            numeric=range(2, len(columns)),
            emphasised=[index for index, row in enumerate(rows) if row.below_markov],
        ),
        caption(_how_to_read(run, rows)),
    )


def _rows(run: RunData) -> list[_Row]:
    metrics = run.metrics
    if metrics is None or not metrics.validation:
        return []
    if not metrics.sources and run.unit is BASE:
        return []
    rows = [
        _Row(
            each.source,
            each.label,
            each.bits_per_token,
            each.scored_tokens,
            each.stages[0].tokens_per_chunk if each.stages else None,
            _markov(run, each.source, each.label),
            metrics.epochs.get(each.source),
        )
        for each in metrics.sources
    ]
    stage = next(iter(metrics.stages), None)
    length = stage.validated_tokens_per_chunk[-1][1] if stage else None
    name = "all" if rows else next(iter(run.folders), "all")
    bits_of_all, scored = metrics.validation[-1][1], metrics.scored_tokens or 0
    return [*rows, _Row(name, "", bits_of_all, scored, length, run.markov)]


def _markov(run: RunData, source: str, label: str) -> Orders | None:
    folder = run.folders.get(source)
    return None if run.markov is None or folder is None else run.markov.group(folder, label)


def _columns(run: RunData, rows: list[_Row]) -> list[tuple[str, Callable[[_Row], str]]]:
    """(heading, cell) of all columns that have something to say."""
    unit = run.unit
    columns: list[tuple[str, Callable[[_Row], str]]] = [
        ("Source", lambda row: row.source),
        ("Label", lambda row: row.label or DASH),
        (f"{unit.many.capitalize()} scored", lambda row: f"{row.scored_tokens:,}"),
        ("Model", lambda row: bits(row.bits)),
    ]
    if any(row.markov for row in rows):
        columns += [
            (
                f"Markov, order \u2264 {LOW_ORDER}",
                lambda row: _order(row.markov, lambda markov: markov.best_low_order),
            ),
            (
                "Markov, any order",
                lambda row: _order(row.markov, lambda markov: markov.best_order),
            ),
        ]
    if any(row.tokens_per_chunk is not None for row in rows):
        columns.append(
            (
                f"{unit.many.capitalize()} per chunk",
                lambda row: ratio(row.tokens_per_chunk),
            )
        )
    if any(row.epochs is not None for row in rows):
        columns.append(
            ("Times read", lambda row: DASH if row.epochs is None else times_read(row.epochs))
        )
    return columns


def _order(markov: Orders | None, chosen: Callable[[Orders], int]) -> str:
    if markov is None:
        return DASH
    order = chosen(markov)
    return f"{bits(markov.bits[order])} ({order})"


def _how_to_read(run: RunData, rows: list[_Row]) -> str:
    unit = run.unit
    masked = "masked " if run.masked else ""
    said = [
        f"Bits per {masked}{unit.one} on held-out {unit.many} at the last validation: lower is "
        f"better, {unit.uniform:g} is guessing at equal odds."
    ]
    if any(row.markov for row in rows):
        said.append(
            "The Markov models were counted on the training data of all sources together; in "
            "brackets is the order that does best in the row, and rows are in bold where the model "
            "is below it."
        )
    if any(row.tokens_per_chunk is not None for row in rows):
        said.append("Chunks are those of stage 0.")
    if any(row.epochs is not None for row in rows):
        said.append(
            "Times read is how often training has gone through the whole source, all of its "
            "labels: what is read many times is learned by heart in the end."
        )
    scored = run.metrics.scored_tokens if run.metrics else None
    if run.markov is not None and run.markov.scored_tokens != scored:
        said.append(
            f"The Markov models were scored on {run.markov.scored_tokens:,} {unit.many} in all, "
            "which are not those that the model was: the two compare roughly."
        )
    modalities = run.provenance and run.provenance.facts.get("modalities")
    if unit is BYTE and isinstance(modalities, list) and "dna_bytes" in modalities:
        said.append("Of DNA only the four letters are predicted, for which 2 is guessing.")
    return " ".join(said)
