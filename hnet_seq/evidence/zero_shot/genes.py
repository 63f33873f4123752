"""Genes against altered genes: synonymous codons and triplet expansion, as Carbon defines them.

Carbon's evaluation (Hugging Face, Zhongguancun Academy and TIGEM 2026, github huggingface/carbon,
``evaluation/README.md``) asks in how many pairs the real sequence is likelier than an altered one:

- ``synonymous_frequent``: codons are replaced by the most frequent synonym of the species. Who
  knows codon usage alone finds every altered gene likelier, and the score says how far a model is
  from that;
- ``triplet_expansion``: 30 bases of the frame, 60 behind its beginning, become ten times CAG.

Each has a control here. ``synonymous_shuffled`` lets the codons of each amino acid change places
inside the gene: usage and composition stay, so that order alone tells. The figure ``replaced`` of
``triplet_expansion`` puts ten codons drawn from the species' usage into the same place: what a
model holds against any stranger there, and not against the repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.codons import (
    STOP,
    UsageReader,
    amino_acids,
    codon_usage,
    gene_of,
    usable,
    with_frequent_synonyms,
    with_shuffled_synonyms,
    with_stretch,
)
from hnet_seq.evidence.zero_shot.figures import Readers, rows_of
from hnet_seq.evidence.zero_shot.pairs import preference
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError

MOST_CODONS = 200  # of a gene that are read, from its beginning
TRIPLET, COPIES, AFTER = "CAG", 10, 60


def synonymous(
    readers: Readers,
    genes: Sequence[Tokens],
    *,
    usage: NDArray[np.int64] | None = None,
    seed: int = 0,
    genetic_code: int = 1,
    most_codons: int = MOST_CODONS,
) -> list[ZeroShotTest]:
    """``synonymous_frequent`` and ``synonymous_shuffled``, see this module.

    Args:
        genes: in frame from the start codon; those that are too short, or have unknown bases, are
            left out.
        usage: (64,) of the species' codons; of these genes when None.
        seed: of the shuffles.

    Raises:
        InputError: no gene is left.
        UsageError: there is no such genetic code.
    """
    used = usable_genes(genes, most_codons)
    counted = codon_usage(genes) if usage is None else usage
    generator = np.random.default_rng(seed)
    altered = {
        "synonymous_frequent": [with_frequent_synonyms(g, counted, genetic_code) for g in used],
        "synonymous_shuffled": [with_shuffled_synonyms(g, generator, genetic_code) for g in used],
    }
    by_usage = UsageReader(counted)
    found = []
    for name, others in altered.items():
        pairs = [
            (one, other)
            for one, other in zip(used, others, strict=True)
            if not np.array_equal(one, other)
        ]
        real = _some([one for one, _ in pairs])
        changed = [other for _, other in pairs]
        settings = {
            "genes": len(pairs),
            "most_codons": most_codons,
            "changed_bases": round(float(np.mean([(a != b).mean() for a, b in pairs])), 4),
            "genetic_code": genetic_code,
            "seed": seed,
        }
        rows = rows_of(
            [*readers, ("baseline", by_usage)], partial(preference, real=real, altered=changed)
        )
        found.append(
            ZeroShotTest(test=name, metric="accuracy", chance=0.5, settings=settings, rows=rows)
        )
    return found


def triplet_expansion(
    readers: Readers,
    genes: Sequence[Tokens],
    *,
    usage: NDArray[np.int64] | None = None,
    seed: int = 0,
    genetic_code: int = 1,
    most_codons: int = MOST_CODONS,
) -> ZeroShotTest:
    """``triplet_expansion``, see this module; arguments and errors as :func:`synonymous`.

    Genes that have the repeat there already are left out.
    """
    used = usable(genes, most_codons)
    repeat = np.tile(dna.encode(TRIPLET), COPIES)
    used = _some([g for g in used if not np.array_equal(g[AFTER : AFTER + len(repeat)], repeat)])
    counted = codon_usage(genes) if usage is None else usage
    share = np.where(amino_acids(genetic_code) == STOP, 0, counted) + 0.0
    if not share.sum():
        raise InputError(None, "no codon of an amino acid is counted", where="usage")
    generator = np.random.default_rng(seed)
    drawn = [
        gene_of(generator.choice(64, COPIES, p=share / share.sum()).astype(np.int64)) for _ in used
    ]
    expanded = [with_stretch(gene, repeat, AFTER) for gene in used]
    replaced = [with_stretch(gene, own, AFTER) for gene, own in zip(used, drawn, strict=True)]

    def measure(reader: Reader) -> dict[str, Figure]:
        control = preference(reader, used, replaced)["accuracy"]
        return {**preference(reader, used, expanded), "replaced": control}

    return ZeroShotTest(
        test="triplet_expansion",
        metric="accuracy",
        chance=0.5,
        settings={
            "genes": len(used),
            "most_codons": most_codons,
            "triplet": TRIPLET,
            "copies": COPIES,
            "after_bases": AFTER,
            "genetic_code": genetic_code,
            "seed": seed,
        },
        rows=rows_of([*readers, ("baseline", UsageReader(counted))], measure),
    )


def usable_genes(genes: Sequence[Tokens], most_codons: int = MOST_CODONS) -> list[Tokens]:
    """Beginnings of those that both tests can ask; InputError where there are none."""
    return _some(usable(genes, most_codons))


def _some(genes: list[Tokens]) -> list[Tokens]:
    if not genes:
        raise InputError(
            None,
            "none is long enough and without unknown bases; give coding sequences in frame",
            where="genes",
        )
    return genes
