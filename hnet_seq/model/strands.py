"""Both strands of DNA through one model: strand symmetry by construction.

A strand-symmetric model reads every sequence and its reverse complement, each from its own 5' end,
as a causal model does and with the weights of one (``hnet_seq.ops.strands`` has how they are
packed). The strands meet in three places:

- each mixer writes half of its channels to the same place of the other strand, so that all layers
  behind it see what lies on both sides (:class:`hnet_seq.model.stack.Layer`);
- the router takes the mean of the cosines that the strands find between two places, so that both
  are cut between the same bases (:class:`hnet_seq.model.router.Router`);
- what comes out is the mean of both: of vectors, of chunks, and of logits, those of the other
  strand in the order of the complements.

All else is done on each strand by itself with the same weights. The reverse complement of a
sequence has the same two strands, the other one first; so it exchanges what is computed on them,
and changes nothing that is a mean. Caduceus (Schiff et al. 2024) has this symmetry over two halves
of the channels, which meet in its head.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Protocol

import torch
from torch import Tensor, nn

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.hnet import HNet, HNetOutput, StageBoundaries
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.strands import both_strands, mean_of_strands
from modalities import dna

# Between markers, the other strand of a sequence stands between markers too.
_MARKERS = {dna.BEGIN: dna.END, dna.END: dna.BEGIN}
COMPLEMENT = [_MARKERS.get(own, int(dna.COMPLEMENT[own])) for own in range(len(dna.VOCABULARY))]


class Body(Protocol):
    """What language models and models with a head have in common."""

    config: HNetConfig
    embeddings: nn.Embedding
    backbone: HNet


def encode(model: Body, ids: Tensor, packing: Packing) -> HNetOutput:
    """(T,) ids to the hidden states of the outermost resolution, of whole sequences."""
    if not model.config.strand_symmetric:
        return model.backbone(model.embeddings(ids), ids, packing)
    ids = _with_other_strand(ids)
    return _of_places(model.backbone(model.embeddings(ids), ids, both_strands(packing)))


def encode_soft(model: Body, soft: SoftTokens, packing: Packing) -> HNetOutput:
    """The same of T mixtures of tokens."""
    table, tokens = model.embeddings.weight, soft.tokens()
    if not model.config.strand_symmetric:
        return model.backbone(soft.embed(table), tokens, packing, soft=soft)
    # Where two letters are as likely, the other strand has the complement of the one that is taken.
    tokens = _with_other_strand(tokens)
    other = soft.columns.flip(0).index_select(1, _complement(tokens.device))
    soft = replace(soft, columns=torch.cat([soft.columns, other]))
    out = model.backbone(soft.embed(table), tokens, both_strands(packing), soft=soft)
    return _of_places(out)


def boundaries(model: Body, ids: Tensor, packing: Packing) -> list[StageBoundaries]:
    """Those of :func:`encode`, without what no decision needs."""
    if not model.config.strand_symmetric:
        return model.backbone.boundaries(model.embeddings(ids), ids, packing)
    ids = _with_other_strand(ids)
    found = model.backbone.boundaries(model.embeddings(ids), ids, both_strands(packing))
    return [_first_strand(stage) for stage in found]


def mean_of_logits(logits: Tensor) -> Tensor:
    """(2 T, V) of both strands to (T, V) of the first: the other's are of the complements."""
    own, other = logits.tensor_split(2)
    return (own + other.flip(0).index_select(1, _complement(logits.device))) / 2


def _with_other_strand(ids: Tensor) -> Tensor:
    return torch.cat([ids, _complement(ids.device)[ids.flip(0)]])


@cache
def _complement(device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # else no later training could keep it for its gradients
        return torch.tensor(COMPLEMENT, device=device)


def _of_places(out: HNetOutput) -> HNetOutput:
    return HNetOutput(
        mean_of_strands(out.hidden),
        [_first_strand(stage) for stage in out.boundaries],
        [mean_of_strands(chunks) for chunks in out.chunks],
        both_strands=out.hidden,
    )


def _first_strand(stage: StageBoundaries) -> StageBoundaries:
    """The first half; the other one has the same borders between the same places."""
    tokens, sequences = len(stage.boundary_mask) // 2, len(stage.cu_seqlens) // 2
    return StageBoundaries(
        stage.boundary_prob[:tokens],
        stage.boundary_mask[:tokens],
        stage.cu_seqlens[: sequences + 1],
    )
