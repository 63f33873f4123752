"""Genes with other codons for the same protein, and genes with a repeat in their reading frame.

Genes are tokens in frame from the first base of their start codon; a codon is a number 0 to 63,
its first base counting 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.reader import Likelihood
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

STOP = ord("*")
LEAST_CODONS = 34  # what a repeat behind 20 codons needs, and a few more
Codons = NDArray[np.int64]


@cache
def amino_acids(table: int = 1) -> NDArray[np.uint8]:
    """(64,) the letter of each codon's amino acid in one of NCBI's genetic codes, ``*`` for stop.

    Raises:
        UsageError: there is no such code.
    """
    from Bio.Data import CodonTable  # takes as long as all the rest

    if table not in CodonTable.unambiguous_dna_by_id:
        raise UsageError("genetic_code", f"is {table}; NCBI has no such genetic code")
    forward = CodonTable.unambiguous_dna_by_id[table].forward_table
    letters = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    return np.array([ord(forward.get(codon, "*")) for codon in letters], np.uint8)


def spelled_codon(text: str, parameter: str) -> str:
    """A codon as it is given, in letters of DNA.

    Raises:
        UsageError: it is none; by the name of the ``parameter``.
    """
    found = text.upper().replace("U", "T") if isinstance(text, str) else ""
    if len(found) != 3 or set(found) - set("ACGT"):
        raise UsageError(parameter, f"is {text!r}; give three letters, as TAA")
    return found


def codons_of(gene: Tokens) -> Codons:
    """(L // 3,) codons of a gene without unknown bases; what is left of a last one is not read."""
    whole = np.asarray(gene[: len(gene) // 3 * 3], np.int64).reshape(-1, 3)
    return np.asarray(whole @ np.array([16, 4, 1]))


def gene_of(codons: Codons) -> Tokens:
    """The bases (3 K,) of codons (K,)."""
    return np.stack([codons // 16, codons // 4 % 4, codons % 4], 1).astype(np.uint8).ravel()


def usable(genes: Iterable[Tokens], most_codons: int) -> list[Tokens]:
    """Beginnings of the genes that are long enough and have no unknown base there."""
    begun = [gene[: 3 * most_codons] for gene in genes]
    begun = [gene[: len(gene) // 3 * 3] for gene in begun]
    return [own for own in begun if len(own) >= 3 * LEAST_CODONS and own.max() < dna.UNKNOWN]


def codon_usage(genes: Iterable[Tokens]) -> NDArray[np.int64]:
    """(64,) how often each codon occurs; those with an unknown base are left out."""
    found = np.zeros(64, np.int64)
    for gene in genes:
        codons = gene[: len(gene) // 3 * 3].reshape(-1, 3)
        known = codons[(codons < dna.UNKNOWN).all(1)]
        found += np.bincount(codons_of(known.ravel()), minlength=64)
    return found


def with_frequent_synonyms(gene: Tokens, usage: NDArray[np.int64], genetic_code: int = 1) -> Tokens:
    """Each codon but the first one, and but stops, as the most frequent one of its amino acid."""
    acids = amino_acids(genetic_code)
    best = np.array([np.where(acids == acids[c], usage, -1).argmax() for c in range(64)])
    codons = codons_of(gene)
    changed = np.where(acids[codons] == STOP, codons, best[codons])
    changed[:1] = codons[:1]
    return gene_of(changed)


def with_shuffled_synonyms(
    gene: Tokens, generator: np.random.Generator, genetic_code: int = 1
) -> Tokens:
    """The codons of each amino acid change places among themselves; the first one stays.

    Protein, codon counts and base composition are what they were: where a codon stands is not.
    """
    acids = amino_acids(genetic_code)
    codons = codons_of(gene)
    changed = codons.copy()
    own = acids[codons]
    for acid in np.unique(own[1:]):
        places = 1 + np.flatnonzero(own[1:] == acid)
        changed[places] = generator.permutation(codons[places])
    return gene_of(changed)


def with_stretch(gene: Tokens, stretch: Tokens, after: int) -> Tokens:
    """Bases ``after`` and on replaced by a stretch."""
    found = gene.copy()
    found[after : after + len(stretch)] = stretch
    return found


class UsageReader:
    """Knows how often each codon is used, and nothing of their order; reads genes in frame."""

    reads: Literal["before"] = "before"
    name = "codon usage"

    def __init__(self, usage: NDArray[np.int64]) -> None:
        self._log = np.log((usage + 0.5) / (usage + 0.5).sum())

    def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
        """Of genes."""
        codons = [codons_of(gene) for gene in sequences]
        return [Likelihood(float(self._log[own].sum()), 3 * len(own)) for own in codons]

    def base_log_probabilities(self, sequences: Sequence[Tokens]) -> list[NDArray[np.float32]]:
        """Refused."""
        raise InputError(None, "reads whole codons", where=self.name)

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """Refused."""
        raise InputError(None, "reads whole codons", where=self.name)
