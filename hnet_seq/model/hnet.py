"""The recursion: encoder, router, inner network on the chunks, smoothing, decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_seq.model.boundary_policy import FITTED, ROUTED, BoundaryPolicy
from hnet_seq.model.boundary_rules import new_rule_state, rule_boundaries
from hnet_seq.model.boundary_tables import tables_of
from hnet_seq.model.chunking import Chunks, confidence
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.linear import Linear
from hnet_seq.model.needed import parts
from hnet_seq.model.ngram_counts import NgramCounts
from hnet_seq.model.ngram_memory import NgramMemory
from hnet_seq.model.recent_tokens import remember
from hnet_seq.model.router import Router
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.model.stack import Stack
from hnet_seq.model.state import HNetState
from hnet_seq.model.top_k import top_of_windows
from hnet_seq.ops.packing import Packing


@dataclass(frozen=True)
class StageBoundaries:
    """What one router decided, over the packed positions of its stage.

    Attributes:
        boundary_prob: (T_s,) fp32.
        boundary_mask: (T_s,) bool; T_{s+1} positions are True.
        cu_seqlens: (S + 1,) int32.
        slots: (S,) whose state each sequence went on from; None without a state. An inner stage
            then only has the sequences that began a chunk.
    """

    boundary_prob: Tensor
    boundary_mask: Tensor
    cu_seqlens: Tensor
    slots: Tensor | None = None


@dataclass(frozen=True)
class HNetOutput:
    """Hidden states of the outermost resolution, and what each stage did on the way.

    Attributes:
        hidden: (T, D_0).
        boundaries: one record per stage, from the outside in.
        chunks: per stage the inner network's output cut back to the stage's width, (T_{s+1}, D_s).
        counted: (T, K, symbols) what n-gram counts say, if the model has any; see
            :meth:`hnet_seq.model.ngram_counts.NgramCounts.logits`.
        both_strands: (2 T, D_0) what ``hidden`` is the mean of, see :mod:`hnet_seq.model.strands`;
            None of a model that reads one.
    """

    hidden: Tensor
    boundaries: list[StageBoundaries]
    chunks: list[Tensor]
    counted: Tensor | None = None
    both_strands: Tensor | None = None


class HNet(nn.Module):
    """One level of the hierarchy; (T, D_{s-1}) to (T, D_{s-1}).

    With stages left it is encoder - inner network - decoder, else the innermost stack. Its input
    may be narrower than the stage: ``pad_dimension`` widens it, and the output is cut back.
    :func:`hnet_seq.model.needed.only_up_to` leaves decoders out, or all that is inside.
    """

    def __init__(self, config: HNetConfig, stage: int = 0) -> None:
        super().__init__()
        layout = config.layout
        self.stage, self.strand_symmetric = stage, config.strand_symmetric
        self.bidirectional, self.mirrored = config.both_ways, config.mirrored
        d_model = config.d_model[stage]
        growth = d_model - config.d_model[max(stage - 1, 0)]
        self.pad_dimension = nn.Parameter(torch.zeros(growth)) if growth else None
        self.ngram_memory: NgramMemory | None = None
        if stage == 0 and config.ngram_memory.orders:
            self.ngram_memory = NgramMemory(
                config.ngram_memory, config.vocab_size, d_model, config.bidirectional
            )
        self.ngram_counts: NgramCounts | None = None
        if stage == 0 and config.ngram_counts.orders:
            self.ngram_counts = NgramCounts(config.ngram_counts, config.vocab_size, d_model)
        self.encoder: Stack | None = None
        self.main_network: HNet | Stack
        if stage < len(layout.stages):
            spec = layout.stages[stage]
            self.boundary_policy: BoundaryPolicy = config.boundary_policy(stage)
            self.boundary_tables = tables_of(self.boundary_policy, config)
            self.encoder = Stack(spec.encoder, config, stage)
            self.routing_module = Router(d_model, config.both_ways)
            self.residual_proj = Linear(d_model, d_model)
            self.main_network = HNet(config, stage + 1)
            self.decoder = Stack(spec.decoder, config, stage)
        else:
            self.main_network = Stack(layout.innermost, config, stage)

    @property
    def ngrams(self) -> list[NgramMemory | NgramCounts]:
        """What is added to the embeddings; of the outermost level."""
        return [part for part in (self.ngram_memory, self.ngram_counts) if part is not None]

    def new_state(self, slots: int, device: torch.device) -> HNetState:
        """The state of ``slots`` sequences that have not begun.

        Raises:
            ValueError: the model is bidirectional: all it computes depends on later tokens.
        """
        if self.bidirectional or self.strand_symmetric:
            raise ValueError("a bidirectional model reads whole sequences; go on with a causal one")
        seen = torch.zeros(slots, dtype=torch.int64, device=device)
        reach = max((part.reach for part in self.ngrams), default=0)
        recent_tokens = seen.new_zeros(slots, reach) if reach else None
        if self.encoder is None:
            assert isinstance(self.main_network, Stack)
            return HNetState(seen, self.main_network.new_state(slots), recent_tokens=recent_tokens)
        assert isinstance(self.main_network, HNet)
        last_vector = self.routing_module.new_state(slots)
        return HNetState(
            seen,
            recent_tokens=recent_tokens,
            encoder=self.encoder.new_state(slots),
            decoder=self.decoder.new_state(slots),
            last_vector=last_vector,
            rule=new_rule_state(self.boundary_policy, slots, device),
            smoothed=last_vector.new_zeros(last_vector.shape, dtype=torch.float32),
            inner=self.main_network.new_state(slots, device),
        )

    def forward(
        self,
        x: Tensor,
        tokens: Tensor,
        packing: Packing,
        state: HNetState | None = None,
        soft: SoftTokens | None = None,
    ) -> HNetOutput:
        """Run this level and those inside it.

        Args:
            x: (T, D) vectors.
            tokens: (T,) int64 the token at each position, for boundaries by rule.
            packing: goes on from ``state`` where it has slots.
            state: advanced in place.
            soft: what ``tokens`` are the likeliest of, of whole sequences.
        """
        width = x.shape[-1]
        x, counted = self._own_input(x, tokens, packing, state, soft)
        if self.encoder is None:
            hidden = self.main_network(x, packing, state.encoder if state else None)
            out = HNetOutput(hidden[:, :width], [], [], counted)
        else:
            out = self._chunked(x, tokens, packing, state, width, counted, soft)
        if state is not None:
            state.advance(packing)
        return out

    def boundaries(
        self, x: Tensor, tokens: Tensor, packing: Packing, state: HNetState | None = None
    ) -> list[StageBoundaries]:
        """What each stage decides, as :meth:`forward` finds it, without what no decision needs.

        The innermost network and the decoders, most of the work, are left out, and their part of
        the state stays as it was.

        Args:
            x, tokens, packing, state: as for :meth:`forward`.
        """
        if self.encoder is None:
            return []
        x, _ = self._own_input(x, tokens, packing, state)
        h = self.encoder(x, packing, state.encoder if state else None)
        prob, mask = self._boundaries(h, tokens, packing, state)
        own = StageBoundaries(prob, mask, packing.cu_seqlens, packing.slots)
        assert isinstance(self.main_network, HNet)
        inner: list[StageBoundaries] = []
        if self.main_network.encoder is not None:
            inner_state = state.inner if state else None
            chunks = self._chunks(mask, packing, inner_state)
            if chunks.packing.total:
                of_chunks = tokens.index_select(0, chunks.starts)
                inner = self.main_network.boundaries(
                    chunks.downsample(h), of_chunks, chunks.packing, inner_state
                )
            else:
                inner = self.main_network.nothing(h).boundaries
        if state is not None:
            state.advance(packing)
        return [own, *inner]

    def _own_input(
        self,
        x: Tensor,
        tokens: Tensor,
        packing: Packing,
        state: HNetState | None,
        soft: SoftTokens | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Vectors with what n-grams add, as wide as the stage; and what counts say."""
        recent_tokens = state.recent_tokens if state else None
        counted: Tensor | None = None
        if self.ngram_memory is not None:
            x = x + self.ngram_memory(tokens, packing, recent_tokens, soft)
        if self.ngram_counts is not None:
            vector, counted = self.ngram_counts(tokens, packing, recent_tokens, soft)
            x = x + vector
        if recent_tokens is not None:
            remember(tokens, packing, recent_tokens)
        if self.pad_dimension is not None:
            x = torch.cat([x, self.pad_dimension.expand(x.shape[0], -1)], dim=-1)
        return x, counted

    def _chunked(
        self,
        x: Tensor,
        tokens: Tensor,
        packing: Packing,
        state: HNetState | None,
        width: int,
        counted: Tensor | None,
        soft: SoftTokens | None,
    ) -> HNetOutput:
        assert self.encoder is not None
        decodes, goes_inside = parts(self, self.stage)
        h = self.encoder(x, packing, state.encoder if state else None)
        if decodes:
            with torch.autocast(h.device.type, enabled=False):
                residual = self.residual_proj(h.float())
        prob, mask = self._boundaries(h, tokens, packing, state)
        inner_state = state.inner if state else None
        chunks = self._chunks(mask, packing, inner_state)
        inner = self._inner(h, tokens, chunks, inner_state, soft, goes_inside)
        own = StageBoundaries(prob, mask, packing.cu_seqlens, packing.slots)
        boundaries, of_chunks = [own, *inner.boundaries], [inner.hidden, *inner.chunks]
        if not decodes:
            return HNetOutput(h.new_zeros(0, width), boundaries, of_chunks, counted)
        if state is None:
            scale = confidence(prob, mask, self.mirrored)
            scale = scale if soft is None or soft.straight_through else scale.detach()
            spread = chunks.upsample(chunks.smooth(inner.hidden, prob), scale)
        else:  # without gradients the confidence is 1
            assert state.smoothed is not None
            spread = chunks.smooth_and_upsample(inner.hidden, prob, state.smoothed)
        hidden = self.decoder(spread + residual, packing, state.decoder if state else None)
        return HNetOutput(hidden[:, :width], boundaries, of_chunks, counted)

    def _boundaries(
        self, h: Tensor, tokens: Tensor, packing: Packing, state: HNetState | None
    ) -> tuple[Tensor, Tensor]:
        rule, own = self.boundary_policy, state.rule if state else None
        if rule.policy in ROUTED:
            prob, mask = self.routing_module(h, packing, state.last_vector if state else None)
            if rule.policy == "top_k":
                mask = top_of_windows(rule, prob, packing, own, self.bidirectional)
            return prob, mask
        if rule.policy in FITTED:
            assert self.boundary_tables is not None
            mask = self.boundary_tables(tokens, packing, own)
        else:
            mask = rule_boundaries(rule, tokens, packing, own)
        mask = mask | (packing.position == 0)
        return mask.float(), mask

    def _chunks(self, mask: Tensor, packing: Packing, inner: HNetState | None) -> Chunks:
        seen = inner.seen if inner else None
        return Chunks(mask, packing, seen, self.bidirectional, self.mirrored)

    def _inner(
        self,
        h: Tensor,
        tokens: Tensor,
        chunks: Chunks,
        state: HNetState | None,
        soft: SoftTokens | None,
        goes_inside: bool,
    ) -> HNetOutput:
        assert isinstance(self.main_network, HNet)
        if chunks.packing.total == 0 or not goes_inside:  # none has begun a chunk, or by order
            return self.main_network.nothing(h)
        first = tokens.index_select(0, chunks.starts)
        return self.main_network(chunks.downsample(h), first, chunks.packing, state, soft)

    def nothing(self, like: Tensor) -> HNetOutput:
        """What no chunks give: empty tensors of the right widths."""
        empty = like.new_zeros(0, like.shape[-1])
        if self.encoder is None:
            return HNetOutput(empty, [], [])
        assert isinstance(self.main_network, HNet)
        inner = self.main_network.nothing(like.new_zeros(0, self.routing_module.d_model))
        none = torch.zeros(0, dtype=torch.int64, device=like.device)
        cu_seqlens = torch.zeros(1, dtype=torch.int32, device=like.device)
        own = StageBoundaries(none.float(), none.bool(), cu_seqlens, none)
        return HNetOutput(empty, [own, *inner.boundaries], [inner.hidden, *inner.chunks])
