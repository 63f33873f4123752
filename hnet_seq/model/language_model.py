"""What the language models share: embedding, H-Net and output head over packed or padded ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model import strands
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.given_ids import Ids, given_ids
from hnet_seq.model.hnet import HNet, HNetOutput, StageBoundaries
from hnet_seq.model.initialization import ResidualInit, initialize
from hnet_seq.model.linear import Linear
from hnet_seq.model.locate import Located
from hnet_seq.model.padding import packed_ids, pad
from hnet_seq.model.pretrained import load_weights, save_weights
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.ops.packing import Packing

_EMBEDDING_STD = 1.0
_HEAD_STD = 0.02


@dataclass(frozen=True)
class LanguageModelOutput:
    """Token logits and what the H-Net did.

    Attributes:
        logits: (T, V), or (B, L, V) for padded input, zero at padding.
        boundaries, chunks, hidden: packed, see :class:`hnet_seq.model.hnet.HNetOutput`.
    """

    logits: Tensor
    boundaries: list[StageBoundaries]
    chunks: list[Tensor]
    hidden: Tensor


class HNetLanguageModel(nn.Module):
    """Predicts tokens of raw sequences; the subclass says which.

    Args:
        config: shape of the model.
        seed: the initial weights depend on it alone.
        residual_proj: see :func:`hnet_seq.model.initialization.initialize`.

    Attributes:
        metadata: what the weights were trained on, saved beside them.
        origin: the files that the weights came from, if they did.
        bidirectional: whether a configuration must be, for what the subclass predicts.

    Raises:
        ValueError: the configuration is bidirectional where it must not be, or is not.
    """

    bidirectional: ClassVar[bool]

    def __init__(
        self, config: HNetConfig, *, seed: int = 0, residual_proj: ResidualInit = "zero"
    ) -> None:
        super().__init__()
        if config.bidirectional is not self.bidirectional:
            raise ValueError(wrong_direction(type(self).__name__, config.bidirectional))
        self.config = config
        self.metadata: dict[str, str] = {}
        self.origin: Located | None = None
        width = config.d_model[0]
        # Empty, and filled below: to draw on the meta device torch imports its compiler.
        weight = torch.empty(config.vocab_size, width)
        self.embeddings = nn.Embedding(config.vocab_size, width, _weight=weight)
        self.backbone = HNet(config)
        self.lm_head = Linear(width, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.lm_head.weight = self.embeddings.weight
        if self.embeddings.weight.device.type != "meta":
            self._initialize(seed, residual_proj)

    def _initialize(self, seed: int, residual_proj: ResidualInit) -> None:
        generator = torch.Generator().manual_seed(seed)
        initialize(self.backbone, generator, residual_proj)
        nn.init.normal_(self.lm_head.weight, std=_HEAD_STD, generator=generator)
        # Tied, the one matrix is an embedding first: normalised inputs forgive its scale.
        nn.init.normal_(self.embeddings.weight, std=_EMBEDDING_STD, generator=generator)

    @classmethod
    def from_pretrained(
        cls,
        where: str | Path,
        device: str | torch.device | None = None,
        *,
        dtype: torch.dtype | None = None,
        config: str | Path | None = None,
        revision: str | None = None,
        twin: bool = False,
    ) -> Self:
        """Load weights; in evaluation mode.

        Args:
            where: a checkpoint folder; a run folder, for its last checkpoint; a released ``.pt``
                file; the name of a model that comes with the package (``genomes-tiny``); or
                ``owner/name`` on the hub.
            device: a GPU if there is one, else the CPU, when None.
            dtype: of the weights in memory, fp32 when None.
            config: the JSON that describes the model, where it is not beside the weights.
            revision: a branch, tag or commit on the hub.
            twin: the untrained twin instead: the same shape with the weights that training began
                with, see :mod:`hnet_seq.model.twin`.

        Raises:
            FileNotFoundError: no weights there.
            ValueError: the files are damaged, do not fit each other, or would run code; or the
                model is of the other kind, causal or bidirectional.
        """
        return load_weights(
            cls, where, device, dtype=dtype, config=config, revision=revision, twin=twin
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the weights and ``config.json``; complete files or none."""
        save_weights(self, folder)

    @property
    def num_stages(self) -> int:
        """Levels of chunking; 0 for an isotropic model."""
        return self.config.num_stages

    def encode(self, input_ids: Tensor, packing: Packing) -> HNetOutput:
        """(T,) ids to the hidden states before the output head."""
        return strands.encode(self, input_ids, packing)

    def encode_soft(self, soft: SoftTokens, packing: Packing) -> HNetOutput:
        """The same of T mixtures of tokens."""
        return strands.encode_soft(self, soft, packing)

    def boundaries(self, input_ids: Tensor, packing: Packing) -> list[StageBoundaries]:
        """Those of :meth:`encode`, without the work that no decision needs."""
        return strands.boundaries(self, input_ids, packing)

    def logits(self, out: HNetOutput) -> Tensor:
        """(T, V), under autocast too in the weights' type: a rounded logit costs bits."""
        hidden = out.hidden if out.both_strands is None else out.both_strands
        with torch.autocast(hidden.device.type, enabled=False):
            logits: Tensor = self.lm_head(hidden.to(self.lm_head.weight.dtype))
            if out.both_strands is not None:
                return strands.mean_of_logits(logits)
            counts = self.backbone.ngram_counts
            if counts is None:
                return logits
            assert out.counted is not None
            return logits + counts.logits(out.counted, out.hidden)

    def forward(
        self, input_ids: Ids, cu_seqlens: Tensor | None = None, mask: Tensor | None = None
    ) -> LanguageModelOutput:
        """Logits of every position.

        Args:
            input_ids: (T,) packed with ``cu_seqlens``, or (B, L); or letters, one string or a list
                of them, which are packed.
            cu_seqlens: (S + 1,) where the packed sequences begin and end; one sequence if absent.
            mask: (B, L) bool, True at tokens; each row's tokens must come before its padding.

        Raises:
            ValueError: the shapes do not fit, or a sequence is empty.
        """
        input_ids, cu_seqlens = given_ids(self, input_ids, cu_seqlens)
        ids, packing, tokens = packed_ids(input_ids, cu_seqlens, mask)
        out = self.encode(ids, packing)
        logits = self.logits(out)
        if tokens is not None:
            logits = pad(logits, tokens, input_ids.shape)
        return LanguageModelOutput(logits, out.boundaries, out.chunks, out.hidden)


def wrong_direction(name: str, bidirectional: bool) -> str:
    if bidirectional:
        return (
            f"{name}: the configuration is bidirectional, so every position has seen the next "
            "token already; HNetForMaskedLM takes it"
        )
    return (
        f"{name}: a masked token is predicted from both sides, and the configuration is causal; "
        "set bidirectional: true, or take HNetForCausalLM"
    )


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Summed loss in nats.

    Args:
        logits: (T, V).
        targets: (T,) the token to predict (the one that follows, or the one that is masked), -100
            where there is none.
        weights: (T,) factor of each position's loss.
    """
    if weights is None:
        return F.cross_entropy(logits.float(), targets, ignore_index=-100, reduction="sum")
    losses = F.cross_entropy(logits.float(), targets, ignore_index=-100, reduction="none")
    return (losses * weights).sum()
