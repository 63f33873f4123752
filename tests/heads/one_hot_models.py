"""Models of every kind that one-hot sequences are given to, and such sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq import (
    HNetConfig,
    HNetForCausalLM,
    HNetForMaskedLM,
)
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.ngram_tables import GAP
from modalities import dna

SHAPES: dict[str, dict[str, Any]] = {
    "isotropic": {"arch_layout": ["m1T1"], "d_model": [64]},
    "one stage": {"arch_layout": ["m1", ["T1m1"], "m1"], "d_model": [64, 64]},
    "two stages, tied": {
        "arch_layout": ["m1", ["M1", ["T1"], "m1"], "m1"],
        "d_model": [64, 64, 128],
        "tie_embeddings": True,
    },
}


NGRAMS: dict[str, dict[str, Any]] = {
    "without memory": {},
    "memory": {"ngram_memory": {"orders": [2, 5], "rows": 300, "width": 4}},
    "counts": {"ngram_counts": {"orders": [1, 3], "symbols": 4, "tokens": [300]}},
}


#: Each kind of model once, and each kind of n-grams with chunks and in both directions.
MODELS = [
    ("isotropic", "without memory", False),
    ("one stage", "memory", False),
    ("one stage", "counts", False),
    ("two stages, tied", "without memory", False),
    ("one stage", "without memory", True),
    ("two stages, tied", "memory", True),
]


STRAND = "ACGTTGCANNTACGATTACAGGCATCAGCNTTAGCCA"


def make(shape: str, ngrams: str = "without memory", both: bool = False) -> HNetLanguageModel:
    """A model in which every part matters and chunks vary."""
    stages = len(SHAPES[shape]["d_model"])
    config = HNetConfig.from_dict(
        {
            **SHAPES[shape],
            **NGRAMS[ngrams],
            "d_intermediate": [128] * stages,
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {
                "num_heads": [4] * stages,
                "rotary_emb_dim": [8] * stages,
                "window_size": [-1] * stages,
            },
            "bidirectional": both,
        }
    )
    model = (HNetForMaskedLM if both else HNetForCausalLM)(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.6 * noise / max(1, parameter[0].numel()) ** 0.5)
    counts = model.backbone.ngram_counts
    if counts is not None:
        text = torch.randint(0, 4, (300,), generator=generator).to(torch.uint8)
        text[[50, 170]] = GAP
        counts.count([text])
    return model.eval()


def sequences(count: int = 3) -> list[str]:
    """Of one length, with unknown bases at both ends and within."""
    return [STRAND, f"N{STRAND[:0:-1]}", f"{STRAND[1:].replace('N', 'A')}N"][:count]


def one_hot(letters: list[str]) -> Tensor:
    """(B, 4, L), an unknown base a column of zeros."""
    ids = torch.from_numpy(np.stack([dna.encode(own) for own in letters])).long()
    return F.one_hot(ids, 5)[..., :4].float().transpose(1, 2).contiguous()


def ids_of(letters: list[str]) -> Tensor:
    return torch.from_numpy(np.stack([dna.encode(own) for own in letters])).long()
