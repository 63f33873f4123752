"""What an H-Net carries from one piece of its sequences to the next.

A state has slots, one for each sequence; a packed batch says which slots its sequences go on from
(``Packing.slots``). Every layer and stage owns its part, and the inner stages only advance for
sequences that begin a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hnet_seq.model.boundary_rules import RuleState
from hnet_seq.model.stack import LayerState
from hnet_seq.ops.packing import Packing


@dataclass
class HNetState:
    """One level of the hierarchy; with an inner one if it chunks.

    Attributes:
        seen: (slots,) int64 positions of this level so far.
        encoder, decoder: one state for each layer; of the innermost level only ``encoder``.
        last_vector: (slots, D) what the router compares the next vector with.
        rule: what a boundary policy must know of what came before, see
            :data:`hnet_seq.model.boundary_rules.RuleState`.
        recent_tokens: (slots, reach) int64 what n-grams are made of, at the outermost level.
        smoothed: (slots, D) fp32 the average that the open chunk is filled with.
        inner: the level of the chunks.
    """

    seen: Tensor
    encoder: list[LayerState]
    decoder: list[LayerState] = field(default_factory=list)
    last_vector: Tensor | None = None
    rule: RuleState = field(default_factory=dict)
    recent_tokens: Tensor | None = None
    smoothed: Tensor | None = None
    inner: HNetState | None = None

    @property
    def num_slots(self) -> int:
        """Sequences that there is room for."""
        return self.seen.numel()

    def tensors(self) -> Iterator[Tensor]:
        """Everything that the state holds."""
        yield self.seen
        for layer in self.encoder + self.decoder:
            yield from layer.tensors
        yield from self._own()
        if self.inner is not None:
            yield from self.inner.tensors()

    def _own(self) -> Iterator[Tensor]:
        """Those that belong to no layer."""
        for tensor in (self.last_vector, self.recent_tokens, self.smoothed, *self.rule.values()):
            if tensor is not None:
                yield tensor

    @property
    def num_bytes(self) -> int:
        """Memory held."""
        return sum(tensor.nbytes for tensor in self.tensors())

    def advance(self, packing: Packing) -> None:
        """Count the positions of this level that its sequences went on by."""
        assert packing.slots is not None
        self.seen.index_add_(0, packing.slots, packing.cu_seqlens.diff().long())

    def copies(self, count: int) -> HNetState:
        """A state of ``count`` sequences that all go on from where this one's only sequence is."""
        assert self.num_slots == 1, "of one sequence"
        return HNetState(
            self.seen.repeat(count),
            [layer.copies(count) for layer in self.encoder],
            [layer.copies(count) for layer in self.decoder],
            _repeated(self.last_vector, count),
            {name: tensor.repeat_interleave(count, 0) for name, tensor in self.rule.items()},
            _repeated(self.recent_tokens, count),
            _repeated(self.smoothed, count),
            None if self.inner is None else self.inner.copies(count),
        )

    @torch.no_grad()
    def reset(self, slots: Tensor) -> None:
        """Empty some slots (int64) for new sequences."""
        self.seen[slots] = 0
        for layer in self.encoder + self.decoder:
            layer.reset(slots)
        for tensor in self._own():
            tensor[slots] = 0
        if self.inner is not None:
            self.inner.reset(slots)


def _repeated(tensor: Tensor | None, count: int) -> Tensor | None:
    return None if tensor is None else tensor.repeat_interleave(count, 0)


def going_on(packing: Packing, state: HNetState, slots: Tensor | None) -> Packing:
    """The packing of sequences that go on from a state's slots; 0, 1, ... if none are given.

    Raises:
        ValueError: there are more sequences than slots, a slot comes twice or does not exist, or
            gradients are on.
    """
    count = packing.num_sequences
    every_slot = False
    if torch.is_grad_enabled():
        raise ValueError("a state is for inference: call under torch.no_grad()")
    if slots is None:
        if count > state.num_slots:
            raise ValueError(f"{count} sequences do not fit a state with {state.num_slots} slots")
        slots = torch.arange(count, device=packing.device)
        every_slot = count == state.num_slots
    elif slots.shape != (count,):
        raise ValueError(f"slots: expected one for each of {count} sequences; got {slots.numel()}")
    elif len(set(slots.tolist())) < count or int(slots.min()) < 0 or slots.max() >= state.num_slots:
        raise ValueError(
            f"slots must differ and lie in 0 .. {state.num_slots - 1}; got {slots.tolist()}"
        )
    return Packing(
        packing.cu_seqlens,
        packing.total,
        slots=slots,
        offset=state.seen[slots],
        every_slot=every_slot,
    )
