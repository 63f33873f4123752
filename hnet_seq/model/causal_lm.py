"""A byte- or base-level language model: it predicts the next token, and generates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hnet_seq.model.generation import generate
from hnet_seq.model.given_ids import Ids, given_ids
from hnet_seq.model.hnet import HNetOutput, StageBoundaries
from hnet_seq.model.language_model import (
    HNetLanguageModel,
    LanguageModelOutput,
    cross_entropy,
)
from hnet_seq.model.padding import packed_ids
from hnet_seq.model.sampling import Sampling
from hnet_seq.model.state import HNetState, going_on
from hnet_seq.ops.packing import Packing
from modalities.given import Given

__all__ = ["CausalLMOutput", "HNetForCausalLM", "cross_entropy"]

CausalLMOutput = LanguageModelOutput


class HNetForCausalLM(HNetLanguageModel):
    """Predicts the next token of raw sequences.

    See :class:`hnet_seq.model.language_model.HNetLanguageModel` for its arguments.
    """

    bidirectional = False

    def encode(
        self, input_ids: Tensor, packing: Packing, state: HNetState | None = None
    ) -> HNetOutput:
        """(T,) ids to the hidden states before the output head."""
        return self.backbone(self.embeddings(input_ids), input_ids, packing, state)

    def boundaries(
        self, input_ids: Tensor, packing: Packing, state: HNetState | None = None
    ) -> list[StageBoundaries]:
        """Those of :meth:`encode`, at a fraction of its work: what no decision needs is left out.

        A state that goes on so is for boundaries alone.
        """
        return self.backbone.boundaries(self.embeddings(input_ids), input_ids, packing, state)

    def new_state(self, slots: int) -> HNetState:
        """A running state for ``slots`` sequences; give it to :meth:`forward` or :meth:`step`."""
        return self.backbone.new_state(slots, self.embeddings.weight.device)

    def forward(
        self,
        input_ids: Ids,
        cu_seqlens: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        state: HNetState | None = None,
        slots: Tensor | None = None,
    ) -> CausalLMOutput:
        """Logits of every position.

        Args:
            input_ids: (T,) packed with ``cu_seqlens``, or (B, L); or letters, one string or a list
                of them, which are packed.
            cu_seqlens: (S + 1,) where the packed sequences begin and end; one sequence if absent.
            mask: (B, L) bool, True at tokens; each row's tokens must come before its padding.
            state: sequences go on from here, and it is advanced in place; packed ids only, and
                without gradients. Cut anywhere, the pieces give what the whole gives.
            slots: (S,) int64 the place of each sequence in the state; 0, 1, ... if absent.

        Raises:
            ValueError: the shapes do not fit, or a sequence is empty.
        """
        if state is None:
            return super().forward(input_ids, cu_seqlens, mask)
        input_ids, cu_seqlens = given_ids(self, input_ids, cu_seqlens)
        if input_ids.dim() != 1 or mask is not None:
            raise ValueError("a state goes with packed (T,) ids, not with (B, L) or a mask")
        _, packing, _ = packed_ids(input_ids, cu_seqlens, None)
        packing = going_on(packing, state, slots)
        out = self.encode(input_ids, packing, state)
        return CausalLMOutput(self.logits(out), out.boundaries, out.chunks, out.hidden)

    @torch.no_grad()
    def prefill(
        self, input_ids: Ids, cu_seqlens: Tensor | None = None
    ) -> tuple[CausalLMOutput, HNetState]:
        """Read prompts of any lengths.

        Args:
            input_ids: (T,) packed with ``cu_seqlens`` (S + 1,), one prompt if absent; or letters,
                one string or a list of them.

        Returns:
            ``logits`` (S, V) of the token after each prompt, with ``hidden`` (S, D); and the state
            that :meth:`step` goes on from.
        """
        input_ids, cu_seqlens = given_ids(self, input_ids, cu_seqlens)
        _, packing, _ = packed_ids(input_ids, cu_seqlens, None)
        state = self.new_state(packing.num_sequences)
        packing = going_on(packing, state, None)
        out = self.encode(input_ids, packing, state)
        last = out.hidden.index_select(0, packing.ends)
        counted = None if out.counted is None else out.counted.index_select(0, packing.ends)
        ends = HNetOutput(last, out.boundaries, out.chunks, counted)
        return CausalLMOutput(self.logits(ends), out.boundaries, out.chunks, last), state

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
        return CausalLMOutput(self.logits(out), out.boundaries, out.chunks, out.hidden)

    def generate(
        self,
        prompts: Given,
        max_new_tokens: int = 256,
        *,
        sampling: Sampling | None = None,
        stop_tokens: Sequence[int] = (),
        seeds: Sequence[int] | int = 0,
    ) -> list[Tensor]:
        """The new tokens (L_i,) int64 of each prompt; ``modalities.dna.decode`` makes letters.

        :func:`hnet_seq.model.generation.generate` gives them as they come, and says the rest.

        Args:
            prompts: one or many, letters or tokens.
        """
        new: list[list[int]] = []
        for token in generate(
            self,
            prompts,
            max_new_tokens,
            sampling=sampling,
            stop_tokens=stop_tokens,
            seeds=seeds,
        ):
            if token.sequence == len(new):  # prompts come first, in their order
                new.append([])
            if not token.prompt:
                new[token.sequence].append(token.token)
        return [torch.tensor(tokens, dtype=torch.int64) for tokens in new]
