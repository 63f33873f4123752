"""The one-hot face of a model of DNA, for tools that read (B, 4, L) and ask for gradients.

It is the model itself: what an embedding reads in a table is the product of one-hot columns with
the table's first rows (:mod:`hnet_seq.model.soft_tokens`), and all behind it is the same.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.names import CHUNK_POOLINGS, POOLINGS
from hnet_seq.heads.pooling import pool, same_on_both_strands
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.given_ids import trained_on
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.ops.packing import Packing
from modalities import dna
from modalities.errors import InputError, UsageError

Output = Literal["logits", "log_likelihood", "scores", "pooled"]
_BASES = len(dna.BASES)
_BOTH = ("none", "average")


class HNetOneHot(nn.Module):
    """A model of DNA that reads one-hot sequences; differentiable once by them.

    Columns are A, C, G, T. A column of zeros is an unknown base and reads as N; what a column lacks
    of 1 is N, and its gradient by a base so says what that base is above N. Sequences of a batch
    have one length; those of several lengths are several calls.

    Args:
        model: a language model, causal or masked, or one with a head; shared, not copied.
        output: ``logits``, (B, L, V) of a language model as it gives them itself;
            ``log_likelihood``, (B, L) of each base given those before it, nats, of a causal model:
            zero at the first base and at an unknown one; ``scores``, the logits of a head, (B, C),
            or per position (B, L, C); ``pooled``, (B, D) as :func:`hnet_seq.embed` gives it.
        pooling, stage: of ``pooled``, see :func:`hnet_seq.heads.pooling.pool`.
        strands: ``average`` takes the mean with the reverse complement, of ``scores`` and
            ``pooled``; None does what a head was fine-tuned for.
        straight_through: the gradient goes through the router's decisions as in training; by
            default it is the derivative of what is computed, with the chunks held.

    Raises:
        UsageError: the model has no such output.
        InputError: the model does not read DNA, base by base.
    """

    def __init__(
        self,
        model: HNetLanguageModel | HNetWithHead,
        output: Output = "logits",
        *,
        pooling: str = "chunks",
        stage: int = -1,
        strands: Literal["none", "average"] | None = None,
        straight_through: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(model, HNetLanguageModel | HNetWithHead):
            raise UsageError("model", f"is {type(model).__name__}; load it: load_pretrained(...)")
        if output not in get_args(Output):
            raise UsageError("output", f"is {output!r}; expected {', '.join(get_args(Output))}")
        read = trained_on(model)
        if read != dna.DNA.name or model.config.vocab_size < dna.DNA.vocab_size:
            raise InputError(
                None,
                f"the model reads {read} with {model.config.vocab_size} tokens; expected one "
                "trained on DNA",
            )
        if missing := _missing(model, output):
            raise UsageError("output", f"{output} {missing}")
        if output == "scores" and strands is None:
            strands = "average" if model.metadata.get("strands") == "average" else "none"
        if strands not in (None, *_BOTH):
            raise UsageError("strands", f"is {strands!r}; expected {' or '.join(_BOTH)}")
        if strands == "average" and output in ("logits", "log_likelihood"):
            raise UsageError("strands", f"{output} are of one strand; leave it out")
        self.model = model
        self.output: Output = output
        self.pooling, self.stage = pooling, stage
        self.both_strands = strands == "average" and not self._same_on_both_strands
        self.straight_through = straight_through
        if output == "pooled":
            _check_pooling(model, pooling, stage)
        elif (pooling, stage) != ("chunks", -1):
            name = "stage" if pooling == "chunks" else "pooling"
            raise UsageError(name, f"is of pooled vectors, not of {output}; leave it out")

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4, L) to the output.

        Raises:
            InputError: another shape, or no bases.
        """
        found = self._one_strand(x)
        if not self.both_strands:
            return found
        other = self._one_strand(x.flip(1, 2))  # A, C, G, T backwards is its complement
        if other.dim() == 3:
            other = other.flip(1)
        return (found + other) / 2

    def encode(self, x: Tensor) -> tuple[HNetOutput, Packing]:
        """(B, 4, L) to what the H-Net returns, packed, with its boundaries.

        Raises:
            InputError: another shape, or no bases.
        """
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        if not isinstance(x, Tensor) or x.dim() != 3 or x.shape[1] != _BASES or not x.numel():
            raise InputError(
                None,
                f"x is {shape}; expected one-hot sequences, a tensor (B, {_BASES}, L)",
            )
        batch = len(x)
        columns = x.to(self.model.embeddings.weight.dtype).transpose(1, 2)  # (B, L, 4)
        columns = torch.cat([columns, 1 - columns.sum(2, keepdim=True)], 2)
        columns = F.pad(columns, (0, dna.DNA.vocab_size - columns.shape[2]))
        if self._markers:
            begin, end = columns.new_zeros(2, batch, 1, dna.DNA.vocab_size)
            begin[..., dna.BEGIN], end[..., dna.END] = 1, 1
            columns = torch.cat([begin, columns, end], 1)
        soft = SoftTokens(columns.flatten(0, 1), dna.UNKNOWN + 1, self.straight_through)
        packing = Packing.from_lengths([columns.shape[1]] * batch, x.device)
        if self.output == "logits":  # as the model gives them, whatever was counted
            return self.model.encode_soft(soft, packing), packing
        with left_out(self.model):
            return self.model.encode_soft(soft, packing), packing

    @property
    def _markers(self) -> bool:
        model = self.model
        return (
            self.output == "scores"
            and isinstance(model, HNetWithHead)
            and (model.head_config.markers)
        )

    @property
    def _same_on_both_strands(self) -> bool:
        if self.output == "scores" and isinstance(self.model, HNetWithHead):
            return self.model.same_on_both_strands
        return same_on_both_strands(self.model.config, self.pooling)

    def _one_strand(self, x: Tensor) -> Tensor:
        out, packing = self.encode(x)
        model = self.model
        if self.output == "pooled":
            return pool(out, packing.cu_seqlens, self.pooling, self.stage)
        shape = (len(x), x.shape[2])
        if isinstance(model, HNetForTokenClassification):
            return model.head(out.hidden).unflatten(0, shape)
        if isinstance(model, HNetWithHead):
            scores: Tensor = model.head(out, packing.cu_seqlens)
            return scores
        logits = model.logits(out).unflatten(0, shape)
        if self.output == "logits":
            return logits
        # A mixture of bases is as likely as they are, each by its share.
        known = logits.float().log_softmax(2)[:, :-1, :_BASES]
        likelihood = (known * x[..., 1:].transpose(1, 2)).sum(2)
        return F.pad(likelihood, (1, 0))


def _missing(model: HNetLanguageModel | HNetWithHead, output: Output) -> str | None:
    """Why a model has no such output."""
    if output == "scores":
        heads = HNetForSequenceClassification, HNetForTokenClassification
        return None if isinstance(model, heads) else "are of a head; fine-tune one, or take pooled"
    if output == "pooled" or isinstance(model, HNetForCausalLM):
        return None
    if isinstance(model, HNetWithHead):
        return "is of a language model, and this one has a head; take scores or pooled"
    if output == "log_likelihood":
        return "is of a causal model; a masked one has seen each base already, take logits"
    return None


def _check_pooling(model: HNetLanguageModel | HNetWithHead, pooling: str, stage: int) -> None:
    """Raise UsageError for a pooling that :func:`pool` would refuse."""
    stages = model.config.num_stages
    if pooling not in POOLINGS:
        raise UsageError("pooling", f"is {pooling!r}; expected {', '.join(POOLINGS)}")
    if pooling in CHUNK_POOLINGS and not -stages <= stage < stages:
        raise UsageError("stage", f"is {stage}; the model has {stages} stages of chunking")
