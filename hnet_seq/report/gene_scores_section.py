"""The section about genes that are cut short or taken out."""

from __future__ import annotations

from hnet_seq.report.html import Section, element, table
from hnet_seq.report.wording import difference
from hnet_seq.results.gene_scores import GeneMeasure, GeneScores

_DASH = "\u2013"
_TITLES = {
    "stop_llr": "A premature stop codon, nats",
    "deletion_llr": "All coding bases deleted, nats a base",
}
_BASELINES = {
    "bases": "length",
    "gc": "share of G and C",
    "bits_per_base": "the model's bits a base",
    "markov_bits": "a Markov model's bits a base",
    "stop_markov_llr": "the same under a Markov model",
    "deletion_markov_llr": "the same under a Markov model",
}


def gene_scores_section(found: GeneScores) -> Section:
    """Quantiles over genes, and what else ranks them so."""
    skipped = ", ".join(f"{n:,} {why.replace('_', ' ')}" for why, n in found.skipped.items())
    left_out = f"; left out: {skipped}" if skipped else ""
    return Section(
        "genes",
        "Genes cut short and taken out",
        element(
            "p",
            f"{found.scored:,} of {found.genes:,} genes of {found.input} by {found.edits:,} edits"
            f"{left_out}. Negative where the model finds the genome less likely without the gene. "
            "What a gene's length, composition or a Markov model ranks as well is no knowledge of "
            "what the gene is for.",
        ),
        table(
            ("Score", "Genes", "5%", "Median", "95%"),
            [
                (_TITLES.get(own.name, own.name), f"{own.genes:,}", *_three(own))
                for own in found.measures
            ],
            numeric=range(1, 5),
        ),
        table(
            ("Score", "Ranked beside", "Spearman"),
            [
                (
                    _TITLES.get(own.name, own.name),
                    _BASELINES.get(row.name, row.name),
                    _DASH if row.rho is None else difference(row.rho),
                )
                for own in found.measures
                for row in own.baselines
            ],
            numeric=[2],
        ),
    )


def _three(own: GeneMeasure) -> list[str]:
    if own.quantiles is None:
        return [_DASH] * 3
    return [difference(own.quantiles[index]) for index in (0, 2, 4)]
