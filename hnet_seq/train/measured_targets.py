"""What a ratio loss holds where no target is given: the chunks that a model makes now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.train.labelled_batches import pack
from hnet_seq.train.statistics import BoundaryStatistics
from modalities.base import Tokens

_SMALLEST = 1.1  # tokens per chunk: the ratio loss has no meaning at 1
_ENOUGH = 1 << 17  # tokens, to know the chunk length to a percent


@torch.no_grad()
def measured_targets(
    model: HNetWithHead,
    batches: Iterable[Sequence[Tokens]],
    markers: tuple[Tokens, Tokens] | None,
    device: torch.device,
) -> list[float]:
    """Tokens per chunk of every stage on the first of some batches."""
    sums = BoundaryStatistics.of_stages(model.num_stages)
    for batch in batches:
        packed = pack(batch, device, markers)
        sums.update(model(packed.input_ids, packed.cu_seqlens).boundaries)
        if sums.tokens >= _ENOUGH:
            break
    return [max(stage["tokens_per_chunk"], _SMALLEST) for stage in sums.summary()]
