"""A byte- or base-level language model: embedding, H-Net, output head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.generation import generate
from hnet_seq.model.hnet import HNet, HNetOutput, StageBoundaries
from hnet_seq.model.initialization import ResidualInit, initialize
from hnet_seq.model.padding import pad, padded_packing
from hnet_seq.model.pretrained import load_pretrained, save_pretrained
from hnet_seq.model.sampling import Sampling
from hnet_seq.model.state import HNetState, going_on
from hnet_seq.ops.packing import Packing

_EMBEDDING_STD = 1.0
_HEAD_STD = 0.02


@dataclass(frozen=True)
class CausalLMOutput:
    """Next-token logits and what the H-Net did.

    Attributes:
        logits: (T, V), or (B, L, V) for padded input, zero at padding.
        boundaries, chunks, hidden: packed, see :class:`hnet_seq.model.hnet.HNetOutput`.
    """

    logits: Tensor
    boundaries: list[StageBoundaries]
    chunks: list[Tensor]
    hidden: Tensor


class HNetForCausalLM(nn.Module):
    """Predicts the next token of raw sequences.

    Args:
        config: shape of the model.
        seed: the initial weights depend on it alone.
        residual_proj: see :func:`hnet_seq.model.initialization.initialize`.

    Attributes:
        metadata: what the weights were trained on, saved beside them.
    """

    def __init__(
        self, config: HNetConfig, *, seed: int = 0, residual_proj: ResidualInit = "zero"
    ) -> None:
        super().__init__()
        self.config = config
        self.metadata: dict[str, str] = {}
        width = config.d_model[0]
        self.embeddings = nn.Embedding(config.vocab_size, width)
        self.backbone = HNet(config)
        self.lm_head = nn.Linear(width, config.vocab_size, bias=False)
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
    ) -> HNetForCausalLM:
        """Load weights; in evaluation mode.

        Args:
            where: a checkpoint folder; a run folder, for its last checkpoint; a released ``.pt``
                file; or ``owner/name`` on the hub.
            device: a GPU if there is one, else the CPU, when None.
            dtype: of the weights in memory, fp32 when None.
            config: the JSON that describes the model, where it is not beside the weights.
            revision: a branch, tag or commit on the hub.

        Raises:
            FileNotFoundError: no weights there.
            ValueError: the files are damaged, do not fit each other, or would run code.
        """
        return load_pretrained(where, device, dtype=dtype, config=config, revision=revision)

    def save_pretrained(self, folder: str | Path) -> None:
        """See :func:`hnet_seq.model.pretrained.save_pretrained`."""
        save_pretrained(self, folder)

    @property
    def num_stages(self) -> int:
        """Levels of chunking; 0 for an isotropic model."""
        return self.config.num_stages

    def encode(
        self, input_ids: Tensor, packing: Packing, state: HNetState | None = None
    ) -> HNetOutput:
        """(T,) ids to the hidden states before the output head."""
        return self.backbone(self.embeddings(input_ids), input_ids, packing, state)

    def new_state(self, slots: int) -> HNetState:
        """A running state for ``slots`` sequences; give it to :meth:`forward` or :meth:`step`."""
        return self.backbone.new_state(slots, self.embeddings.weight.device)

    def forward(
        self,
        input_ids: Tensor,
        cu_seqlens: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        state: HNetState | None = None,
        slots: Tensor | None = None,
    ) -> CausalLMOutput:
        """Logits of every position.

        Args:
            input_ids: (T,) packed with ``cu_seqlens``, or (B, L).
            cu_seqlens: (S + 1,) where the packed sequences begin and end; one sequence if absent.
            mask: (B, L) bool, True at tokens; each row's tokens must come before its padding.
            state: sequences go on from here, and it is advanced in place; packed ids only, and
                without gradients. Cut anywhere, the pieces give what the whole gives.
            slots: (S,) int64 the place of each sequence in the state; 0, 1, ... if absent.

        Raises:
            ValueError: the shapes do not fit, or a sequence is empty.
        """
        if input_ids.dim() == 2:
            if cu_seqlens is not None or state is not None:
                raise ValueError("cu_seqlens and state go with packed (T,) ids, not with (B, L)")
            packing, tokens = padded_packing(input_ids, mask)
            out = self.encode(input_ids.flatten().index_select(0, tokens), packing)
            logits = pad(self.lm_head(out.hidden), tokens, input_ids.shape)
        elif input_ids.dim() == 1:
            if mask is not None:
                raise ValueError("mask goes with (B, L) ids; packed ids take cu_seqlens")
            if cu_seqlens is None:
                cu_seqlens = torch.tensor([0, input_ids.numel()], device=input_ids.device)
            packing = Packing.from_user(cu_seqlens, input_ids.numel())
            if state is not None:
                packing = going_on(packing, state, slots)
            out = self.encode(input_ids, packing, state)
            logits = self.lm_head(out.hidden)
        else:
            raise ValueError(f"input_ids must be (T,) or (B, L); got {tuple(input_ids.shape)}")
        return CausalLMOutput(logits, out.boundaries, out.chunks, out.hidden)

    @torch.no_grad()
    def prefill(
        self, input_ids: Tensor, cu_seqlens: Tensor | None = None
    ) -> tuple[CausalLMOutput, HNetState]:
        """Read prompts of any lengths.

        Args:
            input_ids: (T,) packed with ``cu_seqlens`` (S + 1,); one prompt if absent.

        Returns:
            ``logits`` (S, V) of the token after each prompt, with ``hidden`` (S, D); and the state
            that :meth:`step` goes on from.
        """
        if cu_seqlens is None:
            cu_seqlens = torch.tensor([0, input_ids.numel()], device=input_ids.device)
        state = self.new_state(cu_seqlens.numel() - 1)
        packing = going_on(Packing.from_user(cu_seqlens, input_ids.numel()), state, None)
        out = self.encode(input_ids, packing, state)
        last = out.hidden.index_select(0, packing.ends)
        return CausalLMOutput(self.lm_head(last), out.boundaries, out.chunks, last), state

    @torch.no_grad()
    def step(self, tokens: Tensor, state: HNetState, slots: Tensor | None = None) -> CausalLMOutput:
        """One more token of each sequence.

        Args:
            tokens: (S,) int64.
            state: advanced in place.
            slots: (S,) int64 which sequences; 0, 1, ... if absent.

        Returns:
            ``logits`` (S, V) of the tokens after these. The inner stages ran only for the
            sequences that begin a chunk here, as ``boundaries`` says.
        """
        cu_seqlens = torch.arange(tokens.numel() + 1, dtype=torch.int32, device=tokens.device)
        packing = going_on(Packing(cu_seqlens, tokens.numel()), state, slots)
        out = self.encode(tokens, packing, state)
        return CausalLMOutput(self.lm_head(out.hidden), out.boundaries, out.chunks, out.hidden)

    def generate(
        self,
        prompts: Sequence[Tensor],
        max_new_tokens: int,
        *,
        sampling: Sampling | None = None,
        stop_tokens: Sequence[int] = (),
        seeds: Sequence[int] | int = 0,
    ) -> list[Tensor]:
        """The new tokens (L_i,) int64 of each prompt.

        :func:`hnet_seq.model.generation.generate` gives them as they come, and says the rest.
        """
        new: list[list[int]] = [[] for _ in prompts]
        for token in generate(
            self,
            prompts,
            max_new_tokens,
            sampling=sampling,
            stop_tokens=stop_tokens,
            seeds=seeds,
        ):
            if not token.prompt:
                new[token.sequence].append(token.token)
        return [torch.tensor(tokens, dtype=torch.int64) for tokens in new]


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Summed next-token loss in nats.

    Args:
        logits: (T, V).
        targets: (T,) the token that follows, -100 where nothing is to be predicted.
        weights: (T,) factor of each position's loss.
    """
    if weights is None:
        return F.cross_entropy(logits.float(), targets, ignore_index=-100, reduction="sum")
    losses = F.cross_entropy(logits.float(), targets, ignore_index=-100, reduction="none")
    return (losses * weights).sum()
