"""Memory of a training step on a CPU, counted from the model before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.masked_lm import language_model
from hnet_seq.train.memory_parts import memory_parts
from hnet_seq.train.tables import tables

_FLOAT = 4  # bytes
_MB = 1e6

_UNTRAINED = 1.6  # tokens per chunk; 1.42 to 2.11 over 20 seeds, see docs/performance.md


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes of a training step, beside the libraries.

    Attributes:
        batch_tokens, tokens_per_chunk: what it was made for.
        weights: of the parameters. Gradients are as much, AdamW's averages twice as much.
        tables: of n-grams, which have no such gradients: a memory with a number for each row, and
            the index of a text, of a model that has counted one.
        saved: per stage, from the outside in, what is kept for the backward pass.
        allocated: all tensors at the worst moment.
        holes: of the heap, between tensors.
    """

    batch_tokens: int
    tokens_per_chunk: list[float]
    weights: float
    tables: float
    saved: list[float]
    allocated: float
    holes: float

    @property
    def resident(self) -> float:
        """What the process grows by."""
        return self.allocated + self.holes

    def lines(self) -> list[str]:
        """For people."""
        lines = [
            f"memory of training on {self.batch_tokens:,} tokens at once (fp32, CPU): "
            f"{self.resident / _MB:,.0f} MB beside the libraries",
            f"  weights, gradients, AdamW: {4 * self.weights / _MB:,.1f} MB",
        ]
        if self.tables:
            lines.append(f"  n-gram tables, sums and counts: {self.tables / _MB:,.1f} MB")
        positions = float(self.batch_tokens)
        for stage, saved in enumerate(self.saved):
            unit = "token"
            if stage:
                unit = f"chunk of stage {stage - 1}"
                positions /= self.tokens_per_chunk[stage - 1]
            lines.append(
                f"  kept for the backward pass, stage {stage}: {saved / _MB:,.1f} MB, "
                f"{saved / positions / 1e3:.1f} kB a {unit}"
            )
        moments = max(0.0, self.allocated - sum(self.saved) - 3 * self.weights - self.tables)
        return [
            *lines,
            f"  moments of computation: {moments / _MB:,.1f} MB; "
            f"holes of the heap: {self.holes / _MB:,.1f} MB",
        ]


def untrained(config: HNetConfig, tokens_per_chunk: Sequence[float]) -> list[float]:
    """Tokens per chunk in the first steps of training from scratch, at most those given.

    A router that has learned nothing cuts where neighbours point apart at all, more often than its
    target asks for: the peak of the run is there. Boundaries by rule are what they will be.
    """
    return [
        min(rate, _UNTRAINED) if config.boundary_policy(stage).policy == "learned" else rate
        for stage, rate in enumerate(tokens_per_chunk)
    ]


def plan_memory(
    config: HNetConfig,
    batch_tokens: int,
    tokens_per_chunk: Sequence[float],
    *,
    context: int | None = None,
    micro_batches: int = 1,
) -> MemoryPlan:
    """Walk over the parts of a step, forwards and back, to its worst moment.

    Tensors are counted. The holes between them are a rule for glibc's heap, found by measurement: a
    freed block is not taken again for a tensor of its own size (alignment asks for a little more),
    only for smaller ones. So what the layers of an encoder leave behind is filled by the chunks of
    the inner network, and what those of the last stack leave stays; where gradients stay from one
    micro-batch to the next, they keep all holes apart.

    Args:
        batch_tokens: raw tokens computed at once, those of a micro-batch.
        tokens_per_chunk: of each stage, from the outside in.
        context: tokens of a sequence; all are one sequence if absent.
        micro_batches: of a step.

    Raises:
        ValueError: there is not one ratio for each stage.
    """
    if len(tokens_per_chunk) != config.num_stages:
        raise ValueError(
            f"tokens_per_chunk: expected {config.num_stages} values, one for each stage; "
            f"got {len(tokens_per_chunk)}"
        )
    with torch.device("meta"):
        model = language_model(config)
    parts = memory_parts(model, batch_tokens, tokens_per_chunk, context or batch_tokens)
    apart = tables(model).values()
    kept = sum(table.numel() + len(table) for table in apart)
    kept += sum(text.index_bytes for text in counted_texts(model)) // 4
    weights = sum(p.numel() for p in model.parameters()) - sum(t.numel() for t in apart)
    # Weights and two averages; from the second micro-batch on, all gradients are there too.
    peak = live = float((3 if micro_batches == 1 else 4) * weights + kept)
    for part in parts:
        live += part.saved
        peak = max(peak, live + part.forward)
    for part in reversed(parts):
        peak = max(peak, live + part.backward)
        live += part.parameters * (micro_batches == 1) - part.saved
    last_stack = takewhile(lambda part: part.stage == 0, reversed(parts))
    with_holes = last_stack if micro_batches == 1 else parts
    saved = [0.0] * (config.num_stages + 1)
    for part in parts:
        saved[part.stage] += _FLOAT * part.saved
    return MemoryPlan(
        batch_tokens,
        list(tokens_per_chunk),
        weights=_FLOAT * weights,
        tables=_FLOAT * kept,
        saved=saved,
        allocated=_FLOAT * max(peak, live),
        holes=_FLOAT * sum(part.holes for part in with_holes),
    )
