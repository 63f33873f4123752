"""Strand-symmetric models of every kind, and sequences with their reverse complements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.model.strands import COMPLEMENT
from modalities import dna
from modalities.base import Tokens

LAYOUTS: dict[str, dict[str, Any]] = {
    "isotropic": {"arch_layout": ["m1T1"], "d_model": [64]},
    "one stage": {"arch_layout": ["m1t1", ["T1m1"], "m2"], "d_model": [64, 64]},
    "two stages, growing, MLPs outside, tied": {
        "arch_layout": ["M1", ["T1m1", ["M1"], "m1"], "t1"],
        "d_model": [64, 96, 128],
        "tie_embeddings": True,
    },
    "n-gram memory": {
        "arch_layout": ["m1", ["m2"], "m1"],
        "d_model": [64, 64],
        "ngram_memory": {"orders": [2, 3], "rows": 100, "width": 8},
    },
}


def shape_of(layout: str, **changed: Any) -> HNetConfig:
    """The configuration of a layout; odd windows, so that both ends of a sequence show."""
    stages = len(LAYOUTS[layout]["d_model"])
    shape = {
        **LAYOUTS[layout],
        "d_intermediate": [128] * stages,
        "vocab_size": 8,
        "ssm_cfg": {"d_state": 16},
        "attn_cfg": {
            "num_heads": [4] * stages,
            "rotary_emb_dim": [8] * stages,
            "window_size": [7, *[-1] * (stages - 1)],
        },
        "bidirectional": True,
        "strand_symmetric": True,
    }
    return HNetConfig.from_dict({**shape, **changed})


def strand_model(layout: str, *, fresh: bool = False, **changed: Any) -> HNetForMaskedLM:
    """A model; but for a fresh one all weights are away from where they begin."""
    model = HNetForMaskedLM(shape_of(layout, **changed), residual_proj="identity").eval()
    model.metadata["modality"] = "dna"
    if not fresh:
        generator = torch.Generator().manual_seed(11)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.6 * noise / max(1, parameter[0].numel()) ** 0.5)
    return model


def strand_genome() -> Tokens:
    """1501 bases, some unknown."""
    tokens = np.random.default_rng(0).integers(0, 4, 1501).astype(np.uint8)
    tokens[100:110] = dna.UNKNOWN
    return tokens


def strand_folder(path: Path, model: HNetForMaskedLM) -> Path:
    """Its checkpoint, one without the symmetry, ``chr`` and its reverse complement."""
    model.save_pretrained(path / "model")
    strand_model("one stage", strand_symmetric=False).save_pretrained(path / "plain")
    for name, tokens in (
        ("one", strand_genome()),
        ("other", dna.reverse_complement(strand_genome())),
    ):
        (path / f"{name}.fa").write_text(f">chr\n{dna.decode(tokens)}\n")
    return path


def reverse_complement(ids: Tensor, lengths: list[int]) -> Tensor:
    """(T,) packed ids to those of the other strands, in the same order of sequences."""
    return torch.tensor(COMPLEMENT)[mirrored(ids, lengths)]


def mirrored(x: Tensor, lengths: list[int]) -> Tensor:
    """(T, ...): each sequence from its end."""
    return torch.cat([own.flip(0) for own in x.split(lengths)])


def chunks_of(stage: StageBoundaries) -> list[int]:
    """How many each sequence has."""
    return [int(own.sum()) for own in stage.boundary_mask.split(stage.cu_seqlens.diff().tolist())]


def assert_mirrored(one: Any, other: Any, lengths: list[int]) -> None:
    """What a model gives of sequences is the mirror image of what it gives of the other strands.

    Boundaries are the same to the bit; vectors and logits within 1e-4.
    """
    close: dict[str, Any] = {"atol": 1e-4, "rtol": 0}
    torch.testing.assert_close(mirrored(other.hidden, lengths), one.hidden, **close)
    swapped = mirrored(other.logits, lengths)[:, COMPLEMENT]
    torch.testing.assert_close(swapped, one.logits, **close)
    for level, (stage, mirror) in enumerate(zip(one.boundaries, other.boundaries, strict=True)):
        counts = stage.cu_seqlens.diff().tolist()
        assert mirror.cu_seqlens.diff().tolist() == counts
        for own in ("boundary_mask", "boundary_prob"):
            pairs = zip(
                getattr(stage, own).split(counts), getattr(mirror, own).split(counts), strict=True
            )
            for here, there in pairs:  # between places; a start is a boundary on either strand
                torch.testing.assert_close(there[1:].flip(0), here[1:], atol=1e-5, rtol=0)
        chunks = chunks_of(stage)
        assert chunks_of(mirror) == chunks
        torch.testing.assert_close(
            mirrored(other.chunks[level], chunks), one.chunks[level], **close
        )
