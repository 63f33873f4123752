"""A class at every position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.given_ids import Ids, given_ids
from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.norm import RMSNorm
from hnet_seq.model.padding import pad


@dataclass(frozen=True)
class TokenClassificationOutput:
    """Logits of each position, and what the H-Net did.

    Attributes:
        logits: (T, C) fp32, or (B, L, C) for padded input, zero at padding.
        boundaries, chunks, hidden: packed, see :class:`hnet_seq.model.hnet.HNetOutput`.
    """

    logits: Tensor
    boundaries: list[StageBoundaries]
    chunks: list[Tensor]
    hidden: Tensor


class TokenHead(nn.Module):
    """Normalise and project the final hidden states; (T, D) to (T, C)."""

    def __init__(self, config: HNetConfig, head: HeadConfig) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model[0])
        self.linear = nn.Linear(config.d_model[0], len(head.names))

    def forward(self, hidden: Tensor) -> Tensor:
        return self.linear(self.norm(hidden.float()))


class HNetForTokenClassification(HNetWithHead):
    """Predicts a class at every position; see :class:`HNetWithHead`.

    On a causal H-Net a position's prediction sees the tokens up to it, none that follow; on a
    bidirectional one it sees them all.
    """

    problems: ClassVar[tuple[str, ...]] = ("per_position",)

    def make_head(self, config: HNetConfig, head: HeadConfig) -> nn.Module:
        return TokenHead(config, head)

    def forward(
        self, input_ids: Ids, cu_seqlens: Tensor | None = None, mask: Tensor | None = None
    ) -> TokenClassificationOutput:
        """Logits of every position; arguments and errors as for a sequence classifier."""
        input_ids, cu_seqlens = given_ids(self, input_ids, cu_seqlens)
        out, _, tokens = self._read(input_ids, cu_seqlens, mask)
        logits = self.head(out.hidden)
        if tokens is not None:
            logits = pad(logits, tokens, input_ids.shape)
        return TokenClassificationOutput(logits, out.boundaries, out.chunks, out.hidden)
