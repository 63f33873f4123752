"""Of each kind of result, the numbers in which a model is held against its untrained twin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from hnet_seq.report.findings import labelled
from hnet_seq.report.html import Section
from hnet_seq.report.twin import Measure, beside_twin
from hnet_seq.results.analyses import Enrichment, Motifs, Stability
from hnet_seq.results.boundaries import BYTE_SECTIONS, Boundaries, TextBoundaries
from hnet_seq.results.embedding import Embedding
from hnet_seq.results.lexicon import CHUNKS, TOKENIZER, Lexicon
from hnet_seq.results.record import Result
from hnet_seq.results.scores import Measured, Mutagenesis, SequenceScores, VariantScores

_MODEL = "the model"  # the cutter of motifs


def with_twin(section: Section | None, found: Result | None, path: Path) -> Section | None:
    """A section with what the model of ``path`` is worth beside its twin, where there is one."""
    measures = _MEASURES.get(type(found)) if found is not None else None
    if section is None or found is None or measures is None:
        return section
    return beside_twin(section, found, path, measures)


def _boundaries(found: Boundaries) -> list[Measure]:
    """Boundaries per base at the bases of each kind."""
    return [Measure(row.label, row.rate, row.low, row.high) for row in labelled(found)]


def _text(found: TextBoundaries) -> list[Measure]:
    """How many times as many boundaries as at random there are at the bytes of each kind."""
    return [
        Measure(
            f"{row.class_}, times as many as at random", row.ratio, row.ratio_low, row.ratio_high
        )
        for name in BYTE_SECTIONS
        for row in found.all.rows(name)
    ]


def _enrichment(found: Enrichment) -> list[Measure]:
    of_kinds = ((kind.kind, kind.controls.shifted) for kind in found.kinds)
    return [
        Measure(f"{name}, ratio to shifted sites", own.ratio, own.low, own.high)
        for name, own in of_kinds
    ]


def _stability(found: Stability) -> list[Measure]:
    return [
        Measure(
            f"{each.edit}, {row.from_} to {row.to} bases on: share that stays",
            row.share,
            row.low,
            row.high,
        )
        for each in found.edits
        for row in each.rows
        if row.side == "right"
    ]


def _motifs(found: Motifs) -> list[Measure]:
    return [
        Measure(f"{motif.motif}, share in one chunk", row.whole, row.whole_low, row.whole_high)
        for motif in found.motifs
        for row in motif.rows
        if row.cutter == _MODEL
    ]


def _lexicon(found: Lexicon) -> list[Measure]:
    measures = []
    for stage in found.stages:
        before = f"stage {stage.stage}, " if len(found.stages) > 1 else ""
        measures.append(Measure(f"{before}words beyond shuffled sequence", stage.found))
        measures += [
            Measure(f"{before}bits a {found.letter}, {way.way}", way.bits_per_letter)
            for way in stage.ways
            if way.way in (CHUNKS, TOKENIZER)
        ]
    return measures


def _embedding(found: Embedding) -> list[Measure]:
    shown = found.overview
    if shown is None:
        return []
    shares = enumerate(shown.variance_explained[:2], 1)
    follow = enumerate(shown.correlations[:2], 1)
    return [
        *(Measure(f"component {k}, share of the variance", share) for k, share in shares),
        *(
            Measure(f"component {k}, r with {name}", r)
            for k, row in follow
            for name, r in vars(row).items()
        ),
    ]


def _sequences(found: SequenceScores) -> list[Measure]:
    return [Measure("bits per base", found.bits_per_base)]


def _variants(found: VariantScores) -> list[Measure]:
    return [
        *(Measure(f"{row.kind}, mean log-likelihood ratio", row.mean) for row in found.by_kind),
        *(Measure(f"Spearman with {row.name}", row.rho) for row in found.baselines),
    ]


def _measured(found: Measured) -> list[Measure]:
    rows = ((row["name"], row["spearman"]) for row in found.rows if row["kind"] == "model")
    return [Measure(f"{name}, Spearman", x["rho"], x["low"], x["high"]) for name, x in rows]


def _mutagenesis(found: Mutagenesis) -> list[Measure]:
    known = [x for row in found.llr for x in row if x]
    return [Measure("mean log-likelihood ratio of a change", fmean(known) if known else None)]


_MEASURES: dict[type[Result], Callable[[Any], list[Measure]]] = {
    Boundaries: _boundaries,
    TextBoundaries: _text,
    Enrichment: _enrichment,
    Stability: _stability,
    Motifs: _motifs,
    Lexicon: _lexicon,
    Embedding: _embedding,
    SequenceScores: _sequences,
    VariantScores: _variants,
    Measured: _measured,
    Mutagenesis: _mutagenesis,
}
