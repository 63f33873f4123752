"""Of each kind of result, the numbers in which a model is held against its untrained twin."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from hnet_seq.report.embedding_section import read_embedding
from hnet_seq.report.enrichment_section import read_enrichment
from hnet_seq.report.motifs_section import read_motifs
from hnet_seq.report.results import Rate, read_boundaries
from hnet_seq.report.score_data import read_measured, read_mutagenesis, read_scores
from hnet_seq.report.stability_section import read_stability
from hnet_seq.report.text_boundaries import SECTIONS, read_text_boundaries
from hnet_seq.report.twin import Measure, Measures

_MODEL = "the model"  # the cutter of motifs


def _rates(rows: Iterable[Rate]) -> list[Measure]:
    return [Measure(row.label, row.rate, row.low, row.high) for row in rows]


def boundary_measures(path: Path) -> list[Measure]:
    """Boundaries per base at the bases of each kind."""
    found = read_boundaries(path)
    tables = (found.codon_position, found.regions, found.homopolymer, found.homopolymer_place)
    return _rates(row for rows in (*tables, found.features) for row in rows)


def text_measures(path: Path) -> list[Measure]:
    """How many times as many boundaries as at random there are at the bytes of each kind."""
    sections = read_text_boundaries(path).everything.sections
    return [
        Measure(f"{row.name}, times as many as at random", row.ratio, row.ratio_low, row.ratio_high)
        for name in SECTIONS
        for row in sections[name]
    ]


def _enrichment(path: Path) -> list[Measure]:
    found = []
    for kind in read_enrichment(path).kinds:
        control = kind.controls["shifted"]
        if control is not None:
            label = f"{kind.kind}, ratio to shifted sites"
            found.append(Measure(label, control.ratio, control.low, control.high))
    return found


def _stability(path: Path) -> list[Measure]:
    return [
        Measure(
            f"{edit}, {row.first} to {row.last} bases on: share that stays",
            row.share,
            row.low,
            row.high,
        )
        for edit, rows in read_stability(path).edits.items()
        for row in rows
        if row.side == "right"
    ]


def _motifs(path: Path) -> list[Measure]:
    return [
        Measure(f"{motif.name}, share in one chunk", *(row.values[f"whole{end}"] for end in _ENDS))
        for motif in read_motifs(path).motifs
        for row in motif.rows
        if row.cutter == _MODEL
    ]


_ENDS = ("", "_low", "_high")


def _embedding(path: Path) -> list[Measure]:
    shown = read_embedding(path).shown
    if shown is None:
        return []
    shares = enumerate(shown.variance_explained[:2], 1)
    follow = enumerate(shown.correlations[:2], 1)
    return [
        *(Measure(f"component {k}, share of the variance", share) for k, share in shares),
        *(
            Measure(f"component {k}, r with {name}", r)
            for k, row in follow
            for name, r in row.items()
        ),
    ]


def _scores(path: Path) -> list[Measure]:
    found = read_scores(path)
    if found.kind == "sequences":
        return [Measure("bits per base", found.bits_per_base)]
    return [
        *(Measure(f"{row.kind}, mean log-likelihood ratio", row.mean) for row in found.by_kind),
        *(Measure(f"Spearman with {name}", rho) for name, rho in found.baselines),
    ]


def _measured(path: Path) -> list[Measure]:
    return [
        Measure(f"{row.name}, Spearman", row.rho, row.low, row.high)
        for row in read_measured(path).rankings
        if not row.baseline
    ]


def _mutagenesis(path: Path) -> list[Measure]:
    known = [x for row in read_mutagenesis(path).llr for x in row if x]
    return [Measure("mean log-likelihood ratio of a change", fmean(known) if known else None)]


#: By the kinds of :data:`hnet_seq.report.result_files.SECTIONS`.
MEASURES: dict[str, Measures] = {
    "enrichment": _enrichment,
    "stability": _stability,
    "motifs": _motifs,
    "hnet-seq embedding": _embedding,
    "sequences": _scores,
    "variants": _scores,
    "measured": _measured,
    "mutagenesis": _mutagenesis,
}
