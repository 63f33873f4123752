"""One prediction for each sequence: classes, several labels, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.heads.attention_pooling import AttentionPool
from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.pooling import POOLINGS, early_pool, last_pool, pool, segment_sum, stage_chunks
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.given_ids import Ids
from hnet_seq.model.hnet import HNetOutput, StageBoundaries
from hnet_seq.model.norm import RMSNorm

_EARLY = 7  # 0-based position: a donor site or a start codon with its context fits before it


@dataclass(frozen=True)
class SequenceClassificationOutput:
    """Logits of each sequence, and what the H-Net did.

    Attributes:
        logits: (S, C) fp32; standardised numbers for a regression.
        boundaries, chunks, hidden: packed, see :class:`hnet_seq.model.hnet.HNetOutput`.
    """

    logits: Tensor
    boundaries: list[StageBoundaries]
    chunks: list[Tensor]
    hidden: Tensor


class SequenceHead(nn.Module):
    """Pool, normalise, project.

    ``chunks`` is the mean over the inner network's output at the chunks of ``stage``,
    ``chunks_weighted`` counts each chunk by its tokens, ``attention`` weighs them by learned
    queries. ``bases`` and ``attention_bases`` do the same over the final hidden states, and
    ``last`` takes that of the last token. ``ends`` joins three: ``attention_bases``, the state of
    the eighth token, which has seen how the sequence begins and little else, and that of the last.
    ``places`` adds to ``attention_bases`` what :class:`PlaceReadout` reads at each place: for
    sequences that are aligned, such as windows around a splice site or a transcription start.
    """

    def __init__(self, config: HNetConfig, head: HeadConfig) -> None:
        super().__init__()
        self.pooling, self.stage = head.pooling, head.stage
        width = config.d_model[0]
        if head.pooling in ("chunks", "chunks_weighted", "attention"):
            stages = config.num_stages
            if not -stages <= head.stage < stages:
                raise ValueError(
                    f"pooling {head.pooling} of stage {head.stage}: the model has {stages} stages "
                    "of chunking" + ("" if stages else "; pool over bases")
                )
            width = config.d_model[head.stage % stages]
        self.attention = None if head.pooling in POOLINGS else AttentionPool(width)
        self.places = PlaceReadout(width, len(head.names)) if head.pooling == "places" else None
        if head.pooling == "ends":
            width *= 3
        self.norm = RMSNorm(width)
        self.linear = nn.Linear(width, len(head.names))

    def forward(self, output: HNetOutput, cu_seqlens: Tensor) -> Tensor:
        """What the H-Net returned for S packed sequences, to logits (S, C)."""
        logits: Tensor = self.linear(self.norm(self._pool(output, cu_seqlens)))
        if self.places is None:
            return logits
        return logits + self.places(output.hidden, cu_seqlens)

    def _pool(self, output: HNetOutput, cu_seqlens: Tensor) -> Tensor:
        if self.attention is None:
            return pool(output, cu_seqlens, self.pooling, self.stage)
        if self.pooling in ("attention_bases", "places"):
            return self.attention(output.hidden, cu_seqlens)
        if self.pooling == "ends":
            hidden = output.hidden
            parts = (
                self.attention(hidden, cu_seqlens),
                early_pool(hidden, cu_seqlens, _EARLY),
                last_pool(hidden, cu_seqlens),
            )
            # A mean over many states is far shorter than a single one, and would go unheard.
            return torch.cat([F.rms_norm(part, part.shape[1:]) for part in parts], 1)
        vectors, _, chunk_cu_seqlens = stage_chunks(output, cu_seqlens, self.stage)
        return self.attention(vectors, chunk_cu_seqlens)


class HNetForSequenceClassification(HNetWithHead):
    """Predicts classes, labels or numbers of whole sequences; see :class:`HNetWithHead`."""

    problems: ClassVar[tuple[str, ...]] = ("single_label", "multi_label", "regression")

    def make_head(self, config: HNetConfig, head: HeadConfig) -> nn.Module:
        return SequenceHead(config, head)

    def forward(
        self, input_ids: Ids, cu_seqlens: Tensor | None = None, mask: Tensor | None = None
    ) -> SequenceClassificationOutput:
        """Logits of every sequence; they do not depend on what else is in the batch.

        Args:
            input_ids: (T,) packed with ``cu_seqlens``, or (B, L); or letters, one string or a list
                of them, which are packed.
            cu_seqlens: (S + 1,) where the packed sequences begin and end; one sequence if absent.
            mask: (B, L) bool, True at tokens; each row's tokens must come before its padding.

        Raises:
            ValueError: the shapes do not fit, or a sequence is empty.
        """
        out, packing, _ = self._read(input_ids, cu_seqlens, mask)
        logits = self.head(out, packing.cu_seqlens)
        return SequenceClassificationOutput(logits, out.boundaries, out.chunks, out.hidden)


_PLACES = 1024  # tokens; whatever comes later counts as the last of them
_RANK = 16


class PlaceReadout(nn.Module):
    """Logits as a sum over positions: few features of each state, weighed by its place.

    Over one-hot letters this is the logistic regression on letters by position. The features are
    learned with the task and shared by all places; the weights of places begin at zero.
    """

    def __init__(self, d_model: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.features = nn.Linear(d_model, _RANK, bias=False)
        self.weights = nn.Parameter(torch.zeros(_PLACES, outputs * _RANK))

    def forward(self, hidden: Tensor, cu_seqlens: Tensor) -> Tensor:
        """(T, D) packed states and (S + 1,) to (S, C) fp32."""
        bounds = cu_seqlens.long()
        lengths = bounds.diff()
        tokens = torch.arange(len(hidden), device=hidden.device)
        begins = bounds[:-1].repeat_interleave(lengths, output_size=len(hidden))
        place = (tokens - begins).clamp(max=_PLACES - 1)
        weights = self.weights[place].unflatten(1, (self.outputs, _RANK))
        parts = (weights * self.features(hidden.float()).unsqueeze(1)).sum(2)  # (T, C)
        return segment_sum(parts, lengths).float()
