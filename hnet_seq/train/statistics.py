"""What the routers do: ratio, mean probability and chunk lengths per stage."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hnet_seq.model.hnet import StageBoundaries

_LONGEST = 64  # tokens: longer chunks share the last bin of the histogram


def chunk_lengths(boundaries: list[StageBoundaries]) -> list[Tensor]:
    """Per stage the length of every chunk in raw tokens, (T_{s+1},) int64."""
    lengths = []
    positions = torch.arange(boundaries[0].boundary_mask.numel())
    end = positions.new_tensor([positions.numel()])
    for stage in boundaries:
        # The first token of a sequence is always a boundary, so no chunk crosses a sequence.
        positions = positions[stage.boundary_mask.cpu()]
        lengths.append(torch.diff(positions, append=end))
    return lengths


class BoundaryStatistics:
    """Sums over batches; nothing is kept per token."""

    def __init__(self, targets: list[float]) -> None:
        self.targets = targets
        self._positions = [0] * len(targets)
        self._chunks = [0] * len(targets)
        self._probability = [0.0] * len(targets)
        self._tokens = 0
        self._histogram = torch.zeros(len(targets), _LONGEST + 1, dtype=torch.int64)

    def update(self, boundaries: list[StageBoundaries]) -> None:
        """Add one batch."""
        if not boundaries:
            return
        self._tokens += boundaries[0].boundary_mask.numel()
        for s, (stage, lengths) in enumerate(
            zip(boundaries, chunk_lengths(boundaries), strict=True)
        ):
            self._positions[s] += stage.boundary_mask.numel()
            self._chunks[s] += lengths.numel()
            self._probability[s] += float(stage.boundary_prob.double().sum())
            self._histogram[s] += torch.bincount(
                lengths.clamp(max=_LONGEST), minlength=_LONGEST + 1
            )

    def summary(self, histogram: bool = False) -> list[dict[str, Any]]:
        """Per stage: target, positions of the stage and raw tokens per chunk, mean probability."""
        stages = []
        for s, target in enumerate(self.targets):
            record: dict[str, Any] = {
                "target": target,
                "tokens_per_chunk": self._positions[s] / max(1, self._chunks[s]),
                "bases_per_chunk": self._tokens / max(1, self._chunks[s]),
                "mean_boundary_prob": self._probability[s] / max(1, self._positions[s]),
            }
            if histogram:
                counts = self._histogram[s].tolist()
                record["chunk_length_histogram"] = {
                    str(length): count for length, count in enumerate(counts) if count
                }
            stages.append(record)
        return stages


def ratio_warnings(stages: list[dict[str, Any]]) -> list[str]:
    """A line for each stage whose chunks are over twice or under half the target."""
    return [
        f"stage {s}: {record['tokens_per_chunk']:.2f} tokens per chunk against a target of "
        f"{record['target']:g}; raise train.ratio_loss.weights[{s}]"
        for s, record in enumerate(stages)
        if not 0.5 <= record["tokens_per_chunk"] / record["target"] <= 2
    ]
