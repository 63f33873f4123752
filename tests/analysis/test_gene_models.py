"""Every special kind of gene, against the lists of bases that it was made of."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from hnet_seq.analysis.sites import gene_sites
from hnet_seq.tasks.annotations import read_annotation
from pipelines.formats.genome import Genome
from tests.analysis.flavour_kinds import FLAVOURS, make_flavour
from tests.analysis.genbank_kinds import make_genbank
from tests.analysis.gene_kinds import FILES, make
from tests.analysis.gene_models import Made

MODELS = 50  # of each file; the claim was tried on 3,000


def differences(folder: Path, made: Made) -> list[str]:
    """Sites that are missing or too many."""
    genome, annotation = folder / "genome.fa", folder / "genes"
    genome.write_text("".join(f">{k}\n{''.join(v)}\n" for k, v in made.genome.items()))
    annotation.write_text("\n".join(made.lines) + "\n")
    found: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
    for record, genes in read_annotation(annotation, Genome(genome)).genes.records.items():
        for kind, sites in gene_sites(genes).items():
            cuts = zip(sites.cuts.tolist(), sites.signs.tolist(), strict=True)
            found[kind] |= {(record, cut, sign) for cut, sign in cuts}
    wrong = []
    for kind in sorted(found.keys() | made.sites.keys()):
        wrong += [f"missing {kind} {site}" for site in sorted(made.sites[kind] - found[kind])]
        wrong += [f"too many {kind} {site}" for site in sorted(found[kind] - made.sites[kind])]
    return wrong


@pytest.mark.parametrize("seed", range(-1, len(FILES)))
def test_made_genes_have_the_sites_that_they_were_made_with(tmp_path: Path, seed: int) -> None:
    # Below 0 is GenBank.
    made = make(seed, MODELS) if seed >= 0 else make_genbank(-seed, MODELS)
    assert differences(tmp_path, made) == []


@pytest.mark.parametrize("seed", [0, 1])  # as they are written, and shuffled
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_genes_as_programs_and_databases_write_them(
    tmp_path: Path, flavour: str, seed: int
) -> None:
    assert differences(tmp_path, make_flavour(flavour, seed, 20)) == []
