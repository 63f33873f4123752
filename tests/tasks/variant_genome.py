"""A genome of two records beside a model, and the head of a VCF of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM

CHROM = "".join(np.random.default_rng(0).choice(list("ACGT"), 400))
CHROM = CHROM[:300] + "NNNN" + CHROM[304:]
SHORT = "ACGTTGCATG" * 3
OTHER = dict(zip("ACGT", "CTAG", strict=True))
HEADER = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture(scope="module")
def folder(hnet: HNetForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model in ``run``; the genome as FASTA, the end of its first record in small letters."""
    folder = tmp_path_factory.mktemp("variants")
    hnet.save_pretrained(folder / "run")
    letters = f"{CHROM[:200]}\n{CHROM[200:].lower()}"
    (folder / "g.fa").write_text(f">c.1|x\n{letters}\n>short\n{SHORT}\n")
    return folder
