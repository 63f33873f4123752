"""Real sequences, and a model small enough to learn them by heart in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq import HNetConfig
from modalities.base import Tokens
from pipelines.formats.annotation import read_gff
from pipelines.formats.genome import Genome

_DATA = Path(__file__).parents[2] / "examples" / "data" / "ecoli_536"


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small models wait for their threads longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def genome() -> Genome:
    """E. coli 536."""
    return Genome(_DATA / "genome.fna.gz")


@pytest.fixture(scope="session")
def ecoli(genome: Genome) -> list[Tokens]:
    """32 stretches of 16 to 40 bases."""
    name = next(iter(genome.lengths))
    generator = np.random.default_rng(0)
    starts = generator.integers(0, genome.lengths[name] - 64, 32).tolist()
    lengths = generator.integers(16, 41, 32).tolist()
    return [genome.fetch(name, s, s + n) for s, n in zip(starts, lengths, strict=True)]


@pytest.fixture(scope="session")
def codons(genome: Genome) -> tuple[Tokens, np.ndarray]:
    """860 bases: the end of a gene, a gap, a gene, a gap; and the codon position of each base.

    0, 1, 2 in a gene of the forward strand, 3 elsewhere.
    """
    name, start, end = next(iter(genome.lengths)), 4700, 5560
    labels = np.full(end, 3)
    for gene in read_gff(_DATA / "prodigal.gff.gz", types={"CDS"}):
        if gene.strand == "+" and gene.end < end:
            labels[gene.start : gene.end] = np.arange(gene.end - gene.start) % 3
    return genome.fetch(name, start, end), labels[start:]


@pytest.fixture(scope="session")
def small() -> HNetConfig:
    """One stage of chunking, width 64."""
    return HNetConfig.from_dict(
        {
            "arch_layout": ["m1", ["M1"], "m1"],
            "d_model": [64, 64],
            "d_intermediate": [0, 128],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
        }
    )
