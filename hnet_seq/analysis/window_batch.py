"""Windows of a genome through the model, many in one packed call."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.windows import Assembly, StageCuts, Window
from hnet_seq.model.causal_lm import HNetForCausalLM


class WindowBatch:
    """Windows, of one or of many records, that go through the model in one packed call."""

    def __init__(self, model: HNetForCausalLM) -> None:
        self.model = model
        self.tokens = 0
        self._windows: list[tuple[Assembly, Window, NDArray[np.uint8]]] = []

    def add(self, record: Assembly, window: Window, tokens: NDArray[np.uint8]) -> None:
        """Take a window and its bases."""
        self._windows.append((record, window, tokens))
        self.tokens += len(tokens)

    def run(self) -> int:
        """Hand each record its boundaries; the number of bases that are new."""
        if not self._windows:
            return 0
        ends = np.cumsum([len(tokens) for _, _, tokens in self._windows])
        prob, stages = _forward(self.model, [tokens for _, _, tokens in self._windows])
        new = 0
        for (record, window, tokens), end in zip(self._windows, ends.tolist(), strict=True):
            begin = end - len(tokens)
            cuts = [s.between(begin, end).shifted(window.start - begin) for s in stages]
            record.add(window, prob[begin:end], cuts)
            new += window.end - window.kept
        self._windows, self.tokens = [], 0
        return new


@torch.inference_mode()
def _forward(
    model: HNetForCausalLM, sequences: list[NDArray[np.uint8]]
) -> tuple[NDArray[np.float32], list[StageCuts]]:
    """Boundary probability of each packed base, and each stage's boundaries among the bases."""
    device = next(model.parameters()).device
    lengths = [len(tokens) for tokens in sequences]
    ids = torch.from_numpy(np.concatenate(sequences)).to(device).long()
    cu_seqlens = torch.tensor(np.cumsum([0, *lengths]), dtype=torch.int32, device=device)
    was_training = model.training
    model.eval()
    try:
        boundaries = model(ids, cu_seqlens).boundaries
    finally:
        model.train(was_training)
    # A stage's positions are the chunks of the one outside it: each mask picks among the picked.
    positions = torch.arange(ids.numel(), device=device)
    stages = []
    for stage in boundaries:
        positions = positions[stage.boundary_mask]
        probs = stage.boundary_prob[stage.boundary_mask]
        stages.append(StageCuts(positions.cpu().numpy(), probs.float().cpu().numpy()))
    return boundaries[0].boundary_prob.float().cpu().numpy(), stages
